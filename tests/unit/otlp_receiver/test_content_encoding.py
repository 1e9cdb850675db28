import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.otlp.errors import OtlpError, RequestTooLarge, UndecodableRequest
from rak_services.otlp_receiver.content_encoding import body_decoder
from rak_services.otlp_receiver.errors import UnsupportedContentEncoding

LIMIT = 1000


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
    st.lists(st.binary(max_size=300), min_size=1, max_size=3),
    st.lists(st.integers(0, 50), max_size=5),
)
def test_gzip_of_any_members_in_any_chunks_is_inflated(
    members: list[bytes], sizes: list[int]
) -> None:
    body = b"".join(gzip.compress(member) for member in members)
    assert decoded("gzip", chunked(body, sizes)) == b"".join(members)


@pytest.mark.parametrize("encoding", ["", "identity", "Identity", "none"])
def test_a_body_that_is_not_compressed_stays(encoding: str) -> None:
    assert decoded(encoding, [b"ab", b"", b"c"]) == b"abc"


@pytest.mark.parametrize("encoding", ["br", "zstd, gzip", "gzip, gzip", "x-gzip", "*"])
def test_other_encodings_are_refused_with_those_that_are_read(encoding: str) -> None:
    with pytest.raises(UnsupportedContentEncoding, match="gzip, identity"):
        body_decoder(encoding, LIMIT)


def test_the_limit_holds_after_decompression() -> None:
    assert len(decoded("gzip", [gzip.compress(bytes(LIMIT))])) == LIMIT
    with pytest.raises(RequestTooLarge, match="1000 bytes"):
        decoded("gzip", [gzip.compress(bytes(LIMIT + 1))])
    with pytest.raises(RequestTooLarge):
        decoded("gzip", [gzip.compress(bytes(LIMIT)), gzip.compress(b"x")])
    with pytest.raises(RequestTooLarge):
        decoded("", [bytes(LIMIT), b"x"])


def test_members_that_hold_nothing_are_limited_by_their_own_size() -> None:
    with pytest.raises(RequestTooLarge):
        decoded("gzip", [gzip.compress(b"")] * 100)


def test_a_bomb_is_given_up_at_the_limit() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    with pytest.raises(RequestTooLarge):
        decoded("gzip", [bomb], limit=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024


@pytest.mark.parametrize("cut", [0, 1, 5, 15, -1])
def test_a_cut_off_gzip_body_is_refused(cut: int) -> None:
    with pytest.raises(UndecodableRequest, match="cut off"):
        decoded("gzip", [gzip.compress(b"some bytes")[:cut]])


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"x") + b"trailing"])
def test_a_body_that_is_no_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableRequest, match="not gzip"):
        decoded("gzip", [body])


@given(st.binary(max_size=60), st.lists(st.integers(0, 9), max_size=4))
def test_arbitrary_bytes_are_inflated_or_refused(noise: bytes, sizes: list[int]) -> None:
    body = gzip.compress(b"")[:10] + noise
    try:
        inflated = decoded("gzip", chunked(body, sizes))
    except OtlpError:
        return
    assert len(inflated) <= LIMIT
