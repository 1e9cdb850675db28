"""What a trace sums up to, for each session and user of it."""

from collections.abc import Iterable, Sequence
from operator import itemgetter

from rak_libs.model.time_window import MAX_TIME_NS
from rak_services.derive.ledger.costs import Cost
from rak_services.derive.ledger.counting import FAILED
from rak_services.derive.ledger.findings import Findings
from rak_services.derive.ledger.operations import MODEL_OPERATIONS
from rak_services.derive.ledger.rows import SpanFacts, TraceTotal
from rak_services.derive.ledger.tokens import NO_TOKENS, Tokens, added
from rak_services.derive.ledger.tree import ROOT, began_first


def totals_of(findings: Findings, rules_version: int) -> list[TraceTotal]:
    """Return the totals of a trace, in the order of session and user.

    Args:
        findings: What was found out; the trace has at least one span.
        rules_version: What the totals say they were made by.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for place, belonging in enumerate(findings.belongings):
        groups.setdefault((belonging.session_id, belonging.user_id), []).append(place)
    root = _root(findings)
    return [
        _total(findings, places, (*key, root), rules_version)
        for key, places in sorted(groups.items(), key=itemgetter(0))
    ]


def _root(findings: Findings) -> SpanFacts:
    spans, parents, _ = findings.tree
    roots = (span for span, parent in zip(spans, parents, strict=True) if parent == ROOT)
    return min(roots, key=began_first)


def _total(
    findings: Findings, places: Sequence[int], group: tuple[str, str, SpanFacts], rules_version: int
) -> TraceTotal:
    session_id, user_id, root = group
    spans = [findings.tree.spans[place] for place in places]
    counted = [findings.tree.spans[place].operation for place in places if findings.counted[place]]
    return TraceTotal(
        root.trace_id,
        session_id,
        user_id,
        min(span.timestamp for span in spans),
        min(max(span.timestamp + span.duration_ns for span in spans), MAX_TIME_NS),
        root.service_name,
        root.span_name,
        len(spans),
        sum(span.status_code == FAILED for span in spans),
        _names(span.service_name for span in spans),
        _names(findings.belongings[place].agent_name for place in places),
        _models(findings, places),
        _names(span.tool_name for span in spans),
        counted.count("agent"),
        sum(operation in MODEL_OPERATIONS for operation in counted),
        counted.count("tool"),
        *_tokens(findings, places),
        *_costs(findings, places),
        rules_version,
    )


def _models(findings: Findings, places: Iterable[int]) -> tuple[str, ...]:
    spans, own = findings.tree.spans, findings.tokens.own
    return _names(
        spans[place].llm_model or spans[place].llm_request_model
        for place in places
        if spans[place].operation in MODEL_OPERATIONS or own[place] is not NO_TOKENS
    )


def _tokens(findings: Findings, places: Iterable[int]) -> Tokens:
    tokens = NO_TOKENS
    for place in places:
        tokens = added(tokens, findings.tokens.own[place])
    return tokens


def _costs(findings: Findings, places: Iterable[int]) -> Cost:
    costs = [findings.costs[place] for place in places]
    return Cost(sum(cost.cost for cost in costs), sum(cost.unpriced_tokens for cost in costs))


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))
