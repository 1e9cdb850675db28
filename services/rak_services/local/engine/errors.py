"""Errors of the embedded engine and their way into the protocol's Exception packet."""

import re

from rak_services.local.engine.protocol import ErrorCode, ServerPacket
from rak_services.local.engine.wire import encode_string, encode_varint

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. DB::Exception: (.*)", re.DOTALL)
_VERSION = re.compile(r" \(version \d[^()]*\)")


class EngineError(Exception):
    """An error that the client is told with ClickHouse's own code; the connection goes on.

    Attributes:
        code: ClickHouse's error code.
        text: ClickHouse's text, without the leading `DB::Exception: `.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")
        self.code = code
        self.text = text


class ProtocolViolation(EngineError):
    """The client's bytes make no sense: it is told, then the connection is closed."""


class Disconnected(Exception):
    """The client closed the connection, or the server is closing it."""


def from_engine(error: BaseException) -> EngineError:
    """Reads ClickHouse's code and text out of what chDB raised.

    chDB raises RuntimeError (or its own ChdbError) whose text holds
    `Code: NN. DB::Exception: text. (NAME)`, sometimes nested in itself with its version. A text
    that is no UTF-8 surfaces as UnicodeDecodeError, perhaps as the cause, with the original bytes
    in `object`.
    """
    text = _text_of(error)
    match = _ENGINE_TEXT.search(text)
    if match is None:
        return EngineError(ErrorCode.UNKNOWN_EXCEPTION, text or type(error).__name__)
    code, message = int(match[1]), match[2]
    while nested := _ENGINE_TEXT.match(message):
        message = nested[2]
    return EngineError(code, _VERSION.split(message)[0])


def _text_of(error: BaseException) -> str:
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, UnicodeDecodeError):
            return link.object.decode("utf-8", "replace")
        link = link.__cause__
    return str(error)


def encode_exception(error: EngineError) -> bytes:
    """The Exception packet: type, code (Int32), name, message, stack trace (empty), not nested."""
    return b"".join(
        (
            encode_varint(ServerPacket.EXCEPTION),
            error.code.to_bytes(4, "little", signed=True),
            encode_string("DB::Exception"),
            encode_string(f"DB::Exception: {error.text}"),
            encode_string(""),
            b"\x00",
        )
    )
