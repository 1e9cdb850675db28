"""The one table from an error to what the client is told, over gRPC and over HTTP.

https://opentelemetry.io/docs/specs/otlp/ says which answers are retryable: over gRPC UNAVAILABLE
and a few others, RESOURCE_EXHAUSTED only with RetryInfo; over HTTP 429, 502, 503 and 504. Data
that was answered with anything else is gone, so a doubt is UNAVAILABLE and 503.
"""

from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from rak_libs.kafka.errors import KafkaError, MessageTooLarge
from rak_libs.otlp.errors import RequestTooLarge, UndecodableRequest
from rak_services.otlp_receiver.errors import (
    MethodNotAllowed,
    NoSuchPath,
    NotNow,
    UnsupportedContentEncoding,
    UnsupportedContentType,
)


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """How a class of errors is answered.

    Attributes:
        grpc_code: The gRPC status, also the code of a `google.rpc.Status` body over HTTP.
        http_status: The HTTP status.
        outcome: The label of `ingest_requests_total`.
        text: What the client is told instead of the error's own text; None for that text.
    """

    grpc_code: grpc.StatusCode
    http_status: int
    outcome: str
    text: str | None = None

    @property
    def retryable(self) -> bool:
        """Whether the client is asked to send the request again."""
        return self.outcome == RETRYABLE


RETRYABLE: Final = "retryable"
REFUSED: Final = "refused"
FAILED: Final = "failed"

_QUEUE_DOWN: Final = "the queue cannot take the data now; send it again later"

STATUSES: Final[tuple[tuple[type[Exception], ErrorStatus], ...]] = (
    (UndecodableRequest, ErrorStatus(grpc.StatusCode.INVALID_ARGUMENT, 400, REFUSED)),
    (RequestTooLarge, ErrorStatus(grpc.StatusCode.RESOURCE_EXHAUSTED, 413, REFUSED)),
    (
        MessageTooLarge,
        ErrorStatus(
            grpc.StatusCode.RESOURCE_EXHAUSTED, 413, REFUSED, "the queue takes no message so large"
        ),
    ),
    (NotNow, ErrorStatus(grpc.StatusCode.UNAVAILABLE, 503, RETRYABLE)),
    # A broker that refuses for good is ours to correct; until then agents keep their data.
    (KafkaError, ErrorStatus(grpc.StatusCode.UNAVAILABLE, 503, RETRYABLE, _QUEUE_DOWN)),
    (NoSuchPath, ErrorStatus(grpc.StatusCode.NOT_FOUND, 404, REFUSED)),
    (MethodNotAllowed, ErrorStatus(grpc.StatusCode.UNIMPLEMENTED, 405, REFUSED)),
    (UnsupportedContentType, ErrorStatus(grpc.StatusCode.INVALID_ARGUMENT, 415, REFUSED)),
    (UnsupportedContentEncoding, ErrorStatus(grpc.StatusCode.INVALID_ARGUMENT, 415, REFUSED)),
)
"""First match wins; an error that is not here is a defect of ours."""

INTERNAL: Final = ErrorStatus(
    grpc.StatusCode.INTERNAL, 500, FAILED, "the receiver failed; its log says why"
)


def status_of(error: Exception) -> ErrorStatus:
    """Return how `error` is answered."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status
    return INTERNAL


def status_message(error: Exception, retry_after_seconds: int) -> Status:
    """Build the `google.rpc.Status` for `error`.

    A retryable one carries RetryInfo of `retry_after_seconds`, an undecodable one BadRequest.
    """
    status = status_of(error)
    code: int = status.grpc_code.value[0]
    message = Status(code=code, message=status.text or str(error))
    if status.retryable:
        retry = RetryInfo(retry_delay=Duration(seconds=retry_after_seconds))
        message.details.add().Pack(retry)
    elif isinstance(error, UndecodableRequest):
        violation = BadRequest.FieldViolation(field=error.field, description=str(error))
        message.details.add().Pack(BadRequest(field_violations=[violation]))
    return message
