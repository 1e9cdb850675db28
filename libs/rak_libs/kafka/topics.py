"""Names of topics, headers of messages, and their encodings.

Topic values are serialized OTLP requests and pprof profiles, uncompressed; the topic compresses
(zstd). Messages have
no key: load spreads evenly over the partitions. What is not in the payload is in headers; numbers
are decimal ASCII, text is UTF-8.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

OTLP_SPANS: Final = "otlp_spans"
OTLP_METRICS: Final = "otlp_metrics"
OTLP_LOGS: Final = "otlp_logs"
PPROF_PROFILES: Final = "pprof_profiles"
PIPELINE: Final = "rak_pipeline"
DEAD_LETTER_SUFFIX: Final = ".dlq"

ENVELOPE_VERSION: Final = 1

RECEIVED_NS: Final = "rak-received-ns"
PRINCIPAL: Final = "rak-principal"
ACCEPTED: Final = "rak-accepted"
REJECTED: Final = "rak-rejected"
BOOT: Final = "rak-boot"
VERSION: Final = "rak-version"

REASON: Final = "rak-reason"
ERROR_CLASS: Final = "rak-error-class"
SOURCE_TOPIC: Final = "rak-source-topic"
SOURCE_PARTITION: Final = "rak-source-partition"
SOURCE_OFFSET: Final = "rak-source-offset"
TIME: Final = "rak-time"
ITEMS: Final = "rak-items"
LEFT_BYTES: Final = "rak-left-bytes"
"""In a dead letter without a payload, which is larger than a message may be: its size in bytes."""

DEAD_LETTER_HEADERS: Final = frozenset(
    {REASON, ERROR_CLASS, SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, TIME, ITEMS, LEFT_BYTES}
)
REPLAY_OF: Final = "rak-replay-of"
"""In a message that was dead-lettered and is sent again: `<topic>.dlq/<partition>/<offset>`."""

_MOST_DIGITS: Final = 19
"""Of a number that is believed: what is longer fits no column, and takes long to read."""

Headers = Sequence[tuple[str, bytes]]


def dead_letter_topic(topic: str) -> str:
    """The topic that takes what cannot be stored of `topic`: `<topic>.dlq`."""
    return topic + DEAD_LETTER_SUFFIX


def writers_group(prefix: str, topic: str) -> str:
    """The consumer group of the topic's writers: `<[kafka] group_prefix>-<signal>`."""
    return f"{prefix}-{SIGNALS[topic]}"


SIGNALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        OTLP_SPANS: "spans",
        OTLP_METRICS: "metrics",
        OTLP_LOGS: "logs",
        PPROF_PROFILES: "profiles",
        PIPELINE: "pipeline",
    }
)
"""What each topic holds: the name of the signal in `--signal`, in metrics and in the account."""

DATA_TOPICS: Final = tuple(SIGNALS)
TOPICS: Final = (*DATA_TOPICS, *(dead_letter_topic(topic) for topic in DATA_TOPICS))


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a receiver says about a message beside its payload.

    Attributes:
        received_ns: When the request arrived, unix nanoseconds.
        principal: Who sent it; empty when nobody is identified.
        accepted: Items (spans, points, records) in the message.
        rejected: Items of the same request that were refused and are not in the message.
        boot: Which run of which receiver published it; empty when it did not say.
        version: Version of these headers.
    """

    received_ns: int
    principal: str = ""
    accepted: int = 0
    rejected: int = 0
    boot: str = ""
    version: int = ENVELOPE_VERSION

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Encode for a record."""
        return [
            (RECEIVED_NS, b"%d" % self.received_ns),
            (PRINCIPAL, self.principal.encode()),
            (ACCEPTED, b"%d" % self.accepted),
            (REJECTED, b"%d" % self.rejected),
            (BOOT, self.boot.encode()),
            (VERSION, b"%d" % self.version),
        ]

    @classmethod
    def from_headers(cls, headers: Headers) -> "Envelope | None":
        """Decode from a record; None when another producer (a Collector) wrote it.

        Headers that are missing beside the receive time, or that hold no number where one is
        expected, take their defaults: a payload is never lost to a header.
        """
        values = dict(headers)
        received_ns = _integer(values, RECEIVED_NS, -1)
        if received_ns < 0:
            return None
        return cls(
            received_ns=received_ns,
            principal=_text(values, PRINCIPAL),
            accepted=_integer(values, ACCEPTED, 0),
            rejected=_integer(values, REJECTED, 0),
            boot=_text(values, BOOT),
            version=_integer(values, VERSION, ENVELOPE_VERSION),
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a message could not be stored and where it came from.

    Attributes:
        reason: A short stable word, the label of `ingest_dead_letters_total`.
        error_class: Name of the exception's class; empty when there was none.
        topic: The topic it was read from.
        partition: The partition it was read from.
        offset: Its offset there.
        time_ns: When it was given up, unix nanoseconds.
        items: Items (spans, points, records) in it; 0 when nobody could count them.
    """

    reason: str
    error_class: str
    topic: str
    partition: int
    offset: int
    time_ns: int
    items: int = 0

    @classmethod
    def now(
        cls,
        reason: str,
        error_class: str,
        topic: str,
        partition: int,
        offset: int,
        items: int = 0,
    ) -> "DeadLetter":
        """A dead letter of this moment."""
        return cls(reason, error_class, topic, partition, offset, time.time_ns(), items)

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Encode for a record of the dead-letter topic."""
        return [
            (REASON, self.reason.encode()),
            (ERROR_CLASS, self.error_class.encode()),
            (SOURCE_TOPIC, self.topic.encode()),
            (SOURCE_PARTITION, b"%d" % self.partition),
            (SOURCE_OFFSET, b"%d" % self.offset),
            (TIME, b"%d" % self.time_ns),
            (ITEMS, b"%d" % self.items),
        ]

    @classmethod
    def from_headers(cls, headers: Headers) -> "DeadLetter | None":
        """Decode from a record of a dead-letter topic; None when it has no reason."""
        values = dict(headers)
        if REASON not in values:
            return None
        return cls(
            reason=_text(values, REASON),
            error_class=_text(values, ERROR_CLASS),
            topic=_text(values, SOURCE_TOPIC),
            partition=_integer(values, SOURCE_PARTITION, -1),
            offset=_integer(values, SOURCE_OFFSET, -1),
            time_ns=_integer(values, TIME, 0),
            items=_integer(values, ITEMS, 0),
        )


def source_headers(headers: Headers) -> list[tuple[str, bytes]]:
    """What a dead letter's record says of the message it was: its headers without the letter's."""
    return [(name, value) for name, value in headers if name not in DEAD_LETTER_HEADERS]


def _text(values: dict[str, bytes], name: str) -> str:
    return (values.get(name) or b"").decode(errors="replace")


def _integer(values: dict[str, bytes], name: str, missing: int) -> int:
    value = values.get(name) or b""
    return int(value) if value.isdigit() and len(value) <= _MOST_DIGITS else missing
