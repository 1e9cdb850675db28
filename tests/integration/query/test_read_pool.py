"""The pool of read connections and the binding of parameters, against the real engine."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.errors import ClickHouseError, SchemaError, TransientClickHouseError
from rak_libs.clickhouse.select import NoFreeConnection, ReadPool
from rak_libs.runtime.settings import ClickHouseSettings, QuerySettings

OUT_OF_TIME = 159
TOO_MANY_ROWS = 396
OUT_OF_MEMORY = 241
READ_ONLY = 164

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(date(1900, 1, 1), date(2299, 12, 31)),
    st.uuids(),
)
moments = st.datetimes(
    datetime(1900, 1, 2),  # noqa: DTZ001 - bounds of a strategy are naive
    datetime(2299, 12, 30),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
lists = st.one_of(
    st.lists(texts),
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    st.lists(st.uuids()),
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as started:
        yield started


@pytest.fixture(scope="module")
def pool(runner: asyncio.Runner, clickhouse: ClickHouseSettings) -> Iterator[ReadPool]:
    async def make() -> ReadPool:
        return ReadPool(
            msgspec.structs.replace(clickhouse, max_connections=2, connection_timeout_seconds=0.5),
            QuerySettings(max_result_rows=100, max_memory_bytes=64 * 1024 * 1024),
        )

    made = runner.run(make())
    yield made
    runner.run(made.close())


@given(value=st.one_of(scalars, lists))
@settings(max_examples=150, deadline=None)
def test_any_bound_value_comes_back_as_it_was(
    runner: asyncio.Runner, pool: ReadPool, value: Any
) -> None:
    ((found,),) = runner.run(pool.select("SELECT %(x)s", {"x": value}))
    assert found == value
    assert type(found) is type(value) or isinstance(value, date | UUID | list)


@given(moment=moments)
@settings(max_examples=50, deadline=None)
def test_a_bound_time_is_exact_to_the_microsecond(
    runner: asyncio.Runner, pool: ReadPool, moment: datetime
) -> None:
    """Read as a number: the driver rounds times on their way back."""
    since = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    rows = runner.run(pool.select("SELECT toUnixTimestamp64Micro(%(x)s)", {"x": moment}))
    assert rows == [(since,)]


@given(text=texts, other=texts)
@settings(max_examples=50, deadline=None)
def test_a_bound_text_equals_only_itself(
    runner: asyncio.Runner, pool: ReadPool, text: str, other: str
) -> None:
    rows = runner.run(
        pool.select(
            "SELECT %(a)s = %(b)s, %(a)s IN %(both)s",
            {"a": text, "b": other, "both": [text, other]},
        )
    )
    assert rows == [(int(text == other), 1)]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT count() FROM numbers(1000000000000)", OUT_OF_TIME),
        ("SELECT number FROM numbers(5000)", TOO_MANY_ROWS),
        ("SELECT groupArray(number) FROM numbers(100000000)", OUT_OF_MEMORY),
        ("CREATE TABLE made (x Int8) ENGINE = Memory", READ_ONLY),
        ("INSERT INTO schema_migrations (version) SELECT 1", READ_ONLY),
    ],
)
def test_the_engine_enforces_every_limit(
    runner: asyncio.Runner, pool: ReadPool, sql: str, code: int
) -> None:
    """Time, rows, memory, and that nothing is written."""
    with pytest.raises(ClickHouseError) as caught:
        runner.run(pool.select(sql, seconds=1))
    assert caught.value.code == code


def test_one_row_more_than_max_result_rows_may_come_back(
    runner: asyncio.Runner, pool: ReadPool
) -> None:
    assert len(runner.run(pool.select("SELECT number FROM numbers(101)"))) == 101


def test_a_cancelled_question_ends_in_the_engine_and_frees_its_connection(
    runner: asyncio.Runner, pool: ReadPool, clickhouse: ClickHouseSettings
) -> None:
    """Cancelled while it runs or while it still connects: no query is left."""

    async def cancel_after(seconds: float) -> None:
        task = asyncio.create_task(pool.select("SELECT count() AS endless FROM numbers(1e13)"))
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def nothing_is_left() -> None:
        # The pool needs its loop to keep cutting, so this waits inside it.
        left = (
            "SELECT count() FROM system.processes "
            "WHERE query LIKE '%endless%' AND query NOT LIKE '%processes%'"
        )
        with connect(clickhouse) as client:
            async with asyncio.timeout(20):
                while await asyncio.to_thread(client.execute, left) != [(0,)]:  # noqa: ASYNC110 - the engine sends no event
                    await asyncio.sleep(0.05)

    for seconds in (0.3, 0.0, 0.01, 0.1):
        runner.run(cancel_after(seconds))
    runner.run(nothing_is_left())
    assert runner.run(pool.select("SELECT 1")) == [(1,)]


def test_when_every_connection_is_busy_a_question_is_refused_in_time(
    runner: asyncio.Runner, pool: ReadPool
) -> None:
    async def three_at_once() -> list[Any]:
        slow = "SELECT count() FROM numbers(1000000000000)"
        return await asyncio.gather(
            *(pool.select(slow, seconds=2) for _ in range(3)), return_exceptions=True
        )

    outcomes = runner.run(three_at_once())
    assert [isinstance(outcome, NoFreeConnection) for outcome in outcomes].count(True) == 1


def test_a_check_says_what_is_missing(
    runner: asyncio.Runner, pool: ReadPool, clickhouse: ClickHouseSettings
) -> None:
    runner.run(pool.check("spans"))
    with pytest.raises(SchemaError, match="no_such_table"):
        runner.run(pool.check("no_such_table"))

    async def unreachable() -> None:
        nobody = msgspec.structs.replace(clickhouse, url="clickhouse://127.0.0.1:1")
        await ReadPool(nobody, QuerySettings()).check("spans")

    with pytest.raises(TransientClickHouseError):
        runner.run(unreachable())
