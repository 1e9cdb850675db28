"""Hello, Query and Exception as clickhouse-driver writes and reads them."""

from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from clickhouse_driver.connection import Connection
from clickhouse_driver.readhelpers import read_exception
from hypothesis import given
from hypothesis import strategies as st

from rak_services.local.engine.errors import EngineError, ProtocolViolation, encode_exception
from rak_services.local.engine.handshake import (
    Credentials,
    encode_server_hello,
    read_client_hello,
)
from rak_services.local.engine.query_packet import read_query
from rak_services.local.engine.wire import EndOfInput, WireError, reader_of

REFUSALS = (ProtocolViolation, EndOfInput, WireError)


class Memory(BytesIO):
    """What the driver writes to and reads from instead of a socket."""

    def read_one(self) -> int:
        return self.read(1)[0]


def driver(**options: Any) -> Any:
    connection = Connection("unused", **options)
    connection.fout = Memory()
    connection.context.settings = {}
    connection.context.client_settings = {
        "opentelemetry_traceparent": None,
        "opentelemetry_tracestate": "",
        "quota_key": "",
    }
    return connection


def test_the_drivers_hello_is_read() -> None:
    connection = driver(user="someone", password="s3cret", database="telemetry")
    connection.send_hello()
    hello = read_client_hello(reader_of(connection.fout.getvalue()))
    assert hello.client_name == "ClickHouse python-driver"
    assert (hello.user, hello.password, hello.database) == ("someone", "s3cret", "telemetry")


@given(st.binary(max_size=200))
def test_any_bytes_for_a_hello_are_read_or_refused(data: bytes) -> None:
    try:
        hello = read_client_hello(reader_of(data))
    except REFUSALS:
        return
    assert hello.revision >= 54453


@pytest.mark.parametrize("wrong", [{"user": "x"}, {"password": "x"}, {"password": ""}])
def test_wrong_credentials_are_error_516(wrong: dict[str, str]) -> None:
    said = {"user": "default", "password": "s3cret", **wrong}
    connection = driver(**said)
    connection.send_hello()
    hello = read_client_hello(reader_of(connection.fout.getvalue()))
    with pytest.raises(EngineError) as caught:
        Credentials("default", "s3cret").check(hello)
    assert caught.value.code == 516


def test_the_server_hello_holds_version_and_revision() -> None:
    reader = reader_of(encode_server_hello((26, 9, 2)))
    assert reader.read_varint() == 0
    assert reader.read_text(100) == "ClickHouse"
    assert [reader.read_varint() for _ in range(3)] == [26, 9, 54453]
    assert [reader.read_text(100), reader.read_text(100)] == ["UTC", "rak-local"]
    assert reader.read_varint() == 2


def written_query(statement: str, query_id: str, settings: dict[str, Any], traced: bool) -> bytes:
    """A Query packet as the driver sends it to a server of revision 54453."""
    connection = driver(compression="lz4")
    connection.connected = True
    connection.server_info = SimpleNamespace(used_revision=54453)
    connection.context.server_info = connection.server_info
    connection.context.settings = settings
    if traced:
        parent = "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"
        connection.context.client_settings["opentelemetry_traceparent"] = parent
        connection.context.client_settings["opentelemetry_tracestate"] = "a=b"
    connection.send_query(statement, query_id=query_id)
    return bytes(connection.fout.getvalue())


@pytest.mark.parametrize("traced", [False, True], ids=["plain", "traced"])
def test_the_drivers_query_is_read(traced: bool) -> None:
    packet = written_query("SELECT 'ü'", "an-id", {"max_threads": 3, "readonly": 1}, traced)
    reader = reader_of(packet)
    assert reader.read_varint() == 1
    query = read_query(reader)
    assert query.query_id == "an-id"
    assert query.settings == {"max_threads": "3", "readonly": "1"}
    assert query.compressed
    assert query.statement == "SELECT 'ü'".encode()
    assert reader.buffered == 0


@given(st.data())
def test_a_damaged_query_is_read_or_refused(draw: st.DataObject) -> None:
    packet = bytearray(written_query("SELECT 1", "id", {"max_threads": 3}, traced=True)[1:])
    for _ in range(draw.draw(st.integers(1, 4))):
        position = draw.draw(st.integers(0, len(packet) - 1))
        packet[position] = draw.draw(st.integers(0, 255))
    try:
        query = read_query(reader_of(bytes(packet)))
    except REFUSALS:
        return
    assert isinstance(query.statement, bytes)


@given(st.integers(1, 2000), st.text())
def test_an_exception_is_what_the_driver_raises(code: int, text: str) -> None:
    packet = Memory(encode_exception(EngineError(code, text)))
    assert packet.read(1) == b"\x02"
    raised = read_exception(packet)
    assert raised.code == code
    assert raised.message.startswith(f"DB::Exception: {text}")
