"""What is fuzzed: each function takes any bytes and fails when a promise is broken.

The promises are those of the receiver: bytes are refused with an error of the OTLP library's own,
or accepted; and what is accepted becomes rows of the spans table, all of it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from rak_libs.clickhouse.insert import encode_block
from rak_libs.model.spans import SPANS
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_spans import decode_spans, new_span_batch
from rak_libs.otlp.errors import PermanentOtlpError
from rak_services.otlp_receiver.content_encoding import body_decoder
from rak_services.otlp_receiver.encodings import Encoding
from rak_services.otlp_receiver.errors import UnsupportedContentEncoding
from rak_services.otlp_receiver.prepare import Prepared, prepare
from rak_services.otlp_receiver.signals import traces

RETENTION_DAYS: Final = 3_650
"""So long that the times in the corpus stay storable."""

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
SMALL_MESSAGE_BYTES: Final = 64
"""A limit that makes nearly every request be split."""

MAX_BODY_BYTES: Final = 64 * 1024
CHUNK_BYTES: Final = 7
ENCODINGS: Final = ("identity", "gzip", "zstd", "deflate")
"""By the first byte of an input; their order is part of the corpus."""


class BrokenPromise(Exception):
    """Something was accepted that cannot be stored, or an answer depends on what it must not."""


def fuzz_protobuf(body: bytes) -> None:
    """Read a binary request as the receiver does, and what it publishes as the writer does."""
    _prepare_and_store(body, Encoding.PROTOBUF)


def fuzz_json(body: bytes) -> None:
    """Read a request in JSON as the receiver does, and what it publishes as the writer does."""
    _prepare_and_store(body, Encoding.JSON)


def fuzz_content(body: bytes) -> None:
    """Decompress a body: the first byte names the encoding; chunks make no difference."""
    encoding = ENCODINGS[body[0] % len(ENCODINGS)] if body else ENCODINGS[0]
    whole = _decompressed(encoding, [body[1:]])
    chunks = [body[at : at + CHUNK_BYTES] for at in range(1, len(body), CHUNK_BYTES)]
    if _decompressed(encoding, chunks) != whole:
        raise BrokenPromise(f"{encoding}: chunks decide what a body is")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "protobuf": fuzz_protobuf,
    "json": fuzz_json,
    "content": fuzz_content,
}
"""Every target by its name, which is also that of its folder of the corpus."""


def _prepare_and_store(body: bytes, encoding: Encoding) -> None:
    signal, now_ns = traces(RETENTION_DAYS), time.time_ns()
    try:
        whole = prepare(signal, body, encoding, now_ns, MAX_MESSAGE_BYTES)
        split = prepare(signal, body, encoding, now_ns, SMALL_MESSAGE_BYTES)
    except PermanentOtlpError:
        return
    rejected = sum(split.rejected.values()) - sum(whole.rejected.values())
    if split.accepted + rejected != whole.accepted:
        raise BrokenPromise("splitting changed how many spans there are")
    for prepared in (whole, split):
        _store(prepared, now_ns)


def _store(prepared: Prepared, now_ns: int) -> None:
    batch = new_span_batch()
    for part in prepared.parts:
        before = batch.rows
        window = time_window(RETENTION_DAYS, now_ns)
        if rejected := decode_spans(part.value, now_ns // 1_000_000, window, batch):
            raise BrokenPromise(f"accepted, then refused: {[each.reason for each in rejected]}")
        if batch.rows - before != part.items:
            raise BrokenPromise(f"{part.items} spans became {batch.rows - before} rows")
    if batch.rows != prepared.accepted:
        raise BrokenPromise(f"{prepared.accepted} accepted spans became {batch.rows} rows")
    encode_block(SPANS, batch)


def _decompressed(encoding: str, chunks: list[bytes]) -> bytes | type[Exception]:
    """Return what a body decompresses to, or the class of the error that says it does not."""
    pieces = []
    try:
        decoder = body_decoder(encoding, MAX_BODY_BYTES)
        for chunk in chunks:
            pieces.append(decoder.feed(chunk))
            if len(pieces[-1]) > MAX_BODY_BYTES:
                raise BrokenPromise(f"{encoding}: one chunk gave more than the limit")
        decoder.finish()
    except (PermanentOtlpError, UnsupportedContentEncoding) as error:
        return type(error)
    return b"".join(pieces)
