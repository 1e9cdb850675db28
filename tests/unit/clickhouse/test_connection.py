"""What every client is made with."""

from rak_libs.clickhouse.connection import CLIENT_REVISION, connect
from rak_libs.runtime.settings import ClickHouseSettings


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
