"""What `rak-derive` can be asked."""

from argparse import ArgumentParser, ArgumentTypeError

import pytest

from rak_libs.model.time_text import MAX_NS
from rak_services.derive.command_line import add_arguments, time_argument

HOUR = 3_600 * 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T12:00:00Z", 1_777_636_800 * 10**9),
        ("1777636800000000000", 1_777_636_800 * 10**9),
        ("now", 5 * HOUR),
        ("now-2h", 3 * HOUR),
        ("now-9h", 0),
    ],
)
def test_times_are_read(text: str, expected: int) -> None:
    assert time_argument(text, now_ns=5 * HOUR) == expected


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="got 'yesterday'"):
        time_argument("yesterday")


def parsed(*arguments: str) -> dict[str, object]:
    parser = ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return vars(parser.parse_args(list(arguments)))


def test_without_a_command_it_serves() -> None:
    assert parsed()["command"] is None


def test_rebuild_takes_a_range() -> None:
    given = parsed("rebuild", "--from", "2026-05-01T12:00:00Z", "--to", "2026-05-01T13:00:00Z")
    assert given["command"] == "rebuild"
    assert given["to_ns"] == 1_777_636_800 * 10**9 + HOUR


def test_a_rebuild_without_a_range_is_of_all() -> None:
    given = parsed("rebuild")
    assert (given["from_ns"], given["to_ns"], given["only"]) == (0, MAX_NS, None)


@pytest.mark.parametrize("only", ["metrics", "ledger"])
def test_a_rebuild_can_be_of_one_kind(only: str) -> None:
    assert parsed("rebuild", "--only", only)["only"] == only
