"""A trace request whose spans' attributes stay bytes.

An embedded message and a bytes field are the same on the wire (protobuf encoding, "length-delimited
records"), so a descriptor that calls `Span.attributes` and `Span.Event.attributes` bytes reads
every OTLP request. Most attributes of agents were seen before, and one that is still bytes is found
in a dictionary for less than its objects cost (`rak_libs.otlp.read_attributes`).
"""

from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_REQUEST: Final = trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name


def _leave_as_bytes(attributes: FieldDescriptorProto) -> None:
    attributes.type = FieldDescriptorProto.TYPE_BYTES
    attributes.ClearField("type_name")


def _request_class() -> Any:
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            if message.name == "Span":
                event = next(nested for nested in message.nested_type if nested.name == "Event")
                for field in (*message.field, *event.field):
                    if field.name == "attributes":
                        _leave_as_bytes(field)
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(_REQUEST))


BareTraceRequest: Final = _request_class()
"""`ExportTraceServiceRequest`, but for the attributes of spans and events: each is the bytes of a
serialized `KeyValue`, not yet known to be valid."""
