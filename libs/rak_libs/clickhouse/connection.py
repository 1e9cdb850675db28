from typing import Any, Final

from clickhouse_driver import Client

from rak_libs.clickhouse.errors import translated
from rak_libs.runtime.settings import ClickHouseSettings

CLIENT_REVISION: Final = 54453
"""The protocol revision that every connection pins.

From 54454 each column of a block carries a serialization byte, and from 54456 the server answers
every INSERT block with profile events that the client waits for.
"""

_PING_TIMEOUT_SECONDS: Final = 2.0


def connect(
    settings: ClickHouseSettings,
    *,
    database: str | None = None,
    send_receive_timeout: float | None = None,
    engine_settings: dict[str, Any] | None = None,
) -> Client:
    """Make a client for one thread; it connects on its first query and after every error.

    Args:
        settings: The `[clickhouse]` section.
        database: The current database; None takes the section's, "" takes the server's default.
        send_receive_timeout: Seconds that a socket may stay silent; None takes
            `insert_timeout_seconds`.
        engine_settings: Engine settings sent with every query.
    """
    host, port = settings.address
    timeout = settings.insert_timeout_seconds
    return Client(
        host,
        port=port,
        database=settings.database if database is None else database,
        user=settings.user,
        password=settings.password,
        client_name="rak-ingest",
        compression="lz4",
        client_revision=CLIENT_REVISION,
        connect_timeout=settings.connection_timeout_seconds,
        send_receive_timeout=timeout if send_receive_timeout is None else send_receive_timeout,
        sync_request_timeout=settings.connection_timeout_seconds,
        settings=engine_settings,
    )


def ping(settings: ClickHouseSettings) -> None:
    """Ask the server for a row, over a connection of its own; for readiness checks in a thread.

    Raises:
        ClickHouseError: The server cannot be reached, refuses the user, or has no such database.
    """
    client = connect(settings, send_receive_timeout=_PING_TIMEOUT_SECONDS)
    try:
        with translated():
            client.execute("SELECT 1")
    finally:
        client.disconnect()
