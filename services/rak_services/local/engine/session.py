"""One chDB session: what a client's connection runs its statements on.

A session keeps its database, its settings and its temporary tables, and runs one statement at a
time. Calls block and release the interpreter lock.
"""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from rak_services.local.engine.column_reader import Column
from rak_services.local.engine.errors import EngineError, from_engine
from rak_services.local.engine.protocol import ErrorCode
from rak_services.local.engine.statement import InsertTarget, quote_string
from rak_services.local.engine.wire import encode_string, encode_varint, reader_of

_READONLY = "readonly"
_LABEL = "log_comment"
_NAME_LIMIT = 1024 * 1024


class EngineSession:
    """A chDB session whose settings are those of the statement being run, and nothing more.

    Args:
        connection_string: chDB's, the same for all sessions of a process.
    """

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self._journal: dict[bytes, None] = {}
        self._applied: dict[str, str] = {}
        self._session = self._open()
        self._standing = self._changed_settings()

    def _open(self) -> Any:
        from chdb.session import Session  # noqa: PLC0415 - it reads its allocator settings on load

        try:
            session: Any = Session
            return session(self._connection_string)
        except RuntimeError as error:
            raise from_engine(error) from error

    def close(self) -> None:
        """Closes the session; nothing may be running on it."""
        self._session.close()

    def run(self, statement: bytes, output_format: str = "Native") -> bytes:
        """Runs a statement to its end and returns the whole result.

        Raises:
            EngineError: what the engine says.
        """
        try:
            result = self._session.query(statement, output_format)
            return bytes(result.bytes()) if result is not None else b""
        except (RuntimeError, ValueError) as error:
            raise from_engine(error) from error

    def run_setting(self, statement: bytes) -> None:
        """Runs SET or USE, whose effect lasts as long as the connection."""
        self.apply({}, "")
        self.run(statement)
        self._journal.pop(statement, None)
        self._journal[statement] = None
        self._standing = self._changed_settings()

    def use(self, database: str) -> None:
        """Makes `database` the current one.

        Raises:
            EngineError: code 81 if it does not exist.
        """
        quoted = database.replace("\\", "\\\\").replace("`", "\\`")
        self.run_setting(f"USE `{quoted}`".encode())

    def apply(self, settings: Mapping[str, str], label: str) -> None:
        """Gives the next statement these settings and undoes those of the statement before.

        Args:
            settings: name to value, as the client sent them.
            label: unique among running statements; goes to `log_comment`, which is how a
                statement is found again, since chDB lets no query id be set.

        Raises:
            EngineError: code 115 for an unknown setting, or what the engine says of a value.
        """
        if self._applied.get(_READONLY, "0") != "0":
            self._renew()
        if self._standing.get(_READONLY, "0") != "0":
            if settings:
                raise EngineError(
                    ErrorCode.READONLY, "Cannot modify settings in readonly mode. (READONLY)"
                )
            return  # the client has made its session read-only; the label must do without
        wanted = {**settings, _LABEL: label}
        assignments = [f"{name} = {self._undone(name)}" for name in self._applied.keys() - wanted]
        for name, value in wanted.items():
            _check_setting_name(name)
            assignments.append(f"{name} = {quote_string(value)}")
        self._applied = {**self._applied, **wanted}
        self.run(("SET " + ", ".join(assignments)).encode())
        self._applied = wanted

    def _undone(self, name: str) -> str:
        """The value outside of any statement: from the connection string or a SET, else default."""
        value = self._standing.get(name)
        return "DEFAULT" if value is None else quote_string(value)

    def _changed_settings(self) -> dict[str, str]:
        changed = self.run(b"SELECT name, value FROM system.settings WHERE changed", "JSONCompact")
        return {row[0]: row[1] for row in msgspec.json.decode(changed, type=_Rows).data}

    def _renew(self) -> None:
        """Replaces a session that one statement made read-only, which nothing undoes.

        Temporary tables do not come along.
        """
        self._session.close()
        self._session = self._open()
        self._applied = {}
        for statement in self._journal:
            self.run(statement)

    def stream(self, statement: bytes) -> Generator[tuple[bytes, int], None, None]:
        """Runs a SELECT and yields Native blocks (without BlockInfo) with their row counts.

        Raises:
            EngineError: what the engine says, also in the middle.
        """
        result = None
        try:
            result = self._session.send_query(statement, "Native")
            while (chunk := result.fetch()) is not None:
                yield chunk.bytes(), chunk.rows_read()
        except (RuntimeError, ValueError) as error:
            raise from_engine(error) from error
        finally:
            if result is not None:
                result.cancel()

    def insert(self, target: InsertTarget, blocks: Path) -> None:
        """Applies an INSERT whose Native blocks are in a file, all or nothing.

        As in ClickHouse, an INSERT of more than 1,048,449 rows or 256 MiB becomes several parts,
        each visible when it is written.

        Raises:
            EngineError: what the engine says.
        """
        source = f" FROM INFILE {quote_string(str(blocks))} COMPRESSION 'none' ".encode()
        self.run(target.statement + source + target.settings + b" FORMAT Native")

    def result_columns(self, statement: bytes) -> list[Column]:
        """The columns of a SELECT, found without running it.

        Raises:
            EngineError: the SELECT is wrong.
        """
        described = self.run(b"DESCRIBE TABLE (\n" + statement + b"\n)", "JSONCompact")
        return [Column(row[0], row[1]) for row in msgspec.json.decode(described, type=_Rows).data]

    def answer_columns(self, statement: bytes) -> list[Column]:
        """The columns of a SHOW, DESCRIBE or the like; runs it."""
        return _columns_of_header(self.run(statement, "RowBinaryWithNamesAndTypes"))

    def insert_columns(self, target: InsertTarget) -> list[Column]:
        """The columns that an INSERT into `target` expects, in order.

        Raises:
            EngineError: code 60 or 81 for an unknown table, 16 for an unknown column.
        """
        if target.pattern is not None:
            return self.result_columns(b"SELECT " + target.pattern + b" FROM " + target.table)
        described = self.run(b"DESCRIBE TABLE " + target.table, "JSONCompact")
        rows = msgspec.json.decode(described, type=_Rows).data
        types = {row[0]: row[1] for row in rows}
        if target.columns is None:
            return [Column(row[0], row[1]) for row in rows if row[2] in {"", "DEFAULT"}]
        for name in target.columns:
            if name not in types:
                raise EngineError(
                    ErrorCode.NO_SUCH_COLUMN_IN_TABLE,
                    f"No such column {name} in table {target.table.decode(errors='replace')}. "
                    "(NO_SUCH_COLUMN_IN_TABLE)",
                )
        return [Column(name, types[name]) for name in target.columns]


class _Rows(msgspec.Struct):
    """The part of the JSONCompact format that is read here."""

    data: list[list[str]]


def encode_empty_block(columns: list[Column]) -> bytes:
    """A Native block of no rows (without BlockInfo): column count, 0, then names and types."""
    parts = [encode_varint(len(columns)), encode_varint(0)]
    for column in columns:
        parts += [encode_string(column.name), encode_string(column.type)]
    return b"".join(parts)


def _columns_of_header(header: bytes) -> list[Column]:
    """Reads RowBinaryWithNamesAndTypes: column count, all names, all types."""
    reader = reader_of(header)
    count = reader.read_varint()
    names = [reader.read_text(_NAME_LIMIT) for _ in range(count)]
    types = [reader.read_text(_NAME_LIMIT) for _ in range(count)]
    return [Column(name, type_name) for name, type_name in zip(names, types, strict=True)]


def _check_setting_name(name: str) -> None:
    if not name.replace(".", "_").isidentifier() or not name.isascii():
        raise EngineError(
            ErrorCode.UNKNOWN_SETTING, f"Unknown setting {quote_string(name)}. (UNKNOWN_SETTING)"
        )
