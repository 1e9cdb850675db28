"""What `rak-writer` can be asked."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

import pytest

from rak_libs.runtime.config import add_config_option
from rak_services.writer.command_line import (
    WrongUse,
    add_arguments,
    check_arguments,
    time_argument,
)
from rak_services.writer.dlq.letters import LetterId


def parsed(line: str) -> Namespace:
    parser = ArgumentParser(prog="rak-writer")
    add_config_option(parser, "from the environment")
    add_arguments(parser)
    arguments = parser.parse_args(line.split())
    check_arguments(arguments)
    return arguments


def test_without_a_subcommand_the_writer_runs() -> None:
    assert parsed("").command is None
    assert parsed("").signals is None
    assert parsed("--signal spans --signal spans").signals == ["spans", "spans"]


@pytest.mark.parametrize(
    "line",
    [
        "{} dlq list",
        "dlq {} list",
        "dlq list {}",
        "{}",
    ],
)
def test_the_configuration_may_be_named_anywhere(line: str) -> None:
    assert str(parsed(line.format("--config x.toml")).config) == "x.toml"
    assert str(parsed(line.format("")).config) == "from the environment"


def test_letters_are_meant_by_their_ids_or_by_what_they_have_in_common() -> None:
    named = parsed("dlq replay 2:17 0:3 --dry-run")
    assert (named.command, named.dry_run) == ("dlq replay", True)
    assert named.ids == [LetterId(2, 17), LetterId(0, 3)]
    alike = parsed("dlq drop --reason undecodable --from 1000 --to 2000")
    assert (alike.command, alike.reason) == ("dlq drop", "undecodable")
    assert (alike.from_ns, alike.to_ns) == (1_000 * 10**9, 2_000 * 10**9)
    assert parsed("dlq replay --all --again --take-over").all


def test_a_range_goes_from_a_time_to_a_time_into_a_table() -> None:
    range_ = parsed("replay --topic otlp_spans --from 1000 --to 2000 --into spans_shadow")
    assert (range_.command, range_.topic, range_.into) == ("replay", "otlp_spans", "spans_shadow")
    assert (range_.from_ns, range_.to_ns) == (1_000 * 10**9, 2_000 * 10**9)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("dlq replay", "letters' ids, or --all, or any of"),
        ("dlq drop", "letters' ids, or --all, or any of"),
        ("dlq replay 2:17 --all", "letters' ids, or --all, or any of"),
        ("dlq replay 2:17 --reason x", "letters' ids, or --all, or any of"),
        ("dlq list --from now --to now-1h", "--from before --to"),
        ("replay --topic otlp_spans --from 2 --to 2 --into t", "--from before --to"),
        ("--signal spans dlq list", "--signal is for the writer itself"),
    ],
)
def test_what_does_not_go_together_is_refused(line: str, text: str) -> None:
    with pytest.raises(WrongUse, match=text):
        parsed(line)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("dlq", "COMMAND"),
        ("dlq show 17", "partition:offset such as 2:17, got '17'"),
        ("dlq list --from soon", "expected a time, RFC 3339"),
        ("dlq list --topic nope", "invalid choice: 'nope'"),
        ("--signal nope", "invalid choice: 'nope'"),
        ("replay --topic otlp_spans --from 1 --to 2", "--into"),
        ("replay --topic otlp_spans --from 1 --to 2 --into a.b", "a table's name of letters"),
        ("replay --topic rak_pipeline --from 1 --to 2 --into t", "invalid choice"),
    ],
)
def test_a_wrong_argument_ends_with_status_2_and_what_was_expected(
    line: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parsed(line)
    assert exit_.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("0", 0),
        ("1795537951", 1_795_537_951 * 10**9),
        ("1795537951000000000", 1_795_537_951 * 10**9),
        ("now", 7 * 10**9),
        ("now-2s", 5 * 10**9),
        ("now-1h", 0),
    ],
)
def test_times_are_rfc_3339_unix_or_relative(text: str, nanoseconds: int) -> None:
    assert time_argument(text, now_ns=7 * 10**9) == nanoseconds


@pytest.mark.parametrize("text", ["", "soon", "1795537951000", "1795537951000000", "now-", "-5"])
def test_other_times_are_refused(text: str) -> None:
    """Milliseconds and microseconds as well: they would be taken for another time."""
    with pytest.raises(ArgumentTypeError, match="expected a time"):
        time_argument(text)
