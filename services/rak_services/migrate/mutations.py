import time
from collections.abc import Callable
from typing import Final

from rak_libs.clickhouse.statements import Statements, quote_text
from rak_libs.runtime.logs import get_logger
from rak_services.migrate.config import Target
from rak_services.migrate.errors import MutationPending

_POLL_SECONDS: Final = 0.5

log = get_logger(__name__)


def wait_for_mutations(
    statements: Statements,
    target: Target,
    wait_seconds: float,
    between: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until every mutation of the database's tables is done, on every node.

    Args:
        statements: The connection to ask on.
        target: The database.
        wait_seconds: How long to wait.
        between: Called before each further look; keeps the lock.
        clock: Monotonic seconds.
        sleep: Waits between two looks.

    Raises:
        MutationPending: One is still running; the text names it and why it last failed, if it did.
    """
    deadline = clock() + wait_seconds
    told = ""
    while pending := _pending(statements, target):
        if clock() >= deadline:
            raise MutationPending(
                f"after {wait_seconds:g} s still running: {pending}; the engine goes on with it, "
                "run again later"
            )
        if pending != told:
            log.info("migrate.waiting_for_mutation", mutation=pending)
            told = pending
        sleep(_POLL_SECONDS)
        between()


def _pending(statements: Statements, target: Target) -> str:
    """Describe the oldest unfinished mutation, or return nothing."""
    source = "system.mutations"
    if target.cluster:
        source = f"clusterAllReplicas({quote_text(target.cluster)}, system.mutations)"
    rows = statements.rows(
        f"SELECT table, mutation_id, command, latest_fail_reason FROM {source} "
        f"WHERE database = {quote_text(target.database)} AND NOT is_done "
        "ORDER BY create_time LIMIT 1"
    )
    if not rows:
        return ""
    table, mutation, command, reason = rows[0]
    failed = f" (last failed: {reason})" if reason else ""
    return f"{mutation} of {table}: {command}{failed}"
