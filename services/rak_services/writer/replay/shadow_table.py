"""The table that a range is written into: made like the live one, and certainly not that one."""

import re
from typing import Final

from rak_libs.clickhouse.statements import Statements, quote_identifier, quote_text
from rak_libs.model.table import Table
from rak_services.writer.signals import SIGNALS

_TARGET: Final = re.compile(r" TO (?:`?\w+`?\.)?`?(?P<table>\w+)`?")


class UnfitTable(Exception):
    """The table that was named must not, or cannot, be filled."""


def prepare_shadow_table(statements: Statements, database: str, table: Table, name: str) -> bool:
    """See that a table can take the rows of `table` and make it if it is missing.

    A new one has everything of the live one (keys, codecs, retention) but what views feed from it.

    Returns:
        Whether it was made.

    Raises:
        UnfitTable: It is a live table or one that a view fills or reads, or it cannot be made.
        ClickHouseError: ClickHouse refuses, or cannot be asked.
    """
    engines = _engines(statements, database)
    if name in _live_tables() | _view_targets(statements, database):
        raise UnfitTable(f"{name} holds live data; name a table of its own")
    if name in engines:
        _check_existing(engines[name], statements, database, name)
        return False
    engine = engines.get(table.name)
    if engine is None:
        raise UnfitTable(f"{database} has no table {table.name}; has `rak-migrate up` run?")
    if engine.startswith("Replicated") or not engine.endswith("MergeTree"):
        raise UnfitTable(
            f"{table.name} is a {engine} table, whose form cannot be taken over; make a MergeTree "
            f"table {name} on this node first"
        )
    comment = quote_text(f"Replayed messages of {table.name}, by rak-writer replay")
    statements.execute(
        f"CREATE TABLE IF NOT EXISTS {_qualified(database, name)} "
        f"AS {_qualified(database, table.name)} COMMENT {comment}"
    )
    return True


def _check_existing(engine: str, statements: Statements, database: str, name: str) -> None:
    if not engine.endswith("MergeTree"):
        raise UnfitTable(f"{name} is a {engine} table; expected a MergeTree table of this node")
    ((views,),) = statements.rows(
        "SELECT dependencies_table FROM system.tables "  # noqa: S608 - quoted
        f"WHERE database = {quote_text(database)} AND name = {quote_text(name)}"
    )
    if views:
        raise UnfitTable(f"{name} feeds {', '.join(views)}; name a table that feeds nothing")


def _live_tables() -> frozenset[str]:
    names = {each.table.name for signal in SIGNALS.values() for each in signal.tables}
    return frozenset(names | {f"{name}_local" for name in names})


def _view_targets(statements: Statements, database: str) -> frozenset[str]:
    made_by = statements.rows(
        "SELECT create_table_query FROM system.tables "  # noqa: S608 - quoted
        f"WHERE database = {quote_text(database)} AND engine = 'MaterializedView'"
    )
    found = (_TARGET.search(query) for (query,) in made_by)
    return frozenset(match["table"] for match in found if match)


def _engines(statements: Statements, database: str) -> dict[str, str]:
    sql = "SELECT name, engine FROM system.tables WHERE database = "
    return dict(statements.rows(sql + quote_text(database)))


def _qualified(database: str, name: str) -> str:
    return f"{quote_identifier(database)}.{quote_identifier(name)}"
