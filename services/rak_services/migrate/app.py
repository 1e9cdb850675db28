"""`rak-migrate`: brings ClickHouse's tables and Kafka's topics to what this release expects."""

import importlib.metadata
import sys
from argparse import ArgumentParser, Namespace
from enum import IntEnum
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.statements import Statements
from rak_libs.kafka.errors import KafkaError
from rak_libs.kafka.topics import TOPICS
from rak_libs.runtime.settings import Config
from rak_services.migrate import errors, report
from rak_services.migrate.config import Target, target_of
from rak_services.migrate.files import SchemaFile, load_schema_files, schema_folder
from rak_services.migrate.ledger import edited_files, read_applied
from rak_services.migrate.plan import Step, make_plan, read_retentions
from rak_services.migrate.tables import Waits, migrate_tables, wait_for_clickhouse
from rak_services.migrate.topics import migrate_topics, plan_topics


class ExitStatus(IntEnum):
    """How `rak-migrate` ends; 2 is a wrong command line or configuration."""

    DONE = 0
    FAILED = 1
    PENDING = 3
    REFUSED = 4
    LOCKED = 5
    UNAVAILABLE = 6
    INTERRUPTED = 130


STATUS_OF_ERROR: Final[tuple[tuple[type[Exception], ExitStatus], ...]] = (
    (errors.PermanentMigrateError, ExitStatus.REFUSED),
    (errors.LockHeld, ExitStatus.LOCKED),
    (errors.LockLost, ExitStatus.LOCKED),
    (errors.Unavailable, ExitStatus.UNAVAILABLE),
    (errors.MutationPending, ExitStatus.PENDING),
    (ClickHouseError, ExitStatus.FAILED),
    (KafkaError, ExitStatus.FAILED),
)
"""The first class that fits decides the exit status; any other error is a defect and is raised."""

_EPILOG: Final = (
    "Exit status: 0 done, or nothing to do; 1 a statement failed; 2 wrong arguments or "
    "configuration; 3 plan and status found something that up would do, or a mutation is still "
    "running; 4 refused (an applied file was edited, the database has the other form); 5 another "
    "runner holds the lock; 6 ClickHouse or Kafka could not be reached."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command and its options."""
    parser.description = __doc__
    parser.epilog = _EPILOG
    parser.add_argument(
        "command",
        choices=("up", "status", "plan"),
        help="up: apply what is missing; status: show the state; plan: print what up would do",
    )
    parser.add_argument("--only", choices=("tables", "topics"), help="leave the other alone")
    for option, default, what in (
        ("--wait", 60.0, "for ClickHouse and Kafka to answer"),
        ("--lock-wait", 150.0, "for another runner to end"),
        ("--mutation-wait", 3600.0, "for each mutation to end"),
    ):
        parser.add_argument(
            option,
            type=float,
            default=default,
            metavar="SECONDS",
            help=f"how long to wait {what} (default {default:g})",
        )


def run(config: Config, arguments: Namespace) -> int:
    """Carry out the command and return the exit status; errors go to stderr as one message."""
    command = {"up": _up, "status": _status, "plan": _plan}[arguments.command]
    try:
        return command(config, arguments)
    except KeyboardInterrupt:
        print("rak-migrate: interrupted; run it again to go on", file=sys.stderr)
        return ExitStatus.INTERRUPTED
    except tuple(kind for kind, _ in STATUS_OF_ERROR) as error:
        notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
        print(f"rak-migrate: {error}{notes}", file=sys.stderr)
        return next(status for kind, status in STATUS_OF_ERROR if isinstance(error, kind))


def _up(config: Config, arguments: Namespace) -> ExitStatus:
    done = []
    if arguments.only != "topics":
        waits = Waits(arguments.wait, arguments.lock_wait, arguments.mutation_wait)
        release = importlib.metadata.version("rak-ingest")
        with _connection(config, arguments) as statements:
            steps = migrate_tables(statements, target_of(config), _files(), waits, release)
        done += [step.title for step in steps]
    if arguments.only != "tables":
        done += migrate_topics(config.kafka, arguments.wait).titles
    print("\n".join(done) if done else "Nothing to do.")
    return ExitStatus.DONE


def _plan(config: Config, arguments: Namespace) -> ExitStatus:
    steps: list[Step] = []
    topics: list[str] = []
    if arguments.only != "topics":
        with _connection(config, arguments) as statements:
            steps = make_plan(statements, target_of(config), _files())
    if arguments.only != "tables":
        topics = plan_topics(config.kafka, arguments.wait).titles
    print(report.plan_text(steps, topics))
    return ExitStatus.PENDING if steps or topics else ExitStatus.DONE


def _status(config: Config, arguments: Namespace) -> ExitStatus:
    found = ExitStatus.DONE
    if arguments.only != "topics":
        with _connection(config, arguments) as statements:
            found = _tables_status(statements, target_of(config), _files())
    if arguments.only != "tables":
        pending = plan_topics(config.kafka, arguments.wait)
        print(("" if arguments.only else "\n") + report.topics_text(TOPICS, pending))
        found = ExitStatus.PENDING if pending.titles and not found else found
    return found


def _tables_status(
    statements: Statements, target: Target, files: tuple[SchemaFile, ...]
) -> ExitStatus:
    applied = read_applied(statements, target)
    retentions = read_retentions(statements, target, files)
    print(report.tables_text(target, files, applied, retentions))
    if edited_files(files, applied):
        return ExitStatus.REFUSED
    return ExitStatus.PENDING if make_plan(statements, target, files) else ExitStatus.DONE


def _files() -> tuple[SchemaFile, ...]:
    return load_schema_files(schema_folder())


def _connection(config: Config, arguments: Namespace) -> Statements:
    statements = Statements(config.clickhouse)
    wait_for_clickhouse(statements, config.clickhouse.url, arguments.wait)
    return statements
