"""Values become SQL literals by an allow-list of types, and by nothing else."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from rak_libs.clickhouse.errors import PermanentClickHouseError
from rak_libs.clickhouse.parameters import ParameterError, bind, literal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "'plain'"),
        ("it's \\ %(x)s {x}", "'it\\'s \\\\ %(x)s {x}'"),
        ("\0\a\b\t\n\v\f\r", "'\\0\\a\\b\\t\\n\\v\\f\\r'"),
        (True, "true"),
        (False, "false"),
        (-(2**63), "-9223372036854775808"),
        (2**64 - 1, "18446744073709551615"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (-0.0, "-0.0"),
        (date(2026, 5, 1), "toDate32('2026-05-01')"),
        (
            datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))),
            "toDateTime64('2026-05-01 10:00:00.000000', 6, 'UTC')",
        ),
        (UUID(int=1), "toUUID('00000000-0000-0000-0000-000000000001')"),
        ([], "[]"),
        (["a", "b'"], "['a', 'b\\'']"),
        ((1, -2), "[1, -2]"),
        ([2**64 - 1, 0], "[18446744073709551615, 0]"),
    ],
)
def test_every_allowed_type_has_one_literal(value: object, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"x' OR 1=1 --",
        {"a": 1},
        {"a"},
        object(),
        Decimal("1.5"),
        1j,
        math.nan,
        math.inf,
        -math.inf,
        2**64,
        -(2**63) - 1,
        [2**63, -1],
        "\ud800",
        datetime(2026, 5, 1),  # noqa: DTZ001 - what is refused
        datetime(1, 1, 1, tzinfo=UTC),
        date(1812, 1, 1),
        [1, "a"],
        [1, True],
        [["a"]],
        [None],
        [b"a"],
    ],
)
def test_anything_else_is_refused_rather_than_rendered(value: object) -> None:
    with pytest.raises(ParameterError):
        literal(value)


def test_a_subclass_with_a_text_of_its_own_is_written_by_its_value() -> None:
    """`__str__` and `__repr__` of a value never reach the statement."""

    class Sly(int):
        def __repr__(self) -> str:
            return "1 OR 1=1"

        __str__ = __repr__

    assert literal(Sly(5)) == "5"


def test_placeholders_are_replaced_once_and_values_are_not_searched_for_more() -> None:
    sql = "SELECT %(a)s, %(b)s, %(a)s, '100%', 7 % 2"
    bound = bind(sql, {"a": "%(b)s", "b": 1})
    assert bound == "SELECT '%(b)s', 1, '%(b)s', '100%', 7 % 2"


def test_placeholders_and_values_must_agree() -> None:
    with pytest.raises(ParameterError, match="'b' has no value"):
        bind("SELECT %(b)s", {})
    with pytest.raises(ParameterError, match="without a placeholder: b"):
        bind("SELECT 1", {"b": 1})
    assert issubclass(ParameterError, PermanentClickHouseError)
