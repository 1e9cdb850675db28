"""Statements as text, for migrations and other administration; never for data or users' input."""

from types import TracebackType
from typing import Any, Final, Self

from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.errors import translated
from rak_libs.runtime.settings import ClickHouseSettings

STATEMENT_TIMEOUT_SECONDS: Final = 90.0
"""How long a statement's connection may stay silent."""

_ENGINE_SETTINGS: Final = {
    # The engine gives up on a node that does not answer before the connection does.
    "distributed_ddl_task_timeout": 60,
    # A mutation runs in the background; who needs it done waits on system.mutations.
    "mutations_sync": 0,
}


def quote_identifier(name: str) -> str:
    """Return a name in backticks (https://clickhouse.com/docs/sql-reference/syntax#identifiers)."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def quote_text(text: str) -> str:
    """Return a string literal (https://clickhouse.com/docs/sql-reference/syntax#string)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Statements:
    """One connection that runs one statement at a time; for one thread.

    It starts in the server's default database, so statements name theirs.
    """

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._client = connect(
            settings,
            database="",
            send_receive_timeout=STATEMENT_TIMEOUT_SECONDS,
            engine_settings=dict(_ENGINE_SETTINGS),
        )

    def execute(self, sql: str) -> None:
        """Run a statement and wait for its end.

        Raises:
            ClickHouseError: One of its subclasses; the statement may or may not have run when
                the connection broke.
        """
        self.rows(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query and return its rows; empty for a statement without a result.

        Raises:
            ClickHouseError: One of its subclasses.
        """
        with translated():
            result = self._client.execute(sql)
        return result if isinstance(result, list) else []

    def close(self) -> None:
        """Close the connection."""
        self._client.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
