"""What is fuzzed: each function takes any bytes and fails when a promise is broken.

The promises are those of the receivers: bytes are refused with an error of the library's own, or
accepted; and what is accepted becomes rows of the signal's tables, all of it.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from rak_libs.clickhouse.insert import encode_block
from rak_libs.model.message import Message
from rak_libs.model.time_window import time_window
from rak_libs.otlp.errors import PermanentOtlpError
from rak_libs.pprof.check import read_profile
from rak_libs.pprof.errors import PermanentPprofError
from rak_libs.receiving.content_encoding import body_decoder
from rak_libs.receiving.errors import BadBody, UnsupportedContentEncoding
from rak_services.otlp_receiver.encodings import Encoding
from rak_services.otlp_receiver.prepare import Prepared, prepare
from rak_services.otlp_receiver.signals import Signal, logs, metrics, traces
from rak_services.writer.signals import SIGNALS as WRITTEN

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


def fuzz_content(body: bytes) -> None:
    """Decompress a body: the first byte names the encoding; chunks make no difference."""
    encoding = ENCODINGS[body[0] % len(ENCODINGS)] if body else ENCODINGS[0]
    whole = _decompressed(encoding, [body[1:]])
    chunks = [body[at : at + CHUNK_BYTES] for at in range(1, len(body), CHUNK_BYTES)]
    if _decompressed(encoding, chunks) != whole:
        raise BrokenPromise(f"{encoding}: chunks decide what a body is")


def prepare_and_store(receive: Callable[[int], Signal], encoding: Encoding, body: bytes) -> None:
    """Read a request as the receiver does, and what it publishes as the writer does."""
    signal, now_ns = receive(RETENTION_DAYS), time.time_ns()
    try:
        whole = prepare(signal, body, encoding, now_ns, MAX_MESSAGE_BYTES)
        split = prepare(signal, body, encoding, now_ns, SMALL_MESSAGE_BYTES)
    except PermanentOtlpError:
        return
    rejected = sum(split.rejected.values()) - sum(whole.rejected.values())
    if split.accepted + rejected != whole.accepted:
        raise BrokenPromise("splitting changed how many items there are")
    for prepared in (whole, split):
        _store(signal.name, prepared, now_ns)


def _store(signal: str, prepared: Prepared, now_ns: int) -> None:
    written = WRITTEN[signal]
    rows = written.new_rows()
    stored = 0
    for part in prepared.parts:
        window = time_window(RETENTION_DAYS, now_ns)
        message = Message(part.value, now_ns // 1_000_000)
        if rejected := written.decode(message, window, rows):
            raise BrokenPromise(f"accepted, then refused: {[each.reason for each in rejected]}")
        before, stored = stored, sum(written.items_per_table(rows).values())
        if stored - before != part.items:
            raise BrokenPromise(f"{part.items} items became {stored - before} rows")
    if stored != prepared.accepted:
        raise BrokenPromise(f"{prepared.accepted} accepted items became {stored} rows")
    for each in written.tables:
        encode_block(each.table, rows.tables[each.table.name])


def check_and_store(content: bytes) -> None:
    """Read a profile as the receiver does, and what it publishes as the writer does."""
    now_ns = time.time_ns()
    window = time_window(RETENTION_DAYS, now_ns)
    try:
        read_profile(content, window, now_ns)
    except PermanentPprofError:
        return
    written = WRITTEN["profiles"]
    rows = written.new_rows()
    if rejected := written.decode(Message(content, now_ns // 1_000_000), window, rows):
        raise BrokenPromise(f"accepted, then refused: {[each.reason for each in rejected]}")
    stored = sum(written.items_per_table(rows).values())
    if stored != 1:
        raise BrokenPromise(f"an accepted profile became {stored} rows")
    for each in written.tables:
        encode_block(each.table, rows.tables[each.table.name])


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
    except (BadBody, UnsupportedContentEncoding) as error:
        return type(error)
    return b"".join(pieces)


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "protobuf": partial(prepare_and_store, traces, Encoding.PROTOBUF),
    "json": partial(prepare_and_store, traces, Encoding.JSON),
    "metrics-protobuf": partial(prepare_and_store, metrics, Encoding.PROTOBUF),
    "metrics-json": partial(prepare_and_store, metrics, Encoding.JSON),
    "logs-protobuf": partial(prepare_and_store, logs, Encoding.PROTOBUF),
    "logs-json": partial(prepare_and_store, logs, Encoding.JSON),
    "profiles": check_and_store,
    "content": fuzz_content,
}
"""Every target by its name, which is also that of its folder of the corpus. Traces go without."""
