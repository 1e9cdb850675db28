"""Letters as people and programs read them."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from rak_libs.kafka.topics import Headers
from rak_libs.model.time_text import format_time
from rak_services.writer.dlq.letters import Letter, SeenMarker
from rak_services.writer.dlq.sending import Result

_NS_PER_MS = 1_000_000
_COLUMNS = (
    ("TOPIC", "<"),
    ("ID", "<"),
    ("TIME", "<"),
    ("REASON", "<"),
    ("ERROR", "<"),
    ("FROM", "<"),
    ("ITEMS", ">"),
    ("BYTES", ">"),
    ("COPIES", ">"),
    ("STATE", "<"),
)


class LetterRow(msgspec.Struct, frozen=True):
    """One letter in `dlq list --format json`.

    Attributes:
        topic: The dead-letter topic.
        id: `partition:offset` there.
        time: When it was given up, RFC 3339.
        reason: Why.
        error_class: The class of the error, '' when a check refused it.
        source_topic: Where its message was read.
        source_partition: The partition there.
        source_offset: The offset there.
        items: Spans, points or records in it; null when nobody could count them.
        bytes: Size of the payload.
        copies: How many times it was published.
        state: open, claimed, replayed or dropped.
    """

    topic: str
    id: str
    time: str
    reason: str
    error_class: str
    source_topic: str
    source_partition: int
    source_offset: int
    items: int | None
    bytes: int
    copies: int
    state: str


def row_of(letter: Letter) -> LetterRow:
    """Describe a letter."""
    what = letter.what
    return LetterRow(
        topic=letter.topic,
        id=str(letter.id),
        time=format_time(what.time_ns),
        reason=what.reason,
        error_class=what.error_class,
        source_topic=what.topic,
        source_partition=what.partition,
        source_offset=what.offset,
        items=letter.items,
        bytes=letter.size,
        copies=letter.copies,
        state=letter.state,
    )


def letters_json(letters: Iterable[Letter]) -> str:
    """Return one JSON array, an object a letter (`LetterRow`)."""
    return msgspec.json.encode([row_of(letter) for letter in letters]).decode()


def letters_table(letters: Sequence[Letter]) -> str:
    """Return a table for people, times to the second."""
    lines = [tuple(name for name, _ in _COLUMNS), *(_cells(row_of(each)) for each in letters)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:{align}{width}}"
            for cell, width, (_, align) in zip(line, widths, _COLUMNS, strict=True)
        ).rstrip()
        for line in lines
    )


def _cells(row: LetterRow) -> tuple[str, ...]:
    return (
        printable(row.topic),
        row.id,
        f"{row.time[:19]}Z",
        printable(row.reason),
        printable(row.error_class) or "-",
        f"{printable(row.source_topic)}/{row.source_partition}/{row.source_offset}",
        "?" if row.items is None else str(row.items),
        str(row.bytes),
        str(row.copies),
        row.state,
    )


def letter_text(letter: Letter, headers: Headers) -> str:
    """Return everything about one letter but its payload; `headers` are its record's."""
    row = row_of(letter)
    facts = [
        ("state", row.state),
        ("reason", f"{row.reason} {row.error_class}".strip()),
        ("given up", row.time),
        ("from", f"{row.source_topic}/{row.source_partition}/{row.source_offset}"),
        ("items", "unknown" if row.items is None else str(row.items)),
        ("bytes", str(row.bytes)),
        ("copies", str(row.copies)),
    ]
    lines = [f"{letter.topic} {letter.id}"]
    lines += [f"  {name:<10}{printable(value)}" for name, value in facts]
    lines += ["headers", *_header_lines(headers)]
    if letter.markers:
        lines += ["history", *map(_marker_line, letter.markers)]
    return "\n".join(lines)


def _header_lines(headers: Headers) -> list[str]:
    return [
        f"  {printable(name)}: {printable((value or b'').decode(errors='backslashreplace'))}"
        for name, value in headers
    ]


def _marker_line(seen: SeenMarker) -> str:
    marker = seen.marker
    time = format_time(seen.timestamp_ms * _NS_PER_MS)[:19]
    stored = f", stored as {marker.stored_at}" if marker.stored_at else ""
    return f"  {time}Z {marker.step} by {printable(marker.operator)}{printable(stored)}"


def result_line(result: Result) -> str:
    """Return what became of one letter."""
    detail = f"  {result.detail}" if result.detail else ""
    return f"{result.letter.id!s:<10}{result.outcome}{detail}"


def summary(topic: str, counts: Counter[str]) -> str:
    """Return how many letters had which outcome or are in which state."""
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    total = counts.total()
    return f"{topic}: {total} letter{'' if total == 1 else 's'}{f', {parts}' if parts else ''}"


def printable(text: str) -> str:
    """Return a text that cannot move a terminal's cursor: control characters as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
