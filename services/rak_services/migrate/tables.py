"""`up` for ClickHouse: plan and carry out, one runner at a time."""

from dataclasses import dataclass
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from rak_libs.clickhouse.errors import ClickHouseError, TransientClickHouseError
from rak_libs.clickhouse.statements import Statements
from rak_libs.runtime.logs import get_logger
from rak_services.migrate.config import Target
from rak_services.migrate.errors import Unavailable
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.ledger import record_applied
from rak_services.migrate.lock import MigrationLock
from rak_services.migrate.mutations import wait_for_mutations
from rak_services.migrate.plan import Step, create_database, database_exists, make_plan

_RETRY_SECONDS: Final = 0.5

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long to wait for what, in seconds."""

    dependencies: float
    lock: float
    mutations: float


def wait_for_clickhouse(statements: Statements, url: str, wait_seconds: float) -> None:
    """Wait until ClickHouse answers.

    Raises:
        Unavailable: It did not in time; the text carries its last error.
        ClickHouseError: It refuses the user.
    """
    attempts = Retrying(
        retry=retry_if_exception_type(TransientClickHouseError),
        stop=stop_after_delay(wait_seconds),
        wait=wait_fixed(_RETRY_SECONDS),
        reraise=True,
    )
    try:
        attempts(statements.rows, "SELECT 1")
    except TransientClickHouseError as error:
        raise Unavailable(
            f"no ClickHouse at {url} ([clickhouse] url) within {wait_seconds:g} s: {error}"
        ) from error


def migrate_tables(
    statements: Statements,
    target: Target,
    files: tuple[SchemaFile, ...],
    waits: Waits,
    release: str,
) -> list[Step]:
    """Bring the database to the state that files and configuration describe.

    The plan is made under the lock. A statement that ran but was not recorded runs again the next
    time, which changes nothing.

    Returns:
        The steps that were carried out; empty when there was nothing to do.

    Raises:
        MigrateError: Refused, lock held or lost, mutation pending.
        ClickHouseError: A statement failed; its note says which.
    """
    first = [] if database_exists(statements, target) else [create_database(target)]
    for step in first:
        _carry_out(statements, target, step, release)
    with MigrationLock(statements, target, waits.lock) as lock:
        wait_for_mutations(statements, target, waits.mutations, lock.renew)
        steps = make_plan(statements, target, files)
        for step in steps:
            lock.renew()
            _carry_out(statements, target, step, release)
            wait_for_mutations(statements, target, waits.mutations, lock.renew)
    return [*first, *steps]


def _carry_out(statements: Statements, target: Target, step: Step, release: str) -> None:
    try:
        statements.execute(step.sql)
        if step.file is not None:
            record_applied(statements, target, step.file, release)
    except ClickHouseError as error:
        error.add_note(f"while: {step.title}")
        raise
    log.info("migrate.step_done", step=step.title)
