"""How the address is read, and what every client is made with."""

import pytest

from rak_libs.clickhouse.connection import CLIENT_REVISION, connect, parse_url
from rak_libs.runtime.settings import ClickHouseSettings


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("clickhouse://db:9001", ("db", 9001, False)),
        ("clickhouse://127.0.0.1", ("127.0.0.1", 9000, False)),
        ("clickhouses://db", ("db", 9440, True)),
        ("clickhouse://[::1]:9000/", ("::1", 9000, False)),
    ],
)
def test_addresses(url: str, parsed: tuple[str, int, bool]) -> None:
    assert parse_url(url) == parsed


@pytest.mark.parametrize(
    "url",
    ["http://db:8123", "db:9000", "clickhouse://", "clickhouse://me@db", "clickhouse://db/other"],
)
def test_other_addresses_are_refused(url: str) -> None:
    """The message names the key and the expected form."""
    with pytest.raises(ValueError, match=r"\[clickhouse\] url must be clickhouse://host:port"):
        parse_url(url)


def test_every_client_pins_the_protocol_and_compresses() -> None:
    """Nothing is connected before the first query."""
    settings = ClickHouseSettings(database="telemetry", insert_timeout_seconds=7)
    connection = connect(settings).connection
    assert connection.client_revision == CLIENT_REVISION
    assert connection.compressor_cls.method_byte == 0x82  # LZ4
    assert connection.database == "telemetry"
    assert connection.send_receive_timeout == 7
    assert not connection.connected
    assert connect(settings, database="").connection.database == ""
    assert connect(settings, send_receive_timeout=1).connection.send_receive_timeout == 1
