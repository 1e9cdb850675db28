"""The command line of `rak-derive`: what can be asked, and the help that says so."""

import time
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from typing import Final

from rak_libs.model.time_text import MAX_NS, parse_relative, parse_time
from rak_libs.runtime.config import add_config_option
from rak_services.derive.crash_points import CrashPoints

_TIMES: Final = "RFC 3339 (2026-05-01T12:00:00Z), unix nanoseconds, or relative (now-1h)"
_DESCRIPTION: Final = (
    "Without a subcommand: keep the rollups of metrics, the ledger of agents' work and its "
    "summaries up to date until told to stop. Several instances may run at once, and a rebuild "
    "beside them."
)
_EPILOG: Final = (
    "Exit status: 0 stopped, or done; 1 failed; 2 wrong arguments or configuration; 98 its port is "
    "in use; 130 interrupted or stopped twice: the same command again goes on."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add everything that `rak-derive` takes beside `--config`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.set_defaults(command=None)
    parser.add_argument("--crash-at", type=_crash_point, metavar="POINT[:N]", help=SUPPRESS)
    commands = parser.add_subparsers(title="subcommands", metavar="COMMAND")
    what = "compute a range of time again, or all that is still kept"
    rebuilding = commands.add_parser("rebuild", help=what, description=f"{what}.")
    add_config_option(rebuilding, SUPPRESS)
    rebuilding.set_defaults(command="rebuild")
    for name, default, meaning in (
        ("from", 0, "what is of this time or later; without it: all"),
        ("to", MAX_NS, "what is before this; without it: all"),
    ):
        rebuilding.add_argument(
            f"--{name}",
            dest=f"{name}_ns",
            metavar="TIME",
            type=time_argument,
            default=default,
            help=f"{meaning}. {_TIMES}. Of metrics full hours are computed, of the ledger every "
            "trace that has a span in the range",
        )
    rebuilding.add_argument(
        "--only",
        choices=("metrics", "ledger"),
        help="rollups of metrics alone, or the ledger with its summaries alone",
    )


def time_argument(text: str, now_ns: int | None = None) -> int:
    """Read a time of the command line as unix nanoseconds.

    Raises:
        ArgumentTypeError: It is none; argparse prints what was expected.
    """
    try:
        offset = parse_relative(text)
        if offset is None:
            return parse_time(text)
    except ValueError:
        raise ArgumentTypeError(f"expected {_TIMES}, got {text!r}") from None
    now = time.time_ns() if now_ns is None else now_ns
    return min(max(now + offset, 0), MAX_NS)


def _crash_point(text: str) -> CrashPoints:
    try:
        return CrashPoints.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
