"""The ledger once more, written plainly after `rak_libs.model.ledger`: recursive, in fractions.

It shares nothing with the code that it checks but the rows' types and the rules about providers.
Give it the rows of any number of traces; depths of some hundred spans are as much as it takes.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from ledger_oracle_spans import CALLS, KINDS, Prices, SpanNode, nodes_of, picodollars, sum_of
from rak_services.derive.ledger.rows import Entry, SpanFacts, TraceTotal

LAST_TIME = 9_223_372_036_854_775_807


class Ledger(NamedTuple):
    """What the rows make: in the order of trace, slot and span; of trace, session and user."""

    entries: list[Entry]
    totals: list[TraceTotal]


def read_prices(path: str | Path) -> Prices:
    """The `[[price]]` tables of a file."""
    return tomllib.loads(Path(path).read_text(encoding="utf-8"))["price"]


def ledger_of(rows: Iterable[SpanFacts], prices: Prices, rules_version: int) -> Ledger:
    """Work the ledger out."""
    traces = defaultdict(list)
    for row in rows:
        traces[row.trace_id].append(row)
    entries, totals = [], []
    for _, of_trace in sorted(traces.items()):
        nodes = nodes_of(of_trace)
        made = [node.entry(prices, rules_version) for node in nodes if node.is_entry]
        entries += sorted(made, key=lambda entry: (entry.slot, entry.span_id))
        if made or any(node.group != ("", "") for node in nodes):
            totals += _totals(nodes, prices, rules_version)
    return Ledger(entries, totals)


def _totals(nodes: Sequence[SpanNode], prices: Prices, rules_version: int) -> list[TraceTotal]:
    roots = [node.span for node in nodes if node.parent is None]
    root = min(roots, key=lambda span: (span.timestamp, span.span_id))
    totals = []
    for group in sorted({node.group for node in nodes}):
        members = [node for node in nodes if node.group == group]
        spans = [node.span for node in members]
        counted = [node.span.operation for node in members if node.counted]
        own = sum_of(node.own for node in members)
        costs = [node.cost(prices) for node in members]
        totals.append(
            TraceTotal(
                trace_id=root.trace_id,
                session_id=group[0],
                user_id=group[1],
                timestamp=min(span.timestamp for span in spans),
                end_timestamp=min(
                    LAST_TIME, max(span.timestamp + span.duration_ns for span in spans)
                ),
                root_service=root.service_name,
                root_name=root.span_name,
                spans=len(spans),
                errors=len([span for span in spans if span.status_code == "ERROR"]),
                services=_names(span.service_name for span in spans),
                agents=_names(node.belongs_to("agent_name") for node in members),
                models=_names(
                    node.span.llm_model or node.span.llm_request_model
                    for node in members
                    if node.span.operation in CALLS or any(node.own.values())
                ),
                tools=_names(span.tool_name for span in spans),
                agent_runs=counted.count("agent"),
                llm_calls=counted.count("llm") + counted.count("embedding"),
                tool_calls=counted.count("tool"),
                **{f"{kind}_tokens": own[kind] for kind in KINDS},
                cost=picodollars(sum((cost for cost, _ in costs), Fraction(0))),
                unpriced_tokens=sum(rest for _, rest in costs),
                rules_version=rules_version,
            )
        )
    return totals


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - {""}))
