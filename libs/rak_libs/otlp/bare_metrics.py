"""Metric requests whose most repeated parts stay bytes.

An embedded message and a bytes field are the same on the wire (protobuf encoding, "length-delimited
records"), so a descriptor that calls a message field bytes reads every OTLP request. Resource,
scope, metric and attributes of a series come again with every point of it, and what is still bytes
is found in a dictionary for less than its objects cost (`rak_libs.otlp.metric_series`).
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

_REQUEST: Final = metrics_service_pb2.ExportMetricsServiceRequest.DESCRIPTOR.full_name


def _leave_as_bytes(field: FieldDescriptorProto) -> None:
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")
    # A message that comes twice is merged, which is what joining its bytes does.
    field.label = FieldDescriptorProto.LABEL_REPEATED


def _request_class(bare: Mapping[str, str]) -> Any:
    """Return the class of a request; `bare` names the field of a message that stays bytes."""
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, metrics_pb2, metrics_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            for field in message.field:
                if field.name == bare.get(message.name):
                    _leave_as_bytes(field)
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(_REQUEST))


BareMetricsRequest: Final = _request_class(
    {
        "ResourceMetrics": "resource",
        "ScopeMetrics": "scope",
        "Gauge": "data_points",
        "Sum": "data_points",
        "HistogramDataPoint": "attributes",
        "ExponentialHistogramDataPoint": "attributes",
        "SummaryDataPoint": "attributes",
    }
)
"""`ExportMetricsServiceRequest` in which resources, scopes, the points of gauges and sums, and the
attributes of all other points are lists of bytes, not yet known to be valid. The bytes of a
resource or scope are to be joined."""

BareNumbersRequest: Final = _request_class({"NumberDataPoint": "attributes"})
"""`ExportMetricsServiceRequest` in which the attributes of gauges' and sums' points are bytes."""
