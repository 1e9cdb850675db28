import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.receiving.content_encoding import body_decoder
from rak_libs.receiving.errors import (
    BadBody,
    BodyTooLarge,
    UndecodableBody,
    UnsupportedContentEncoding,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = 1000
MEBIBYTE = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


COMPRESSORS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("zstd", zstd.compress),
    ("deflate", zlib.compress),
    ("Deflate", raw_deflate),
]
compressed = pytest.mark.parametrize(
    ("encoding", "compress"), COMPRESSORS, ids=["gzip", "x-gzip", "zstd", "zlib", "raw deflate"]
)


def decoded(encoding: str, chunks: list[bytes], limit: int = LIMIT) -> bytes:
    decoder = body_decoder(encoding, limit)
    body = b"".join(decoder.feed(chunk) for chunk in chunks)
    decoder.finish()
    return body


def chunked(body: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(body[:size])
        body = body[size:]
    return [*chunks, body]


@given(
    compression=st.sampled_from(COMPRESSORS),
    members=st.lists(st.binary(max_size=300), min_size=1, max_size=3),
    sizes=st.lists(st.integers(0, 50), max_size=5),
)
def test_any_members_in_any_chunks_are_inflated(
    compression: tuple[str, Callable[[bytes], bytes]], members: list[bytes], sizes: list[int]
) -> None:
    encoding, compress = compression
    body = b"".join(compress(member) for member in members)
    assert decoded(encoding, chunked(body, sizes)) == b"".join(members)


@compressed
def test_a_body_may_arrive_byte_by_byte(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    body = compress(b"some bytes")
    assert decoded(encoding, [body[i : i + 1] for i in range(len(body))]) == b"some bytes"


@pytest.mark.parametrize("encoding", ["", "identity", "Identity", "none"])
def test_a_body_that_is_not_compressed_stays(encoding: str) -> None:
    assert decoded(encoding, [b"ab", b"", b"c"]) == b"abc"


@pytest.mark.parametrize("encoding", ["br", "zstd, gzip", "gzip, gzip", "snappy", "*"])
def test_other_encodings_are_refused_with_those_that_are_read(encoding: str) -> None:
    with pytest.raises(UnsupportedContentEncoding, match="gzip, zstd, deflate, identity"):
        body_decoder(encoding, LIMIT)


@compressed
def test_the_limit_holds_after_decompression(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    assert len(decoded(encoding, [compress(bytes(LIMIT))])) == LIMIT
    with pytest.raises(BodyTooLarge, match="1000 bytes"):
        decoded(encoding, [compress(bytes(LIMIT + 1))])
    with pytest.raises(BodyTooLarge):
        decoded(encoding, [compress(bytes(LIMIT)), compress(b"x")])


def test_the_limit_holds_without_compression() -> None:
    with pytest.raises(BodyTooLarge):
        decoded("", [bytes(LIMIT), b"x"])


def test_members_that_hold_nothing_are_limited_by_their_own_size_and_number() -> None:
    with pytest.raises(BodyTooLarge):
        decoded("gzip", [gzip.compress(b"")] * 100)
    with pytest.raises(UndecodableBody, match="more than 4096 members"):
        decoded("zstd", [zstd.compress(b"") * 5000], limit=MEBIBYTE)


@compressed
def test_a_bomb_is_given_up_at_the_limit(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(64 * MEBIBYTE))
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        decoded(encoding, [bomb], limit=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEBIBYTE


def test_a_zstd_window_beyond_eight_mebibytes_is_refused() -> None:
    """RFC 9659: a decoder may have to allocate the window that a frame's header asks for."""
    window_log = zstd.CompressionParameter.window_log
    for size, inflates in ((23, True), (24, False)):
        compressor = zstd.ZstdCompressor(options={window_log: size})
        frame = compressor.compress(b"small") + compressor.flush()
        if inflates:
            assert decoded("zstd", [frame]) == b"small"
        else:
            with pytest.raises(UndecodableBody, match="not zstd"):
                decoded("zstd", [frame])


@compressed
@pytest.mark.parametrize("cut", [0, 1, 5, -1])
def test_a_cut_off_body_is_refused(
    encoding: str, compress: Callable[[bytes], bytes], cut: int
) -> None:
    with pytest.raises(UndecodableBody, match="cut off"):
        decoded(encoding, [compress(b"some bytes")[:cut]])


@compressed
def test_a_body_that_is_something_else_is_refused(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(UndecodableBody, match="is not"):
        decoded(encoding, [b"\xffsomething else"])
    with pytest.raises(UndecodableBody):
        decoded(encoding, [compress(b"x") + b"\xfftrailing"])


@given(
    start=st.sampled_from([compress(b"")[:10] for _, compress in COMPRESSORS]),
    encoding=st.sampled_from([encoding for encoding, _ in COMPRESSORS]),
    noise=st.binary(max_size=60),
    sizes=st.lists(st.integers(0, 9), max_size=4),
)
def test_arbitrary_bytes_are_inflated_or_refused(
    start: bytes, encoding: str, noise: bytes, sizes: list[int]
) -> None:
    try:
        inflated = decoded(encoding, chunked(start + noise, sizes))
    except BadBody:
        return
    assert len(inflated) <= LIMIT
