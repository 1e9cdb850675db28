"""What `up` does to ClickHouse, worked out before any of it is done; `plan` prints the same."""

import re
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.statements import Statements, quote_identifier, quote_text
from rak_services.migrate.config import Target
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.ledger import check_applied, read_applied

_LIVE_TTL: Final = re.compile(r" TTL (?P<expression>.+?)(?: SETTINGS |$)")
_DAYS: Final = re.compile(r"toIntervalDay\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Step:
    """One statement to run; `file` is recorded as applied when it has succeeded."""

    title: str
    sql: str
    file: SchemaFile | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long one table keeps its rows.

    Attributes:
        table: The table that holds the rows.
        live_days: Days in the live table's TTL, None without a TTL.
        wanted_days: Days that the configuration asks for.
        ttl: The expression that the table should have.
        fits: Whether the live TTL counts the same days.
    """

    table: str
    live_days: int | None
    wanted_days: int
    ttl: str
    fits: bool


def create_database(target: Target) -> Step:
    """Return the step that makes the database, harmless when it exists."""
    sql = f"CREATE DATABASE IF NOT EXISTS {quote_identifier(target.database)}{target.on_cluster}"
    return Step(f"create database {target.database}", sql)


def files_of_form(files: tuple[SchemaFile, ...], target: Target) -> tuple[SchemaFile, ...]:
    """Return the files that belong to the target's form."""
    return tuple(file for file in files if target.cluster or not file.cluster_only)


def database_exists(statements: Statements, target: Target) -> bool:
    """Tell whether the database exists on the connected node."""
    name = quote_text(target.database)
    return bool(statements.rows(f"SELECT 1 FROM system.databases WHERE name = {name}"))


def make_plan(statements: Statements, target: Target, files: tuple[SchemaFile, ...]) -> list[Step]:
    """Compare the database with the files and the configuration; change nothing.

    Raises:
        Refused: The database does not come from these files.
        ClickHouseError: The database cannot be read.
    """
    steps = [] if database_exists(statements, target) else [create_database(target)]
    applied = read_applied(statements, target)
    check_applied(files, applied, target)
    steps += [
        Step(f"apply {file.name}", file.render(target), file)
        for file in files_of_form(files, target)
        if file.version not in applied
    ]
    steps += [
        _change_retention(target, retention)
        for retention in read_retentions(statements, target, files)
        if not retention.fits
    ]
    return steps


def read_retentions(
    statements: Statements, target: Target, files: tuple[SchemaFile, ...]
) -> list[Retention]:
    """Return the retention of every live table whose file has a TTL line.

    The days are compared, not the text: the engine prints an expression in its own words.
    """
    wanted = {target.local_name(f.object): ttl for f in files if (ttl := f.ttl(target))}
    if not wanted:
        return []
    names = ", ".join(map(quote_text, wanted))
    live = statements.rows(
        "SELECT name, engine_full FROM system.tables "
        f"WHERE database = {quote_text(target.database)} AND name IN ({names}) ORDER BY name"
    )
    return [_retention(name, engine, wanted[name]) for name, engine in live]


def _retention(table: str, engine: str, ttl: str) -> Retention:
    found = _LIVE_TTL.search(engine)
    live_days = _DAYS.findall(found["expression"]) if found else []
    wanted_days = _DAYS.findall(ttl)
    return Retention(
        table=table,
        live_days=int(live_days[0]) if live_days else None,
        wanted_days=int(wanted_days[0]),
        ttl=ttl,
        fits=live_days == wanted_days,
    )


def _change_retention(target: Target, retention: Retention) -> Step:
    name = target.qualified(retention.table)
    was = "for ever" if retention.live_days is None else f"{retention.live_days} days"
    return Step(
        f"change retention of {retention.table} from {was} to {retention.wanted_days} days",
        f"ALTER TABLE {name}{target.on_cluster} MODIFY TTL {retention.ttl}",
    )
