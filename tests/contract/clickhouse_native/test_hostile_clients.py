"""Clients that send nonsense get an error or a closed connection, and harm nobody else."""

import random
import struct
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from rak_services.local.engine.frames import encode_frame
from rak_services.local.engine.protocol import BLOCK_INFO

DATA_HEAD = b"\x02\x00"
FRAME = encode_frame(BLOCK_INFO + b"\x01\x01\x01n\x06UInt64" + bytes(8))


def with_checksum(body: bytes) -> bytes:
    """A frame whose checksum is right, whatever is in it."""
    from clickhouse_cityhash.cityhash import CityHash128

    value = CityHash128(body)
    return struct.pack("<QQ", value >> 64, value & (1 << 64) - 1) + body


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]


@pytest.fixture
def inserting(raw: Any, client: Client, database: str) -> Any:
    """A connection on which the server waits for the blocks of an INSERT."""
    client.execute("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    raw.hello()
    raw.query(f"INSERT INTO {database}.t (n) VALUES")
    assert raw.read_packet() == 1
    return raw


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (flipped(FRAME, 0), 40),
        (flipped(FRAME, len(FRAME) - 1), 40),
        (with_checksum(struct.pack("<BII", 0x82, 20, 100) + b"not lz4 abc"), 271),
        (bytes(16) + struct.pack("<BII", 0x82, 0xFFFFFFFF, 100), 39),
        (bytes(16) + struct.pack("<BII", 0x82, 5, 100), 39),
        (bytes(16) + struct.pack("<BII", 0x82, 100, 0xFFFFFFFF), 39),
        (bytes(16) + struct.pack("<BII", 0x77, 100, 100), 89),
        (encode_frame(b"no BlockInfo at all"), 33),
        (encode_frame(BLOCK_INFO), 33),
    ],
    ids=[
        "checksum", "payload", "no lz4", "huge", "tiny", "bomb", "method", "block info", "counts"
    ],
)  # fmt: skip
def test_a_garbage_frame_is_refused_and_leaves_nothing(
    inserting: Any, client: Client, frame: bytes, code: int, embedded_only: None
) -> None:
    inserting.data(b"\x01\x01\x01n\x06UInt64" + bytes(8))
    inserting.send(DATA_HEAD, frame)
    assert inserting.expect_exception() == code
    assert inserting.closed_by_server()
    assert client.execute("SELECT count() FROM t") == [(0,)]


def test_random_bytes_for_frames_harm_nobody(inserting: Any, client: Client, server: Any) -> None:
    chance = random.Random(7)
    inserting.send(DATA_HEAD, chance.randbytes(4096))
    inserting.close()
    assert client.execute("SELECT count() FROM t") == [(0,)]


@pytest.mark.parametrize(
    "greeting",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x05", b"\xff" * 64, b"\x00" + b"\xff" * 16],
    ids=["http", "packet", "varint", "length"],
)
def test_a_greeting_that_is_none_is_refused(
    raw: Any, client: Client, greeting: bytes, embedded_only: None
) -> None:
    raw.send(greeting)
    assert raw.expect_exception() in {33, 101}
    assert raw.closed_by_server()
    assert client.execute("SELECT 1") == [(1,)]


def test_an_unknown_packet_is_refused(raw: Any, embedded_only: None) -> None:
    raw.hello()
    raw.send(b"\x4d")
    assert raw.expect_exception() == 99
    assert raw.closed_by_server()


def test_a_conversation_may_break_off_anywhere(
    raw: Any, client: Client, server: Any, new_raw: Callable[[], Any]
) -> None:
    """Cutting a whole conversation after each of its bytes leaves the server serving."""
    sent = bytearray()
    raw.send = lambda *parts: sent.extend(b"".join(parts))
    raw.read_packet = lambda: 1
    raw.reader = None
    with pytest.raises(AttributeError):
        raw.hello()
    raw.query("SELECT 1")
    assert len(sent) > 100
    for length in range(1, len(sent), 7):
        other = new_raw()
        with closing(other):
            other.send(bytes(sent[:length]))
    assert client.execute("SELECT 1") == [(1,)]


def test_a_data_packet_that_is_no_block_end_is_refused_before_the_query_runs(
    raw: Any, embedded_only: None
) -> None:
    """External tables would arrive there."""
    raw.hello()
    raw.data = lambda *_, **__: None
    raw.query("SELECT 1")
    raw.send(DATA_HEAD, FRAME, DATA_HEAD, encode_frame(BLOCK_INFO + b"\x00\x00"))
    assert raw.expect_exception() == 48


@pytest.mark.parametrize("hello", [{"user": "nobody"}, {"user": "nobody", "password": "x"}])
def test_an_unknown_user_is_refused(raw: Any, hello: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="516"):
        raw.hello(**hello)


def test_an_unknown_database_is_refused_at_the_greeting(server: Any, client: Client) -> None:
    stranger = Client(server.host, port=server.port, database="no_such_database")
    with pytest.raises(ServerException) as caught:
        stranger.execute("SELECT 1")
    assert caught.value.code == 81


def test_a_client_that_is_too_old_is_told(server: Any, embedded_only: None) -> None:
    old = Client(server.host, port=server.port, client_revision=54452)
    with pytest.raises(ServerException, match="54452 is older than 54453"):
        old.execute("SELECT 1")


def test_columns_of_unknown_layout_need_compression(
    raw: Any, client: Client, database: str, embedded_only: None
) -> None:
    """Without frames the server must read every column to find the end of a block."""
    client.execute("CREATE TABLE t (s AggregateFunction(sum, UInt64)) ENGINE = Memory")
    raw.hello()
    raw.query(f"INSERT INTO {database}.t VALUES", compressed=False)
    raw.data(b"\x01\x01\x01s\x1eAggregateFunction(sum, UInt64)" + bytes(8), compressed=False)
    raw.reader.read(1 + 1 + len(BLOCK_INFO) + 2 + 2 + 31)
    assert raw.expect_exception() == 48
    assert raw.closed_by_server()
