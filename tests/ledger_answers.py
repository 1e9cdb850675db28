"""What the ledger's tables must hold, computed plainly, and what they do hold.

Summaries are worked out here from `rak_libs.model.ledger`, without the SQL that makes them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from ledger_oracle import ledger_of, read_prices
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.ledger import BUCKETS_OF_E, TOKEN_KINDS
from rak_libs.model.promotion import PROMOTION_VERSION
from rak_services.derive.ledger.columns import ENTRY_COLUMNS, TOTAL_COLUMNS
from rak_services.derive.ledger.prices import EXAMPLE_PRICES
from rak_services.derive.ledger.rows import Entry, SpanFacts, TraceTotal

QUANTILES: Final = (0.5, 0.95, 0.99)
HALF_BUCKET: Final = math.expm1(0.5 / BUCKETS_OF_E) + 1e-9
"""How far a quantile that is read from buckets is from the exact one at most: 1 %."""
_MONEY: Final = (*TOKEN_KINDS, "cost", "unpriced_tokens")
_CALLS: Final = ("llm", "embedding")

Sums = dict[tuple[Any, ...], dict[str, Any]]


class Summary(NamedTuple):
    """A table of summaries: its keys, which entries it is of, which of those are calls."""

    keys: tuple[str, ...]
    holds: Callable[[Entry], bool]
    calls: Callable[[Entry], bool]
    money: str | None


def _any(_: Entry) -> bool:
    return True


SUMMARIES: Final = {
    "agent_execution_summary": Summary(
        ("service_name", "agent_name"),
        _any,
        lambda entry: bool(entry.counted) and entry.operation == "agent",
        "",
    ),
    "llm_call_summary": Summary(
        ("service_name", "agent_name", "llm_model", "llm_system"),
        lambda entry: bool(entry.llm_model) or _tokens(entry) > 0 or entry.operation in _CALLS,
        lambda entry: bool(entry.counted) and entry.operation in _CALLS,
        "",
    ),
    "tool_execution_summary": Summary(
        ("service_name", "agent_name", "tool_name"),
        lambda entry: bool(entry.counted) and entry.operation == "tool",
        _any,
        "total_",
    ),
    "service_dependency": Summary(
        ("caller_service", "service_name"),
        lambda entry: bool(entry.caller_service),
        _any,
        None,
    ),
}


VIEWS: Final = {
    "agent_execution_summary": ("agent_name", "execution_count"),
    "llm_call_summary": ("llm_model", "call_count"),
    "tool_execution_summary": ("tool_name", "execution_count"),
}
"""The column beside hour and service of each view, and the name of what counts calls."""
_OF_VIEWS: Final = ("input_tokens", "cost")


def assert_ledger_right(
    engine: Inserter, spans: Iterable[SpanFacts], prices: str | Path = EXAMPLE_PRICES
) -> None:
    """Compare every table of the ledger with what the rows of spans come to."""
    entries, totals = ledger_of(spans, read_prices(prices), PROMOTION_VERSION)
    stored = [
        Entry._make(row) for row in engine.execute(f"SELECT {ENTRY_COLUMNS} FROM ledger FINAL")
    ]
    assert sorted(stored) == sorted(entries)
    rows = engine.execute(f"SELECT {TOTAL_COLUMNS} FROM trace_totals FINAL")
    read = [TraceTotal(*(tuple(v) if isinstance(v, list) else v for v in row)) for row in rows]
    assert sorted(read) == sorted(totals)
    for name in SUMMARIES:
        assert_summary_right(engine, name, entries)
    for name in VIEWS:
        assert_view_right(engine, name, entries)


def assert_summary_right(engine: Inserter, name: str, entries: Sequence[Entry]) -> None:
    """Compare one table of summaries with the entries."""
    expected = _sums(SUMMARIES[name], entries)
    found = _stored_sums(engine, name, next(iter(expected.values()), {}))
    assert found.keys() == expected.keys()
    for key, sums in expected.items():
        for column in ("durations", "first_tokens"):
            if column in sums:
                _assert_quantiles(found[key].pop(column), sums.pop(column))
        assert found[key] == sums, key


def assert_view_right(engine: Inserter, name: str, entries: Sequence[Entry]) -> None:
    """Compare one view of finished columns, by hour, with the entries."""
    summary, (key, count) = SUMMARIES[name], VIEWS[name]
    quantiles = "p50_duration, p95_duration, p99_duration"
    rows = engine.execute(
        f"SELECT toUnixTimestamp(hour), service_name, {key}, {count}, error_count, input_tokens,"
        f" reinterpretAsInt128(cost), avg_duration_seconds, {quantiles} FROM {name}_mv"
    )
    groups = defaultdict(list)
    for entry in filter(summary.holds, entries):
        groups[entry.slot // 3600 * 3600, entry.service_name, getattr(entry, key)].append(entry)
    assert {row[:3] for row in rows} == groups.keys()
    for row in rows:
        sums = _sum(summary, groups[row[:3]])
        assert row[3:7] == tuple(sums[column] for column in ("calls", "errors", *_OF_VIEWS))
        exact = sums["durations"]
        mean = sum(exact) / max(len(exact), 1) / 1e9
        assert row[7] == pytest.approx(mean)
        expected = [max(rank(exact, quantile), 1) / 1e9 if exact else 0 for quantile in QUANTILES]
        assert row[8:] == pytest.approx(tuple(expected), rel=HALF_BUCKET)


def rank(ascending: Sequence[int], quantile: float) -> int:
    """Return the quantile p of n values: the ceil(p n)-th, counted from the least."""
    return ascending[max(math.ceil(quantile * len(ascending)), 1) - 1]


def _tokens(entry: Entry) -> int:
    return max(getattr(entry, kind) for kind in TOKEN_KINDS)


def _sums(summary: Summary, entries: Iterable[Entry]) -> Sums:
    groups = defaultdict(list)
    for entry in filter(summary.holds, entries):
        groups[entry.slot, *(getattr(entry, key) for key in summary.keys)].append(entry)
    return {key: _sum(summary, group) for key, group in groups.items()}


def _sum(summary: Summary, entries: Sequence[Entry]) -> dict[str, Any]:
    calls = [entry for entry in entries if summary.calls(entry)]
    sums: dict[str, Any] = {
        "calls": len(calls),
        "errors": sum(call.status_code == "ERROR" for call in calls),
        "duration_ns_sum": sum(call.duration_ns for call in calls),
        "durations": sorted(call.duration_ns for call in calls),
        "last_seen": max(entry.timestamp for entry in entries),
    }
    if summary.money is None:
        return sums
    sums |= {
        "entries": len(entries),
        "retries": sum(call.retry for call in calls),
        "resource_cpu_micros": sum(call.resource_cpu_micros for call in calls),
        "resource_memory_bytes": sum(call.resource_memory_bytes for call in calls),
        "resource_memory_peak": max((call.resource_memory_peak for call in calls), default=0),
        **{
            name: sum(getattr(entry, f"{summary.money}{name}") for entry in entries)
            for name in _MONEY
        },
    }
    if "llm_model" in summary.keys:
        first = sorted(c.time_to_first_token_ns for c in calls if c.time_to_first_token_ns)
        sums |= {
            "first_token_calls": len(first),
            "first_token_ns_sum": sum(first),
            "first_tokens": first,
            "finish_reasons": dict(Counter(c.finish_reason for c in calls if c.finish_reason)),
            "unpriced_calls": sum(call.unpriced_tokens > 0 for call in calls),
        }
    return sums


def _stored_sums(engine: Inserter, name: str, columns: Mapping[str, Any]) -> Sums:
    summary = SUMMARIES[name]
    read = {"last_seen": "toUnixTimestamp64Nano(last_seen)", "cost": "reinterpretAsInt128(cost)"}
    selected = [read.get(column, column) for column in columns]
    count = "entries" if summary.money is not None else "calls"
    rows = engine.execute(
        f"SELECT toUnixTimestamp(slot), {', '.join([*summary.keys, *selected, '1'])}"
        f" FROM {name}_states FINAL WHERE {count} > 0"
    )
    keys = len(summary.keys) + 1
    return {row[:keys]: dict(zip(columns, row[keys:-1], strict=True)) for row in rows}


def _assert_quantiles(buckets: Mapping[int, int], exact: Sequence[int]) -> None:
    assert sum(buckets.values()) == len(exact)
    spread = [bucket for bucket, count in sorted(buckets.items()) for _ in range(count)]
    for quantile in QUANTILES if exact else ():
        found = math.exp(rank(spread, quantile) / BUCKETS_OF_E)
        assert found == pytest.approx(max(rank(exact, quantile), 1), rel=HALF_BUCKET)
