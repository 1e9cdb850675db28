"""Ledger, totals and summaries are what a plain computation makes of spans, however these came."""

import os
import random
import re
import time
from pathlib import Path

import pytest

from integration.ledger.conftest import DERIVED
from ledger_answers import assert_ledger_right
from ledger_instances import rebuild, upkeep_of, with_traces_at_once
from ledger_spans import HOUR, MINUTE, draw_traces, in_batches, insert_spans, span
from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config

SEED = int(os.environ.get("RAK_TEST_LEDGER_SEED", "1"))


def test_sums_are_right_however_spans_came(migrated: Config, inserter: Inserter) -> None:
    """In batches split at random, one of them twice; merged; and when all is computed again."""
    draw = random.Random(SEED)
    rows, arrived = draw_traces(draw, 40, 12), []
    upkeep = upkeep_of(migrated, inserter)
    for batch in in_batches(draw, rows, 3):
        insert_spans(inserter, batch)
        arrived += batch
        upkeep.cycle()
        assert_ledger_right(inserter, arrived)
    insert_spans(inserter, batch)
    upkeep.cycle()
    assert_ledger_right(inserter, rows)
    for table in DERIVED:
        inserter.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert_ledger_right(inserter, rows)
    for table in DERIVED:
        inserter.execute(f"TRUNCATE TABLE {table}")
    rebuild(migrated, inserter)
    assert_ledger_right(inserter, rows)


def test_nothing_is_stored_again_that_is_right(migrated: Config, inserter: Inserter) -> None:
    rows = draw_traces(random.Random(SEED), 5, 10)
    insert_spans(inserter, rows)
    upkeep_of(migrated, inserter).cycle()
    counted = "SELECT count(), max(seen_until) FROM ledger"
    before = inserter.execute(counted)
    insert_spans(inserter, rows)
    upkeep_of(migrated, inserter).cycle()
    rebuild(migrated, inserter)
    assert inserter.execute(counted) == before


def test_a_backlog_is_computed_in_parts(migrated: Config, inserter: Inserter) -> None:
    """Of many INSERTs, of one that is too large, and of rows whose time nobody noted."""
    draw = random.Random(SEED)
    rows = draw_traces(draw, 20, 6)
    old, *batches = in_batches(draw, rows, 4)
    insert_spans(inserter, old)
    inserter.execute("CREATE TABLE kept AS trace_times")
    inserter.execute(
        "INSERT INTO kept SELECT * REPLACE(toDateTime64(0, 3, 'UTC') AS inserted_at)"
        " FROM trace_times"
    )
    inserter.execute("EXCHANGE TABLES kept AND trace_times")
    inserter.execute("DROP TABLE kept")
    for batch in batches:
        insert_spans(inserter, batch)
    upkeep_of(with_traces_at_once(migrated, 4), inserter).cycle()
    assert_ledger_right(inserter, rows)


@pytest.mark.parametrize("traces_at_once", [3, 1000])
def test_deleted_spans_are_forgotten_by_a_rebuild(
    migrated: Config, inserter: Inserter, traces_at_once: int
) -> None:
    """Whole traces, and parts of some."""
    config = with_traces_at_once(migrated, traces_at_once)
    rows = draw_traces(random.Random(SEED), 8, 8)
    insert_spans(inserter, rows)
    upkeep_of(config, inserter).cycle()
    gone = {row.span_id for row in rows[::5]} | {
        row.span_id for row in rows if row.trace_id == rows[0].trace_id
    }
    listed = ", ".join(f"'{span_id}'" for span_id in gone)
    inserter.execute(f"DELETE FROM spans WHERE span_id IN ({listed})")
    rebuild(config, inserter)
    assert_ledger_right(inserter, [row for row in rows if row.span_id not in gone])


def test_an_agent_that_becomes_known_later_takes_its_work_along(
    migrated: Config, inserter: Inserter
) -> None:
    """Two hours later; under '' nothing is left."""
    now = time.time_ns() - 3 * HOUR
    agent = span(trace_id="a" * 32, span_id="1" * 16, timestamp=now, duration_ns=2 * HOUR,
                 service_name="planner", operation="agent", agent_name="researcher")  # fmt: skip
    call = span(trace_id="a" * 32, span_id="2" * 16, parent_span_id="1" * 16, input_tokens=300,
                timestamp=now + 90 * MINUTE, service_name="planner", operation="llm",
                llm_model="gpt-4o", llm_system="openai")  # fmt: skip
    agents = (
        "SELECT agent_name, sum(input_tokens) FROM agent_execution_summary_states FINAL"
        " WHERE entries > 0 GROUP BY agent_name HAVING sum(input_tokens) > 0"
    )
    upkeep = upkeep_of(migrated, inserter)
    insert_spans(inserter, [call])
    upkeep.cycle()
    assert inserter.execute(agents) == [("", 300)]
    insert_spans(inserter, [agent])
    upkeep.cycle()
    assert inserter.execute(agents) == [("researcher", 300)]
    assert_ledger_right(inserter, [agent, call])


def test_a_trace_that_is_too_large_is_left_out(
    migrated: Config, inserter: Inserter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fill the memory; all others are computed."""
    for module in ("reading", "accounts"):
        monkeypatch.setattr(f"rak_services.derive.ledger.{module}.MOST_SPANS", 10)
    draw = random.Random(SEED)
    small, large = draw_traces(draw, 3, 6), draw_traces(draw, 1, 12)
    insert_spans(inserter, small + large)
    upkeep_of(migrated, inserter).cycle()
    assert_ledger_right(inserter, small)


def test_the_query_of_the_page_runs_as_written(inserter: Inserter) -> None:
    page = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text()
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert inserter.execute(query) == []
