"""The end of every request: counted, logged where it is our fault, and put into words."""

import random
from dataclasses import dataclass
from typing import Final, Literal

from google.rpc.status_pb2 import Status

from rak_libs.receiving.statuses import INTERNAL, ErrorStatus, StatusTable
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter

Transport = Literal["grpc", "http"]

ACCEPTED: Final = "accepted"
PARTLY_REJECTED: Final = "partly_rejected"
DISCONNECTED: Final = "disconnected"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a client is told it.

    Attributes:
        status: Its row of the table.
        message: The `google.rpc.Status` for a body or for `grpc-status-details-bin`.
        retry_after_seconds: When the client may come again; None if it must not.
    """

    status: ErrorStatus
    message: Status
    retry_after_seconds: int | None


def refuse(
    error: Exception,
    table: StatusTable,
    transport: Transport,
    signal: str,
    least_retry_seconds: int,
) -> Refusal:
    """Turn an error into its answer by `table`, to a request of `signal` ('' if nobody can know).

    A retryable one asks for a delay from `least_retry_seconds` to twice that, so that agents that
    were refused together do not come back together.
    """
    status = table.status_of(error)
    count(transport, signal, status.outcome)
    if status is INTERNAL:
        log.error("receiver.export_failed", transport=transport, signal=signal, exc_info=error)
    else:
        log.debug("receiver.export_refused", transport=transport, signal=signal, reason=str(error))
    _forget_frames(error)
    delay = random.randint(least_retry_seconds, 2 * least_retry_seconds)  # noqa: S311 - no secret
    return Refusal(status, table.message(error, delay), delay if status.retryable else None)


def count(transport: Transport, signal: str, outcome: str) -> None:
    """Count one answered request."""
    counter("ingest_requests_total").labels(signal, transport, outcome).inc()


def _forget_frames(error: BaseException) -> None:
    """Let go of the frames that an error passed through, since these hold request bodies.

    Errors of futures often end in a reference cycle with such a frame. The collector finds it
    only after very many further allocations, which are few while bodies are large: without this
    an outage of the broker leaks gigabytes.
    """
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            current.__traceback__ = None
            pending += [current.__cause__, current.__context__]
