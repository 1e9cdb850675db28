"""Protobuf messages that hold nothing but numbers, many of them read at once.

Every byte of a pprof Sample, Label, Location, Line or Function belongs to a varint: a tag, a length
or a value (https://protobuf.dev/programming-guides/encoding). So the bytes of thousands of such
messages, one after the other, are one array of numbers, and the fields of all of them are found by
walking along all of them in step: about a tenth of what an object a message costs.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Bits = NDArray[np.uint64]

_VARINT: Final = 0
_LENGTH: Final = 2
_NUMBER: Final = 1
_BYTES: Final = 2
_FEW_TIMES: Final = 16
_MAX_VARINT: Final = 10
_CONTINUES: Final = 0x80
_PART: Final = 0x7F


class IrregularMessage(Exception):
    """The bytes are no messages of numbers as their writers usually put them.

    protobuf may read them all the same: as another type of field, or as one that it does not know.
    """


class TooManyFields(IrregularMessage):
    """A message has more fields than are walked along."""


@dataclass(frozen=True, slots=True)
class Varints:
    """The bytes of messages as numbers.

    Attributes:
        values: Every number.
        at: The byte at which each begins, and the end.
        before: Of each byte at which a number begins, and of the end, how many begin before it.
        begins: Of each byte, and of the end, whether a number begins (or would begin) there.
    """

    values: Bits
    at: Numbers
    before: NDArray[np.int32]
    begins: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages among numbers: where the bytes of each begin and end, as positions of numbers."""

    numbers: Varints
    begin: Numbers
    end: Numbers


class MessageForm:
    """What the fields of a kind of messages are: singular and repeated numbers, and messages."""

    def __init__(self, message: Any) -> None:
        """Take the fields of a message's descriptor."""
        self._kinds: dict[int, int] = {}
        for field in message.fields:
            tag = field.number << 3
            if field.message_type is None:
                self._kinds[tag | _VARINT] = _NUMBER
            if field.message_type is not None or field.is_repeated:
                self._kinds[tag | _LENGTH] = _BYTES

    def kind_of(self, tag: int) -> int:
        """Return whether a field is one number or has a length, by its tag.

        Raises:
            IrregularMessage: There is no such field.
        """
        kind = self._kinds.get(tag)
        if kind is None:
            raise IrregularMessage(f"a field of the unknown tag {tag}")
        return kind


Found = tuple[Numbers, Numbers, Numbers]
"""Fields of one number: which message each belongs to, and where what it holds begins and ends."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of messages.

    Attributes:
        messages: The messages.
        found: The fields by their number: some of different messages at a time, in such an order
            that those of one message are in the order of its bytes.
    """

    messages: Messages
    found: dict[int, list[Found]]

    def column(self, number: int) -> Bits:
        """Return a field of one number: of each message the last one, 0 where there is none."""
        values, count = self.messages.numbers.values, len(self.messages.begin)
        found = self.found.get(number, [])
        if len(found) == 1 and len(found[0][0]) == count:
            return values[found[0][1]]
        column = np.zeros(count, np.uint64)
        for message, begin, _ in found:
            column[message] = values[begin]
        return column

    def repeated(self, number: int) -> tuple[Bits, Numbers]:
        """Return a field of many numbers, packed or not: all of them, and each message's count."""
        message, begin, end = self._in_order(number)
        counts = end - begin
        per_message = np.bincount(message, weights=counts, minlength=len(self.messages.begin))
        values = self.messages.numbers.values[positions(begin, counts)]
        return values, per_message.astype(np.int64)

    def embedded(self, number: int) -> tuple[Messages, Numbers]:
        """Return a field of messages: all of them, and which message each belongs to."""
        message, begin, end = self._in_order(number)
        return Messages(self.messages.numbers, begin, end), message

    def _in_order(self, number: int) -> Found:
        found = self.found.get(number)
        if not found:
            none = np.zeros(0, np.int64)
            return none, none, none
        if len(found) == 1:
            return found[0]
        message, begin, end = map(np.concatenate, zip(*found, strict=True))
        order = np.argsort(message, kind="stable")
        return message[order], begin[order], end[order]


def positions(begin: Numbers, counts: Numbers) -> Numbers:
    """Return the positions of ranges one after the other: `counts[i]` from `begin[i]` on."""
    total = int(counts.sum())
    if len(counts) == total and (counts == 1).all():
        return begin
    shift = begin - (np.cumsum(counts) - counts)
    return np.repeat(shift, counts) + np.arange(total)


def sums_of_groups(numbers: Numbers, sizes: Numbers) -> Numbers:
    """Return the sum of each group of numbers that follow each other, of these sizes."""
    sums = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers, out=sums[1:])
    ends = np.cumsum(sizes)
    groups: Numbers = sums[ends] - sums[ends - sizes]
    return groups


def rows_of(wanted: Bits, ids: Bits) -> Numbers:
    """Return the places of ids in a list that has each once; -1 for one that is not there."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    most = int(ids.max())
    if most <= _FEW_TIMES * len(ids):
        # Programs count from 1; a table by id costs a fraction of a search.
        table = np.full(most + 1, -1, np.int64)
        table[ids] = np.arange(len(ids))
        return np.where(wanted <= most, table[np.minimum(wanted, np.uint64(most))], -1)
    order = np.argsort(ids)
    found = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[found] == wanted, found, -1)


def read_messages(contents: list[bytes]) -> Messages:
    """Read the bytes of messages as numbers.

    Raises:
        IrregularMessage: They end within a number, or a number is too long.
    """
    lengths = np.fromiter(map(len, contents), np.int64, len(contents))
    numbers = _varints(b"".join(contents))
    ends = np.cumsum(lengths)
    if not numbers.begins[ends].all():
        raise IrregularMessage("a message ends within a number")
    begin, end = numbers.before[ends - lengths], numbers.before[ends]
    return Messages(numbers, begin.astype(np.int64), end.astype(np.int64))


def fields(messages: Messages, form: MessageForm, most: int) -> Fields:
    """Find the fields of messages: the first of each, then the second, and so on.

    Args:
        messages: The messages.
        form: What their fields are.
        most: How many fields a message may have.

    Raises:
        TooManyFields: One has more.
        IrregularMessage: One has a field that is not of the form, or that does not end in it.
    """
    values = messages.numbers.values
    found: dict[int, list[Found]] = {}
    message = np.flatnonzero(messages.begin < messages.end)
    begin, limit = messages.begin[message], messages.end[message]
    for _ in range(most):
        if not len(message):
            return Fields(messages, found)
        tags, begin = values[begin], begin + 1
        if (begin >= limit).any():
            raise IrregularMessage("a field without a value")
        tag = int(tags[0])
        if (tags == tag).all():
            begin, end = _extent(messages.numbers, begin, form.kind_of(tag))
            found.setdefault(tag >> 3, []).append((message, begin, end))
        else:
            begin, end = begin.copy(), np.zeros_like(begin)
            for tag in np.unique(tags).tolist():
                chosen = np.flatnonzero(tags == tag)
                first, last = _extent(messages.numbers, begin[chosen], form.kind_of(tag))
                found.setdefault(tag >> 3, []).append((message[chosen], first, last))
                end[chosen] = last
        if (end > limit).any():
            raise IrregularMessage("a field does not end within its message")
        goes_on = end < limit
        message, begin, limit = message[goes_on], end[goes_on], limit[goes_on]
    if len(message):
        raise TooManyFields(f"a message has more than {most} fields")
    return Fields(messages, found)


def _extent(numbers: Varints, begin: Numbers, kind: int) -> tuple[Numbers, Numbers]:
    """Return where what fields hold begins and ends, of which the first number is at `begin`."""
    if kind == _NUMBER:
        return begin, begin + 1
    return begin + 1, _end_of_bytes(numbers, begin)


def _end_of_bytes(numbers: Varints, begin: Numbers) -> Numbers:
    """Return the positions after what has a length, which is the number at `begin`."""
    size = int(numbers.at[-1])
    length = numbers.values[begin]
    if int(length.max()) > size:
        raise IrregularMessage("a field does not end within its message")
    stop = numbers.at[begin + 1] + length.view(np.int64)
    if int(stop.max()) > size or not numbers.begins[stop].all():
        raise IrregularMessage("a field ends within a number")
    return numbers.before[stop].astype(np.int64)


def _varints(content: bytes) -> Varints:
    octets = np.frombuffer(content, np.uint8)
    begins = np.ones(len(octets) + 1, np.bool_)
    np.less(octets, _CONTINUES, out=begins[1:])
    if not begins[-1]:
        raise IrregularMessage("the bytes end within a number")
    at = np.flatnonzero(begins)
    before = np.empty(len(octets) + 1, np.int32)
    before[at] = np.arange(len(at), dtype=np.int32)
    begin = at[:-1]
    part = octets[begin]
    values = (part & _PART).astype(np.uint64)
    longer = np.flatnonzero(part & _CONTINUES)
    shift = 0
    while len(longer):
        shift += 7
        if shift >= 7 * _MAX_VARINT:
            raise IrregularMessage(f"a number of more than {_MAX_VARINT} bytes")
        place = begin[longer] + shift // 7
        part = octets[place]
        values[longer] |= (part & _PART).astype(np.uint64) << np.uint64(shift)
        longer = longer[part >= _CONTINUES]
    return Varints(values, at, before, begins)
