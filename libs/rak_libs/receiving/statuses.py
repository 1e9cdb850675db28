"""The one table from an error to what the client is told, over gRPC and over HTTP.

https://opentelemetry.io/docs/specs/otlp/ says which answers are retryable: over gRPC UNAVAILABLE
and a few others, RESOURCE_EXHAUSTED only with RetryInfo; over HTTP 429, 502, 503 and 504. Data
that was answered with anything else is gone, so a doubt is UNAVAILABLE and 503. Profiles are
answered alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2 as codes
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from rak_libs.kafka.errors import KafkaError, MessageTooLarge
from rak_libs.receiving.errors import (
    BodyTooLarge,
    MethodNotAllowed,
    NoSuchPath,
    NotNow,
    UndecodableBody,
    UnsupportedContentEncoding,
    UnsupportedContentType,
)


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """How a class of errors is answered.

    Attributes:
        code: The gRPC status, also the code of a `google.rpc.Status` body over HTTP.
        http_status: The HTTP status.
        outcome: The label of `ingest_requests_total`.
        text: What the client is told instead of the error's own text; None for that text.
    """

    code: int
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

BAD_DATA: Final = ErrorStatus(codes.INVALID_ARGUMENT, 400, REFUSED)
TOO_LARGE: Final = ErrorStatus(codes.RESOURCE_EXHAUSTED, 413, REFUSED)
INTERNAL: Final = ErrorStatus(codes.INTERNAL, 500, FAILED, "the receiver failed; its log says why")

_MESSAGE_TOO_LARGE: Final = "the queue takes no message so large"
_QUEUE_DOWN: Final = "the queue cannot take the data now; send it again later"
_UNSUPPORTED: Final = ErrorStatus(codes.INVALID_ARGUMENT, 415, REFUSED)

Row = tuple[type[Exception], ErrorStatus]

_COMMON: Final[tuple[Row, ...]] = (
    (UndecodableBody, BAD_DATA),
    (BodyTooLarge, TOO_LARGE),
    (
        MessageTooLarge,
        ErrorStatus(codes.RESOURCE_EXHAUSTED, 413, REFUSED, _MESSAGE_TOO_LARGE),
    ),
    (NotNow, ErrorStatus(codes.UNAVAILABLE, 503, RETRYABLE)),
    # A broker that refuses for good is ours to correct; until then agents keep their data.
    (KafkaError, ErrorStatus(codes.UNAVAILABLE, 503, RETRYABLE, _QUEUE_DOWN)),
    (NoSuchPath, ErrorStatus(codes.NOT_FOUND, 404, REFUSED)),
    (MethodNotAllowed, ErrorStatus(codes.UNIMPLEMENTED, 405, REFUSED)),
    (UnsupportedContentType, _UNSUPPORTED),
    (UnsupportedContentEncoding, _UNSUPPORTED),
)


class StatusTable:
    """The errors of one receiver: those of its telemetry, then what all receivers share.

    First match wins; an error that is not in it is a defect of ours.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        """Compose a table; `rows` are the receiver's own."""
        self._rows = (*rows, *_COMMON)

    def status_of(self, error: Exception) -> ErrorStatus:
        """Return how `error` is answered."""
        for kind, status in self._rows:
            if isinstance(error, kind):
                return status
        return INTERNAL

    def message(self, error: Exception, retry_after_seconds: int) -> Status:
        """Build the `google.rpc.Status` for `error`.

        A retryable one carries RetryInfo of `retry_after_seconds`; one of bad data BadRequest, with
        the error's `field` if it has one.
        """
        status = self.status_of(error)
        message = Status(code=status.code, message=status.text or str(error))
        if status.retryable:
            retry = RetryInfo(retry_delay=Duration(seconds=retry_after_seconds))
            message.details.add().Pack(retry)
        elif status is BAD_DATA:
            field: str = getattr(error, "field", "")
            violation = BadRequest.FieldViolation(field=field, description=str(error))
            message.details.add().Pack(BadRequest(field_violations=[violation]))
        return message
