"""Which schema files have been applied to a database: the table `schema_migrations`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.statements import Statements, quote_text
from rak_services.migrate.config import Target
from rak_services.migrate.errors import Refused
from rak_services.migrate.files import SchemaFile

_TABLE: Final = "schema_migrations"
_UNKNOWN_TABLE: Final = 60
_UNKNOWN_DATABASE: Final = 81


@dataclass(frozen=True, slots=True)
class Applied:
    """One applied file as recorded; `applied_at` is UTC."""

    version: int
    name: str
    checksum: str
    form: str
    release: str
    applied_at: datetime


def read_applied(statements: Statements, target: Target) -> dict[int, Applied]:
    """Return what has been applied, by version; nothing for a database that does not exist.

    Raises:
        ClickHouseError: The table exists and cannot be read.
    """
    query = (
        "SELECT version, name, toString(checksum), toString(form), release, applied_at "
        f"FROM {target.qualified(_TABLE)} ORDER BY applied_at"
    )
    try:
        rows = statements.rows(query)
    except ClickHouseError as error:
        if error.code in {_UNKNOWN_TABLE, _UNKNOWN_DATABASE}:
            return {}
        raise
    records = (Applied(*row) for row in rows)
    return {record.version: record for record in records}


def record_applied(statements: Statements, target: Target, file: SchemaFile, release: str) -> None:
    """Record that a file has been applied now, by the server's clock.

    Raises:
        ClickHouseError: The row could not be written.
    """
    texts = (file.name, file.checksum, target.form, release)
    statements.execute(
        f"INSERT INTO {target.qualified(_TABLE)} "
        "(version, name, checksum, form, release, applied_at) "
        f"SELECT {file.version}, {', '.join(map(quote_text, texts))}, now64(3, 'UTC')"
    )


def edited_files(files: tuple[SchemaFile, ...], applied: dict[int, Applied]) -> list[SchemaFile]:
    """Return the files whose text or name is no longer what was applied under their version."""
    return [
        file
        for file in files
        if (record := applied.get(file.version))
        and (record.checksum, record.name) != (file.checksum, file.name)
    ]


def check_applied(
    files: tuple[SchemaFile, ...], applied: dict[int, Applied], target: Target
) -> None:
    """Refuse to go on when the database does not come from these files.

    Versions that no file has are fine: a newer release applied them.

    Raises:
        Refused: A file was edited after it was applied, or the database has the other form.
    """
    problems = [
        f"{file.name} was edited after it was applied as {record.name} at {record.applied_at} "
        f"(checksum {record.checksum[:12]} then, {file.checksum[:12]} now); "
        "undo the edit and put the change into a new file"
        for file in edited_files(files, applied)
        for record in [applied[file.version]]
    ]
    forms = {record.form for record in applied.values()} - {target.form}
    if forms:
        problems.append(
            f"database {target.database} was made in the {forms.pop()} form, and [clickhouse] "
            f"cluster asks for the {target.form} form; use another database"
        )
    if problems:
        raise Refused("\n".join(problems))
