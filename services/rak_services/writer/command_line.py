"""The command line of `rak-writer`: what can be asked, and the help that says so."""

import re
import time
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from typing import Any, Final

from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.model.time_text import MAX_NS, SECOND_NS, parse_relative, parse_time
from rak_libs.runtime.config import add_config_option
from rak_services.writer.crash_points import CrashPoints
from rak_services.writer.dlq.letters import LetterId
from rak_services.writer.signals import SIGNALS

TOPICS: Final = tuple(sorted({signal.topic for signal in SIGNALS.values()}))
REPLAYED_TOPICS: Final = tuple(
    sorted({signal.topic for signal in SIGNALS.values() if signal.by_batch})
)
REPLAYED_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    signal.topic: tuple(each.table.name for each in signal.tables if each.table.by_batch)
    for signal in SIGNALS.values()
}
_TABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,10}", re.ASCII)
# Milliseconds or microseconds, or nanoseconds of 1970: whoever writes so means something else.
_UNCLEAR: Final = re.compile(r"\d{11,17}", re.ASCII)
_TIMES: Final = "RFC 3339 (2026-05-01T12:00:00Z), unix seconds or nanoseconds, or relative (now-1h)"

_DESCRIPTION: Final = (
    "Without a subcommand: read topics and write their rows to ClickHouse until told to stop. "
    "The subcommands are for operators; they may run beside any number of writers."
)
_EPILOG: Final = (
    "Exit status of the writer: 0 stopped and drained; 1 failed; 2 wrong arguments or "
    "configuration; 98 its port is in use; 130 stopped twice. Of the subcommands: 0 done; 1 failed "
    "(no broker, no ClickHouse, no such letter); 2 wrong arguments or configuration; 3 something "
    "was left undone, as the output says; 130 interrupted: the same command again goes on."
)


class WrongUse(Exception):
    """Arguments that do not go together."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add everything that `rak-writer` takes beside `--config`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.set_defaults(command=None)
    parser.add_argument(
        "--signal",
        dest="signals",
        action="append",
        choices=sorted(SIGNALS),
        help="what to write; may be repeated (default: every signal)",
    )
    parser.add_argument("--crash-at", type=_crash_point, metavar="POINT[:N]", help=SUPPRESS)
    commands = parser.add_subparsers(title="subcommands", metavar="COMMAND")
    _add_dlq(commands.add_parser("dlq", help="look at what could not be stored, send it again"))
    _add_replay(
        _command(commands, "replay", "write a time range of a topic into a shadow table", "replay")
    )


def time_argument(text: str, now_ns: int | None = None) -> int:
    """Read a time of the command line as unix nanoseconds.

    Raises:
        ArgumentTypeError: It is none; argparse prints what was expected.
    """
    try:
        offset = parse_relative(text)
        if offset is not None:
            now = time.time_ns() if now_ns is None else now_ns
            return min(max(now + offset, 0), MAX_NS)
        if _SECONDS.fullmatch(text):
            return int(text) * SECOND_NS
        return parse_time("" if _UNCLEAR.fullmatch(text) else text)
    except ValueError:
        raise ArgumentTypeError(f"expected a time, {_TIMES}, got {text!r}") from None


def _crash_point(text: str) -> CrashPoints:
    try:
        return CrashPoints.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def check_arguments(arguments: Namespace) -> None:
    """Refuse what the options allow one by one and not together.

    Raises:
        WrongUse: The text says what was expected.
    """
    given = vars(arguments)
    if arguments.command and arguments.signals:
        raise WrongUse(f"--signal is for the writer itself, {arguments.command} takes none")
    from_ns, to_ns = given.get("from_ns"), given.get("to_ns")
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise WrongUse("expected --from before --to")
    table = given.get("table")
    if table is not None and table not in REPLAYED_TABLES[arguments.topic]:
        expected = ", ".join(REPLAYED_TABLES[arguments.topic])
        raise WrongUse(f"--table: messages of {arguments.topic} make rows of {expected}")
    if "ids" not in given:
        return
    filtered = arguments.reason is not None or from_ns is not None or to_ns is not None
    if [bool(arguments.ids), arguments.all, filtered].count(True) != 1:
        raise WrongUse(
            f"{arguments.command}: expected letters' ids, or --all, or any of --reason, --from and "
            "--to"
        )


def _add_dlq(parser: ArgumentParser) -> None:
    add_config_option(parser, SUPPRESS)
    parser.description = (
        "A letter is a message, or items of one, that could not be stored: it lies in "
        "<topic>.dlq under an id, partition:offset. Kafka deletes no single record, so what "
        "becomes of a letter is written beside it."
    )
    commands = parser.add_subparsers(title="subcommands", metavar="COMMAND", required=True)
    listing = _command(commands, "list", "list letters, oldest first", "dlq list")
    listing.add_argument("--topic", choices=TOPICS, help="of this topic (default: of all)")
    _add_filters(listing)
    listing.add_argument(
        "--state",
        choices=("open", "replayed", "dropped", "all"),
        default="open",
        help="in this state (default: open, which takes in those being sent)",
    )
    listing.add_argument("--format", choices=("table", "json"), default="table")
    showing = _command(commands, "show", "show a letter with its payload", "dlq show")
    showing.add_argument("id", metavar="ID", type=_letter_id, help="partition:offset")
    _add_topic(showing)
    replaying = _command(commands, "replay", "send letters to their topic again", "dlq replay")
    _add_selection(replaying, "sent")
    replaying.add_argument(
        "--again",
        action="store_true",
        help="send those as well that were, or may have been, sent before",
    )
    replaying.add_argument(
        "--take-over",
        action="store_true",
        help="do not wait for the claims that are there to grow old: their commands are dead",
    )
    _add_selection(_command(commands, "drop", "mark letters as not wanted", "dlq drop"), "dropped")


def _add_selection(parser: ArgumentParser, done: str) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", type=_letter_id, help="partition:offset")
    parser.add_argument("--all", action="store_true", help="every letter of the topic")
    _add_topic(parser)
    _add_filters(parser)
    parser.add_argument("--dry-run", action="store_true", help=f"print what would be {done}")


def _add_topic(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--topic",
        choices=TOPICS,
        default=OTLP_SPANS,
        help=f"the topic that the letters came from (default: {OTLP_SPANS})",
    )


def _add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", help="given up for this reason, such as undecodable")
    _add_time(parser, "--from", "given up at this time or later")
    _add_time(parser, "--to", "given up before this time")


def _add_replay(parser: ArgumentParser) -> None:
    parser.description = (
        "Reads the messages of a topic that the broker dated from one time to another, decodes "
        "them as the writer does, and inserts their rows into a table of their own. The same "
        "command again adds nothing. Nothing is committed, dead-lettered or counted."
    )
    parser.add_argument("--topic", choices=REPLAYED_TOPICS, required=True, help="what to read")
    _add_time(parser, "--from", "messages of this time or later", required=True)
    _add_time(parser, "--to", "messages before this time", required=True)
    parser.add_argument(
        "--into",
        metavar="TABLE",
        type=_table_name,
        required=True,
        help="the table to fill, in the same database; made like the topic's table if it is not "
        "there",
    )
    parser.add_argument(
        "--table",
        choices=sorted(name for names in REPLAYED_TABLES.values() for name in names),
        help="which of the topic's tables it is to be like (default: the first of them, such as "
        "metric_samples)",
    )
    parser.add_argument(
        "--originals-only",
        action="store_true",
        help="leave out messages that were sent again from dead letters: where their originals "
        "can be stored now, their rows would be there twice",
    )


def _command(commands: Any, name: str, what: str, command: str) -> ArgumentParser:
    """Add a subcommand; the arguments that it parses to carry its name as `command`."""
    parser: ArgumentParser = commands.add_parser(name, help=what, description=f"{what}.")
    add_config_option(parser, SUPPRESS)
    parser.set_defaults(command=command)
    return parser


def _add_time(parser: ArgumentParser, option: str, what: str, *, required: bool = False) -> None:
    parser.add_argument(
        option,
        dest=f"{option.removeprefix('--')}_ns",
        metavar="TIME",
        type=time_argument,
        required=required,
        help=f"{what}: {_TIMES}",
    )


def _expecting(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Have argparse print a ValueError's own text."""

    def checked(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    return checked


_letter_id = _expecting(LetterId.parse)


def _table_name(text: str) -> str:
    if not _TABLE.fullmatch(text):
        raise ArgumentTypeError(
            f"expected a table's name of letters, digits and underscores, got {text!r}"
        )
    return text
