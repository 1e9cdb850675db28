"""Status records: what receivers and writers tell of themselves in topic `rak_pipeline`.

A record is one JSON object in UTF-8. `service` says of which kind it is, `v` is the version of the
format (1). Fields that a reader does not know are left alone; times are unix milliseconds.

- `"service": "receiver"`: `boot` (one run of the process), `sequence` (from 1, one more with every
  record of a boot), `started_ms`, `at_ms`, `release`, `final` (the account is closed: nothing
  follows), `signals` (those that it receives) and `counts`: for a signal, hour, principal, outcome
  and reason the items of this boot **so far**. A record carries the counts that changed since the
  broker acknowledged the last one, so a record that is lost or read twice changes nothing.
- `"service": "writer"`: `boot`, `sequence`, `started_ms`, `at_ms`, `release` and `positions`: for
  each partition that it owns, how far it has come.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

FORMAT: Final = 1

Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Word = Annotated[str, Meta(min_length=1, max_length=100)]
Boot = Annotated[str, Meta(min_length=1, max_length=100)]


class BadStatus(ValueError):
    """The bytes are no status record; the text says why."""


class Count(Struct, frozen=True, kw_only=True):
    """Items of a boot so far.

    Attributes:
        signal: The signal, `spans`.
        hour_ms: Begin of the hour in which the broker took them or, of those that it never got,
            in which they arrived.
        principal: Who sent them.
        outcome: `accepted`, `rejected` or `failed` (`rak_libs.model.pipeline`).
        reason: Why they were rejected, '' otherwise.
        items: How many.
    """

    signal: Word
    hour_ms: Whole
    principal: str
    outcome: Literal["accepted", "rejected", "failed"]
    reason: str = ""
    items: Whole


class Position(Struct, frozen=True, kw_only=True):
    """How far a writer has come in one partition.

    Attributes:
        signal: The signal, `spans`.
        topic: The topic.
        partition: The partition.
        next_offset: The offset after the last message that is written.
        end_offset: The offset that the next message will get, as far as the writer knows.
        written_until_ms: Every message that the broker dated before this is written; 0 when the
            writer does not know yet.
        oldest_unwritten_ms: How the broker dated the oldest message that is not written; 0 when
            there is none, or the writer has not read it yet.
    """

    signal: Word
    topic: Word
    partition: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    next_offset: Whole
    end_offset: Whole
    written_until_ms: Whole = 0
    oldest_unwritten_ms: Whole = 0

    @property
    def lag(self) -> int:
        """Messages that are not written."""
        return max(self.end_offset - self.next_offset, 0)


class ReceiverStatus(Struct, frozen=True, kw_only=True, tag_field="service", tag="receiver"):
    """A receiver's status record."""

    v: Literal[1] = FORMAT
    boot: Boot
    sequence: Whole
    started_ms: Whole
    at_ms: Whole
    release: str
    final: bool
    signals: list[Word]
    counts: list[Count]


class WriterStatus(Struct, frozen=True, kw_only=True, tag_field="service", tag="writer"):
    """A writer's status record."""

    v: Literal[1] = FORMAT
    boot: Boot
    sequence: Whole
    started_ms: Whole
    at_ms: Whole
    release: str
    positions: list[Position]


Status = ReceiverStatus | WriterStatus

_decoder: Final[msgspec.json.Decoder[Status]] = msgspec.json.Decoder(Status)


def encode_status(status: Status) -> bytes:
    """Return a record's value."""
    return msgspec.json.encode(status)


def decode_status(value: bytes) -> Status:
    """Read a record's value.

    Raises:
        BadStatus: It is none, or of another version.
    """
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadStatus(str(error)) from error
