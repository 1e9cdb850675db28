"""One runner at a time: a table whose comment names its holder.

Creating a table fails when it exists, and on a cluster the queue of distributed statements puts
two creations in the same order on every node, so creation decides who holds the lock. The comment
says who that is and until when; nothing has to be left running to keep or to lose it. A runner
that was suspended beyond its lease finds out before its next statement. Every schema statement is
harmless when run twice, so even a runner that was suspended inside one does no damage.
"""

import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.statements import Statements, quote_text
from rak_libs.runtime.logs import get_logger
from rak_services.migrate.config import Target
from rak_services.migrate.errors import LockHeld, LockLost, Refused

LEASE_SECONDS: Final = 120
"""How long a lock holds after its last renewal; longer than any statement may take."""

LOCK_TABLE: Final = "schema_migrations_lock"
_STALE_PREFIX: Final = "schema_migrations_lock_stale_"
_TABLE_EXISTS: Final = 57
_UNKNOWN_TABLE: Final = 60
_POLL_SECONDS: Final = 0.5

log = get_logger(__name__)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lock, as its comment says in JSON.

    Attributes:
        token: Unique to one run.
        host: The host name.
        pid_space: Within which `pid` means something: a kernel's process namespace, or empty.
        pid: The process id.
        expires: When the lease ends, in seconds since 1970 by the server's clock.
    """

    token: str
    host: str
    pid_space: str
    pid: int
    expires: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Holder:
    """Return a holder for this run, its lease not begun."""
    return Holder(
        token=uuid.uuid4().hex,
        host=socket.gethostname(),
        pid_space=_pid_space(),
        pid=os.getpid(),
        expires=0,
    )


def _pid_space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def is_dead(holder: Holder) -> bool:
    """Tell whether a holder is a process of this machine that is certainly gone."""
    if (holder.host, holder.pid_space) != (socket.gethostname(), _pid_space()):
        return False
    if holder.pid == os.getpid():
        return True  # an earlier process with the id that this one has now
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@dataclass(frozen=True, slots=True)
class _Observed:
    holder: Holder
    server_time: int


class MigrationLock:
    """The lock of one database, held from `__enter__` to `__exit__`.

    Args:
        statements: The connection to use.
        target: The database.
        wait_seconds: How long to wait for another runner.
        clock: Monotonic seconds.
        sleep: Waits between two looks at a lock that another runner holds.
    """

    def __init__(
        self,
        statements: Statements,
        target: Target,
        wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._statements = statements
        self._target = target
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._sleep = sleep
        self._holder = this_process()
        self._table = target.qualified(LOCK_TABLE)

    def __enter__(self) -> Self:
        self._acquire()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._release()
        except (ClickHouseError, LockLost) as error:
            log.warning("migrate.lock_not_released", error=str(error), lease=LEASE_SECONDS)

    def renew(self) -> None:
        """Check that the lock is still this run's, and begin its lease anew.

        Raises:
            LockLost: Another runner has taken it over.
            ClickHouseError: The engine cannot be asked.
        """
        server_time = self._check_ours()
        comment = self._comment(server_time)
        self._statements.execute(
            f"ALTER TABLE {self._table}{self._target.on_cluster} MODIFY COMMENT {comment}"
        )

    def _acquire(self) -> None:
        deadline = self._clock() + self._wait_seconds
        told = ""
        while not self._create():
            observed = self._observe()
            if observed is None:
                continue
            holder = observed.holder
            if holder.expires <= observed.server_time or is_dead(holder):
                self._set_aside(holder)
                continue
            left = holder.expires - observed.server_time
            if self._clock() >= deadline:
                raise LockHeld(
                    f"{holder} is migrating {self._target.database}; waited "
                    f"{self._wait_seconds:g} s; its lock ends in {left} s unless it goes on"
                )
            if told != holder.token:
                log.info("migrate.waiting_for_lock", holder=str(holder), lease_left_seconds=left)
                told = holder.token
            self._sleep(_POLL_SECONDS)

    def _create(self) -> bool:
        comment = self._comment(self._server_time())
        try:
            self._statements.execute(
                f"CREATE TABLE {self._table}{self._target.on_cluster} (holder String) "
                f"ENGINE = Null COMMENT {comment}"
            )
        except ClickHouseError as error:
            if error.code == _TABLE_EXISTS:
                return False
            raise
        return True

    def _set_aside(self, holder: Holder) -> None:
        """Rename a stale lock away.

        Its new name carries the token and stays until a run ends, so a second runner that saw the
        same stale lock cannot rename its successor away.
        """
        aside = self._target.qualified(_STALE_PREFIX + holder.token)
        on_cluster = self._target.on_cluster
        try:
            self._statements.execute(f"RENAME TABLE {self._table} TO {aside}{on_cluster}")
        except ClickHouseError as error:
            if error.code not in {_TABLE_EXISTS, _UNKNOWN_TABLE}:
                raise
            return
        log.warning("migrate.stale_lock_taken_over", holder=str(holder))

    def _release(self) -> None:
        self._check_ours()
        stale = self._statements.rows(
            "SELECT name FROM system.tables "
            f"WHERE database = {quote_text(self._target.database)} "
            f"AND startsWith(name, {quote_text(_STALE_PREFIX)})"
        )
        for name in [*(row[0] for row in stale), LOCK_TABLE]:
            table = self._target.qualified(name)
            self._statements.execute(f"DROP TABLE IF EXISTS {table}{self._target.on_cluster} SYNC")

    def _check_ours(self) -> int:
        observed = self._observe()
        if observed is None or observed.holder.token != self._holder.token:
            by = observed.holder if observed else "nobody; the lock's table was dropped"
            raise LockLost(
                f"the lock on {self._target.database} is no longer this run's (held by {by}); "
                "run again: what was done stays done"
            )
        return observed.server_time

    def _observe(self) -> _Observed | None:
        rows = self._statements.rows(
            "SELECT comment, toUnixTimestamp(now()) FROM system.tables "
            f"WHERE database = {quote_text(self._target.database)} "
            f"AND name = {quote_text(LOCK_TABLE)}"
        )
        if not rows:
            return None
        comment, server_time = rows[0]
        try:
            holder = msgspec.json.decode(comment, type=Holder)
        except msgspec.DecodeError as error:
            raise Refused(
                f"the comment of {self._table} names no holder ({error}); "
                "when no migration is running, drop that table"
            ) from error
        return _Observed(holder, int(server_time))

    def _server_time(self) -> int:
        return int(self._statements.rows("SELECT toUnixTimestamp(now())")[0][0])

    def _comment(self, server_time: int) -> str:
        holder = msgspec.structs.replace(self._holder, expires=server_time + LEASE_SECONDS)
        return quote_text(msgspec.json.encode(holder).decode())
