"""Requests whose items' attributes stay bytes.

An embedded message and a bytes field are the same on the wire (protobuf encoding, "length-delimited
records"), so a descriptor that calls `Span.attributes` and `Span.Event.attributes` bytes reads
every OTLP request. Most attributes of agents were seen before, and one that is still bytes is found
in a dictionary for less than its objects cost (`rak_libs.otlp.read_attributes`).
"""

from collections.abc import Iterable
from types import ModuleType
from typing import Any, Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2


def _leave_attributes_as_bytes(messages: Iterable[DescriptorProto], owners: frozenset[str]) -> None:
    for message in messages:
        if message.name in owners:
            for field in message.field:
                if field.name == "attributes":
                    field.type = FieldDescriptorProto.TYPE_BYTES
                    field.ClearField("type_name")
        _leave_attributes_as_bytes(message.nested_type, owners)


def _request_class(name: str, modules: Iterable[ModuleType], owners: Iterable[str]) -> Any:
    """Return the class of a message, with the attributes of `owners` as bytes.

    Args:
        name: The full name of the message.
        modules: The files that it needs beside those of attributes and resources, its own last.
        owners: The names of the messages whose attributes stay bytes.
    """
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, *modules):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        _leave_attributes_as_bytes(file.message_type, frozenset(owners))
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(name))


BareTraceRequest: Final = _request_class(
    trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name,
    (trace_pb2, trace_service_pb2),
    ("Span", "Event"),
)
"""`ExportTraceServiceRequest`, but for the attributes of spans and events: each is the bytes of a
serialized `KeyValue`, not yet known to be valid."""

BareLogsRequest: Final = _request_class(
    logs_service_pb2.ExportLogsServiceRequest.DESCRIPTOR.full_name,
    (logs_pb2, logs_service_pb2),
    ("LogRecord",),
)
"""`ExportLogsServiceRequest`, the attributes of its records being bytes in the same way."""
