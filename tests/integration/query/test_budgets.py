"""What a search answers when its time or memory is not enough."""

import time
from pathlib import Path
from typing import Any

import pytest

from integration.query.api_client import Api
from integration.query.conftest import query_service
from integration.query.known_spans import (
    SECOND,
    KnownSpan,
    expected_rows,
    request_of,
    shown_row,
    store,
)
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import ClickHouseSettings, Config, QuerySettings

MIB = 1024 * 1024
HEAVY_ROWS = 60_000


class Haystack:
    """Traces to be found: 30 in the last minute of an hour, 20 among heavy spans before it.

    Folding the case of 120 MB takes the engine a third of a second of CPU; a set of 60,000 traces
    several MiB.
    """

    def __init__(self, settings: ClickHouseSettings) -> None:
        self.end = time.time_ns() - 12 * 86_400 * SECOND
        self.start = self.end - 3_600 * SECOND
        starts = [self.end - SECOND * (n + 1) for n in range(30)]
        starts += [self.start + 60 * SECOND * (n + 1) for n in range(20)]
        self.spans = [
            KnownSpan(
                f"b1{n:030x}", "a" * 16, at, duration=n * SECOND, attributes={"text": "Die NÄDEL"}
            )
            for n, at in enumerate(starts)
        ]
        store(settings, request_of(self.spans), time.time_ns())
        with connect(settings) as client:
            client.execute(
                "INSERT INTO spans (trace_id, span_id, timestamp, attributes_string) "
                "SELECT lower(hex(sipHash128(number))), 'cccccccccccccccc', "
                f"fromUnixTimestamp64Nano({self.start} + number * 50000000, 'UTC'), "
                f"map('text', repeat('heuhäufen ', 200)) FROM numbers({HEAVY_ROWS})"
            )

    def expected(self, order: str) -> list[dict[str, Any]]:
        return expected_rows(self.spans, {"q": "nädel"}, self.start, self.end, order=order)

    def search(self, api: Api, order: str) -> tuple[list[dict[str, Any]], bool]:
        """Return what a page of 100 has, and whether it says that this is all."""
        period = {"start": str(self.start), "end": str(self.end)}
        asked = {**period, "q": "nädel", "order": order, "limit": "100"}
        page = api.page("/api/v1/traces", asked)
        assert page["next_cursor"] is None
        return [shown_row(row) for row in page["items"]], page["complete"]


@pytest.fixture(scope="module")
def haystack(clickhouse: ClickHouseSettings) -> Haystack:
    return Haystack(clickhouse)


SCARCE = {
    "a hundredth of a second": QuerySettings(max_query_time_seconds=0.01),
    "a fifth of a second": QuerySettings(max_query_time_seconds=0.2),
    "6 MiB": QuerySettings(max_memory_bytes=6 * MIB),
}


@pytest.mark.parametrize("budget", SCARCE)
def test_a_search_over_its_budget_says_so_and_answers_what_it_found(
    config: Config, tmp_path: Path, haystack: Haystack, budget: str
) -> None:
    """Newest first: the newest traces without a gap. Other orders: some traces, in order."""
    with query_service(config, tmp_path, SCARCE[budget]) as (api, _):
        for order in ("-start", "start", "-duration", "duration"):
            rows, complete = haystack.search(api, order)
            expected = haystack.expected(order)
            assert rows == [row for row in expected if row in rows]
            if order == "-start":
                assert rows == expected[: len(rows)]
            assert complete == (len(rows) == len(expected))
            assert budget == "a fifth of a second" or not complete


def test_with_enough_of_both_the_same_search_is_complete(api: Api, haystack: Haystack) -> None:
    for order in ("-start", "start", "-duration", "duration"):
        assert haystack.search(api, order) == (haystack.expected(order), True)


def test_rows_that_cost_too_much_to_tell_are_left_out(
    config: Config, tmp_path: Path, clickhouse: ClickHouseSettings
) -> None:
    """The traces are found, but one of them is too large to be summed up beside the others."""
    end = time.time_ns() - 13 * 86_400 * SECOND
    small = [KnownSpan(f"b2{n:030x}", "b" * 16, end - n * SECOND) for n in range(1, 20)]
    store(clickhouse, request_of(small), time.time_ns())
    with connect(clickhouse) as client:
        client.execute(
            "INSERT INTO spans (trace_id, span_id, timestamp) "
            "SELECT repeat('9', 32), substring(lower(hex(sipHash64(number))), 1, 16), "
            f"fromUnixTimestamp64Nano({end - 30 * SECOND} + number, 'UTC') FROM numbers(500000)"
        )
    asked = {"start": str(end - 60 * SECOND), "end": str(end)}
    with query_service(config, tmp_path, QuerySettings(max_memory_bytes=24 * MIB)) as (api, _):
        page = api.page("/api/v1/traces", asked)
    assert [row["trace_id"] for row in page["items"]] == [small[0].trace_id]
    assert (page["complete"], page["next_cursor"]) == (False, None)


def test_only_a_search_is_cut(endless: Config, tmp_path: Path) -> None:
    """A part of a count would be a wrong count, and a part of a trace a wrong trace: refused."""
    with query_service(endless, tmp_path, QuerySettings(max_query_time_seconds=0.5)) as (api, _):
        for order in ("-start", "duration"):
            page = api.page("/api/v1/traces", {"order": order})
            assert page == {"items": [], "next_cursor": None, "complete": False}
        for path in ("services", "services/operations?service=1", f"traces/{'a' * 32}"):
            assert api.get(f"/api/v1/{path}").status == 504
