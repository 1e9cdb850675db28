"""Everything that is worked out about the spans of one trace before rows are made of it."""

from collections.abc import Sequence
from typing import NamedTuple

from rak_services.derive.ledger.belonging import Belonging, belongings
from rak_services.derive.ledger.costs import FREE, Cost, cost_of_own
from rak_services.derive.ledger.counting import counted_spans, retries
from rak_services.derive.ledger.operations import echoes, operations_above
from rak_services.derive.ledger.prices import PriceTable
from rak_services.derive.ledger.rows import SpanFacts
from rak_services.derive.ledger.tokens import Ownership, own_tokens
from rak_services.derive.ledger.tree import ROOT, Tree, tree_of


class Findings(NamedTuple):
    """What is known of the spans of a trace, each list by the places of `tree`.

    Attributes:
        tree: The unique spans.
        belongings: What each belongs to.
        counted: Whether each counts as a piece of work.
        retries: The places of those that repeat a failed call.
        tokens: What each reports, owns, and owns with all below it.
        costs: What the own tokens cost.
        total_costs: What those cost and everything below.
    """

    tree: Tree
    belongings: list[Belonging]
    counted: list[bool]
    retries: set[int]
    tokens: Ownership
    costs: list[Cost]
    total_costs: list[Cost]


def findings_of(rows: Sequence[SpanFacts], prices: PriceTable) -> Findings:
    """Work out what there is to know of one trace.

    Args:
        rows: All rows of the trace.
        prices: What tokens cost.
    """
    tree = tree_of(rows)
    belonging = belongings(tree)
    above = operations_above(tree)
    echoing = echoes(tree)
    counted = counted_spans(tree, above, echoing, [one.agent_name for one in belonging])
    tokens = own_tokens(tree, echoing)
    costs = [
        cost_of_own(span, own, prices) for span, own in zip(tree.spans, tokens.own, strict=True)
    ]
    return Findings(
        tree,
        belonging,
        counted,
        retries(tree, above, counted),
        tokens,
        costs,
        _total_costs(tree, costs),
    )


def _total_costs(tree: Tree, costs: Sequence[Cost]) -> list[Cost]:
    totals = list(costs)
    for place in tree.upward:
        parent = tree.parents[place]
        total = totals[place]
        if parent != ROOT and total is not FREE:
            beside = totals[parent]
            totals[parent] = Cost(
                beside.cost + total.cost, beside.unpriced_tokens + total.unpriced_tokens
            )
    return totals
