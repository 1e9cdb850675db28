"""How much of what was found goes on a page, and where the next one begins."""

import asyncio
from typing import Any

import pytest

from rak_libs.clickhouse.parameters import Parameters
from rak_services.query.logs.pages import PAGE_BYTES, read_page
from rak_services.query.logs.places import (
    OLDEST_FIRST,
    RecordKey,
    RecordPlace,
    TailPlace,
    passed_at,
)
from rak_services.query.logs.record_sql import Selection
from rak_services.query.logs.requests import RecordFilters
from rak_services.query.logs.severity import Severity
from rak_services.query.time_ranges import Range

A: RecordKey = (1, 0, 0)
B: RecordKey = (2, 0, 0)


@pytest.mark.parametrize(
    ("sizes", "rows"),
    [
        ([1, 1, 1], 3),
        ([PAGE_BYTES, 0, 0], 3),
        ([PAGE_BYTES, 0, 1], 2),
        ([2 * PAGE_BYTES, 1, 1], 1),
        ([], 0),
    ],
)
def test_a_page_ends_before_it_grows_too_large(sizes: list[int], rows: int) -> None:
    """It has one record at least; records that are gone when they are to be read are left out."""
    asked: list[Parameters] = []

    async def select(sql: str, parameters: Parameters) -> list[tuple[Any, ...]]:
        asked.append(parameters)
        limit = parameters["rows"]
        assert isinstance(limit, int)
        return [(size,) for size in sizes] if "byteSize" in sql else [("row",)] * limit

    selection = Selection(RecordFilters(), Range(None, None), 5)
    keys = [(n, 0, 0) for n in range(3)]
    found = asyncio.run(read_page(select, selection, OLDEST_FIRST, None, keys))
    assert len(found) == rows
    assert len(asked) == (2 if rows else 1)


@pytest.mark.parametrize(
    ("keys", "after", "passed"),
    [
        ([A, B], None, 1),
        ([A, B, B], None, 2),
        ([B, B], RecordPlace(A, 4), 2),
        ([A, A], RecordPlace(A, 4), 6),
        ([A, B], RecordPlace(A, 4), 1),
    ],
)
def test_a_place_counts_the_records_with_its_key(
    keys: list[RecordKey], after: RecordPlace | None, passed: int
) -> None:
    """Those of earlier pages too, when no other key came since."""
    assert passed_at(keys, after) == passed


def test_a_tail_counts_them_one_by_one() -> None:
    place = TailPlace((9, *A), 2)
    assert place.next((9, *A)) == TailPlace((9, *A), 3)
    assert place.next((9, *B)) == TailPlace((9, *B), 1)


@pytest.mark.parametrize(
    ("text", "number"),
    [("TRACE", 1), ("info", 9), ("Info2", 10), ("WARN", 13), ("fatal4", 24), ("1", 1), ("24", 24)],
)
def test_severities_have_names_and_numbers(text: str, number: int) -> None:
    assert Severity.parse(text) == number


@pytest.mark.parametrize("text", ["", "0", "25", "INFO1", "INFO5", "WARNING", "-1", "\u0661", " 9"])
def test_what_is_no_severity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no severity"):
        Severity.parse(text)
