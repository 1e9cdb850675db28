"""Primitive values of the native protocol: VarUInt (LEB128), length-prefixed strings, integers."""

import io
from collections.abc import Callable

_CHUNK = 256 * 1024
_LONGEST_VARINT = 10


class EndOfInput(Exception):
    """The source ended; `partial` tells whether it ended inside a value."""

    def __init__(self, *, partial: bool) -> None:
        super().__init__("the input ended")
        self.partial = partial


class WireError(Exception):
    """A value is malformed or beyond its limit; the text says which and what was expected."""


def encode_varint(value: int) -> bytes:
    """An unsigned integer, seven bits a byte, least significant first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_string(text: str | bytes) -> bytes:
    """Length in bytes as VarUInt, then the bytes (UTF-8 for text)."""
    data = text.encode() if isinstance(text, str) else text
    return encode_varint(len(data)) + data


def reader_of(data: bytes) -> "WireReader":
    """A reader of bytes that are all there."""
    return WireReader(io.BytesIO(data).readinto)


class WireReader:
    """Reads primitive values from a source, with a buffer of its own.

    Args:
        receive_into: fills the view given, returns the number of bytes, 0 at the end of input;
            a socket's `recv_into` or a `BytesIO.readinto`.
    """

    def __init__(self, receive_into: Callable[[memoryview], int]) -> None:
        self._receive_into = receive_into
        self._buffer = bytearray(_CHUNK)
        self._start = 0
        self._end = 0

    @property
    def buffered(self) -> int:
        """Bytes received and not yet read."""
        return self._end - self._start

    def fill(self) -> None:
        """Receives once, blocking, if nothing is buffered.

        Raises:
            EndOfInput: the source ended.
        """
        if self.buffered:
            return
        self._start = self._end = 0
        received = self._receive_into(memoryview(self._buffer))
        if received == 0:
            raise EndOfInput(partial=False)
        self._end = received

    def peek_byte(self) -> int:
        """The next byte, which stays unread; call `fill` first."""
        return self._buffer[self._start]

    def peek(self, size: int) -> bytes:
        """The next `size` bytes (at most 64 KiB), which stay unread; blocks until they are there.

        Raises:
            EndOfInput: the source ended before them.
        """
        if self._start + size > len(self._buffer):
            self._buffer[: self.buffered] = self._buffer[self._start : self._end]
            self._start, self._end = 0, self.buffered
        while self.buffered < size:
            received = self._receive_into(memoryview(self._buffer)[self._end :])
            if received == 0:
                raise EndOfInput(partial=self.buffered > 0)
            self._end += received
        return bytes(self._buffer[self._start : self._start + size])

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes.

        Raises:
            EndOfInput: the source ended before them.
        """
        if size <= self.buffered:
            begin = self._start
            self._start += size
            return bytes(memoryview(self._buffer)[begin : self._start])
        return self._read_across(size)

    def _read_across(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        filled = self.buffered
        view[:filled] = memoryview(self._buffer)[self._start : self._end]
        self._start = self._end = 0
        while filled < size:
            if size - filled < _CHUNK:
                try:
                    self.fill()
                except EndOfInput:
                    raise EndOfInput(partial=filled > 0) from None
                taken = min(self.buffered, size - filled)
                view[filled : filled + taken] = memoryview(self._buffer)[:taken]
                self._start = taken
            else:
                taken = self._receive_into(view[filled:])
                if taken == 0:
                    raise EndOfInput(partial=filled > 0)
            filled += taken
        view.release()
        return bytes(data)

    def read_byte(self) -> int:
        """One byte as a number."""
        self.fill()
        value = self._buffer[self._start]
        self._start += 1
        return value

    def read_varint(self) -> int:
        """A VarUInt of at most 64 bits.

        Raises:
            WireError: longer than ten bytes or above 2**64 - 1.
        """
        value = 0
        for index in range(_LONGEST_VARINT):
            byte = self.read_byte()
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if value >= 1 << 64:
                    break
                return value
        raise WireError("a VarUInt is longer than 64 bits")

    def read_bytes(self, limit: int) -> bytes:
        """A length-prefixed string as bytes.

        Raises:
            WireError: the length is above `limit`.
        """
        size = self.read_varint()
        if size > limit:
            raise WireError(f"a string of {size} bytes is above the limit of {limit}")
        return self.read(size)

    def read_text(self, limit: int) -> str:
        """A length-prefixed UTF-8 string.

        Raises:
            WireError: too long, or no UTF-8.
        """
        data = self.read_bytes(limit)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise WireError("a string is not UTF-8") from None
