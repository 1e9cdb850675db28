"""What a rebuild is for: newer rules, other prices, and damage; and what it leaves alone."""

import random
import time
from pathlib import Path

import msgspec

from ledger_answers import assert_ledger_right
from ledger_instances import accounts_of, rebuild, upkeep_of
from ledger_spans import HOUR, draw_traces, insert_spans, span
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.promotion import PROMOTION_VERSION
from rak_libs.runtime.settings import Config
from rak_services.derive.ledger.rebuilding import LedgerRebuild

PRICES = """
currency = "USD"
[[price]]
model = "*"
from = 2020-01-01
input = "1.5"
output = "10"
"""
DAY = 24 * HOUR


def test_other_prices_are_applied(migrated: Config, inserter: Inserter, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES)
    rows = draw_traces(random.Random(1), 6, 8)
    insert_spans(inserter, rows)
    upkeep_of(migrated, inserter).cycle()
    rebuild(migrated, inserter, prices)
    assert_ledger_right(inserter, rows, prices)


def test_spans_of_older_rules_are_read_anew(migrated: Config, inserter: Inserter) -> None:
    """From their attributes alone; those that are no typed JSON text say nothing."""
    now = time.time_ns() - HOUR
    old = span(trace_id="a" * 32, span_id="1" * 16, timestamp=now, duration_ns=5,
               service_name="planner", span_name="call", operation="tool", tool_name="wrong",
               scope_name="mine", ingested_at=7)  # fmt: skip
    insert_spans(inserter, [old], promotion_version=PROMOTION_VERSION - 1)
    inserter.execute(
        "ALTER TABLE spans UPDATE"
        " attributes_string = map('gen_ai.operation.name', 'chat',"
        " 'gen_ai.request.model', 'gpt-4o',"
        " 'gen_ai.provider.name', 'openai', 'other', 'x'),"
        " attributes_int = map('gen_ai.usage.input_tokens', 120, 'gen_ai.usage.output_tokens', 30),"
        " attributes_json = map('gen_ai.response.finish_reasons', 'nonsense')"
        " WHERE 1 SETTINGS mutations_sync = 2"
    )
    rebuild(migrated, inserter)
    new = old._replace(operation="llm", tool_name="", llm_model="gpt-4o", llm_system="openai",
                       llm_request_model="gpt-4o", input_tokens=120, output_tokens=30)  # fmt: skip
    assert_ledger_right(inserter, [new])


def test_a_range_is_of_whole_traces(migrated: Config, inserter: Inserter) -> None:
    """Those with a span in it, and slots of theirs outside; no others."""
    now = time.time_ns() - 3 * HOUR
    kept = [
        span(trace_id=f"{number:032}", span_id=f"{place:016}", service_name="planner",
             timestamp=now + number * 40 * 60 * 10**9 + place * 30 * 60 * 10**9,
             operation="llm", llm_model="gpt-4o", llm_system="openai", input_tokens=10)
        for number in range(3) for place in range(2)
    ]  # fmt: skip
    insert_spans(inserter, kept)
    middle = kept[2].timestamp
    accounts = accounts_of(migrated, inserter)
    since, until = LedgerRebuild(accounts).run(middle, middle + 1)
    assert since <= middle < until
    assert_ledger_right(inserter, kept[2:4])


def test_what_outlives_its_spans_is_left_alone(migrated: Config, inserter: Inserter) -> None:
    """Spans expire; what was made of them is not made again from what is left."""
    now = time.time_ns()
    rows = [
        span(trace_id="b" * 32, span_id=f"{place:016}", timestamp=now - age, service_name="planner",
             operation="llm", llm_model="gpt-4o", llm_system="openai", input_tokens=10)
        for place, age in enumerate((3 * DAY, 3 * DAY - HOUR, HOUR))
    ]  # fmt: skip
    insert_spans(inserter, rows)
    upkeep_of(migrated, inserter).cycle()
    inserter.execute(f"DELETE FROM spans WHERE span_id = '{rows[0].span_id}'")
    storage = msgspec.structs.replace(migrated.storage, spans_retention_days=2)
    rebuild(msgspec.structs.replace(migrated, storage=storage), inserter)
    entries = inserter.execute("SELECT count() FROM ledger FINAL")
    calls = inserter.execute("SELECT sum(calls) FROM llm_call_summary_states FINAL")
    assert (entries, calls) == ([(3,)], [(3,)])
