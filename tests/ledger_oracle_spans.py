"""Unique spans of a trace for `ledger_oracle`: what each belongs to, owns, costs, and its row."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cached_property
from typing import Any

from rak_libs.model.token_rules import meaning_of
from rak_services.derive.ledger.rows import Entry, SpanFacts

KINDS = ("input", "output", "cache_read", "cache_write", "reasoning", "unsplit")
CALLS = ("llm", "embedding")
TOKEN_LIMIT = 1_000_000_000_000

Counts = dict[str, int]
Prices = Sequence[Mapping[str, Any]]


class SpanNode:
    """A unique span with its neighbours."""

    def __init__(self, span: SpanFacts) -> None:
        self.span = span
        self.parent: SpanNode | None = None
        self.children: list[SpanNode] = []
        self.trace: list[SpanNode] = []

    def ancestors(self) -> "list[SpanNode]":
        return [] if self.parent is None else [self.parent, *self.parent.ancestors()]

    def nearest(self) -> "SpanNode | None":
        return next((node for node in self.ancestors() if node.span.operation), None)

    # Belonging.

    def belongs_to(self, column: str) -> str:
        for node in [self, *self.ancestors()]:
            if getattr(node.span, column):
                return str(getattr(node.span, column))
        if column == "agent_name":
            return ""
        telling = [node.span for node in self.trace if getattr(node.span, column)]
        first = min(telling, key=lambda span: (span.timestamp, span.span_id), default=None)
        return "" if first is None else str(getattr(first, column))

    @cached_property
    def group(self) -> tuple[str, str]:
        return self.belongs_to("session_id"), self.belongs_to("user_id")

    # Counting.

    @property
    def answer(self) -> str:
        return self.span.llm_response_id if self.span.operation in CALLS else ""

    @cached_property
    def same_answer_above(self) -> "SpanNode | None":
        above = next((node for node in self.ancestors() if node.answer), None)
        return above if above is not None and above.answer == self.answer else None

    @cached_property
    def is_echo(self) -> bool:
        if not self.answer:
            return False
        around = self.same_answer_above
        if around is not None and around.is_echo:
            return True
        beside = [
            node.span
            for node in self.trace
            if node.answer == self.answer and node.same_answer_above is around
        ]
        first = min(beside, key=lambda span: (span.timestamp, span.span_id))
        ends = first.timestamp + first.duration_ns
        return self.span is not first and self.span.timestamp <= ends

    @cached_property
    def counted(self) -> bool:
        operation = self.span.operation
        above = self.nearest()
        within_same = above is not None and above.span.operation == operation
        if operation == "agent":
            return not (
                within_same and above.belongs_to("agent_name") == self.belongs_to("agent_name")
            )
        if operation == "tool":
            return not (within_same and above.tool == self.tool)
        if operation in CALLS:
            inner = [
                node
                for node in self.trace
                if node.span.operation == operation and node.nearest() is self
            ]
            return not inner and not self.is_echo
        return operation != ""

    @cached_property
    def tool(self) -> str:
        above = self.nearest()
        if not self.span.tool_name and above is not None and above.span.operation == "tool":
            return above.tool
        return self.span.tool_name

    @cached_property
    def run(self) -> "SpanNode | None":
        runs = (node for node in self.ancestors() if node.span.operation == "agent")
        return next((node for node in runs if node.counted), None)

    @property
    def subject(self) -> str:
        span = self.span
        return (
            span.tool_name if span.operation == "tool" else span.llm_request_model or span.llm_model
        )

    @cached_property
    def retry(self) -> bool:
        if not self.counted or self.span.operation not in ("tool", *CALLS) or not self.subject:
            return False
        earlier = [
            node
            for node in self.trace
            if node.counted
            and node.span.operation == self.span.operation
            and node.subject == self.subject
            and node.run is self.run
            and (node.span.timestamp, node.span.span_id) < (self.span.timestamp, self.span.span_id)
        ]
        if not earlier:
            return False
        last = max(earlier, key=lambda node: (node.span.timestamp, node.span.span_id)).span
        return (
            last.status_code == "ERROR" and last.timestamp + last.duration_ns <= self.span.timestamp
        )

    # Tokens.

    @cached_property
    def reported(self) -> Counts:
        span = self.span
        if self.is_echo:
            return dict.fromkeys(KINDS, 0)
        counts = {
            "input": span.input_tokens,
            "output": span.output_tokens,
            "cache_read": span.cache_read_tokens,
            "cache_write": span.cache_write_tokens,
            "reasoning": span.reasoning_tokens,
            "unsplit": span.token_count,
        }
        counts = {kind: 0 if count > TOKEN_LIMIT else count for kind, count in counts.items()}
        cached = counts["cache_read"] + counts["cache_write"]
        meaning = meaning_of(
            span.llm_system,
            span.scope_name,
            span.scope_version,
            span.llm_request_model or span.llm_model,
        )
        if not meaning.cached_in_input or cached > counts["input"]:
            counts["input"] += cached
        if not meaning.reasoning_in_output or counts["reasoning"] > counts["output"]:
            counts["output"] += counts["reasoning"]
        if counts["input"] + counts["output"] > 0:
            counts["unsplit"] = 0
        return counts

    def below(self) -> Counts:
        return sum_of(child.total for child in self.children)

    def repeated_below(self) -> Counts:
        """What a call of a model at this span would repeat of what is below."""
        return sum_of(child.repeated for child in self.children)

    @cached_property
    def repeated(self) -> Counts:
        if self.span.operation not in ("", *CALLS):
            return sum_of([])
        return sum_of([self.own, self.repeated_below()])

    @cached_property
    def own(self) -> Counts:
        under = self.repeated_below() if self.span.operation in CALLS else self.below()
        reported = self.reported
        own = {kind: max(0, reported[kind] - under[kind]) for kind in KINDS}
        own["unsplit"] = max(
            0, reported["unsplit"] - under["input"] - under["output"] - under["unsplit"]
        )
        paid = under["unsplit"]
        own["output"], paid = max(0, own["output"] - paid), max(0, paid - own["output"])
        own["input"] = max(0, own["input"] - paid)
        return own

    @cached_property
    def total(self) -> Counts:
        return sum_of([self.own, self.below()])

    # Money.

    def cost(self, prices: Prices) -> tuple[Fraction, int]:
        """Dollars, and tokens without a price."""
        own = self.own
        price = self._price(prices)
        read = min(own["cache_read"], own["input"])
        written = min(own["cache_write"], own["input"] - read)
        reasoning = min(own["reasoning"], own["output"])
        same = price.get("input") is not None and price.get("input") == price.get("output")
        bill = [
            (own["input"] - read - written, price.get("input")),
            (read, price.get("cache_read")),
            (written, price.get("cache_write")),
            (own["output"] - reasoning, price.get("output")),
            (reasoning, price.get("reasoning", price.get("output"))),
            (own["unsplit"], price.get("input") if same else None),
        ]
        dollars = sum(
            (count * each / 1_000_000 for count, each in bill if each is not None), Fraction(0)
        )
        return dollars, sum(count for count, each in bill if each is None)

    def _price(self, prices: Prices) -> dict[str, Fraction]:
        day = datetime.fromtimestamp(self.span.timestamp // 1_000_000_000, tz=UTC).date()
        for model in (self.span.llm_model, self.span.llm_request_model):
            for row in prices:
                if (
                    model
                    and _matches(model, row["model"])
                    and _matches(self.span.llm_system, row.get("provider", "*"))
                    and row.get("from", date.min) <= day < row.get("until", date.max)
                ):
                    kinds = KINDS[:5]
                    return {kind: Fraction(row[kind]) for kind in kinds if kind in row}
        return {}

    def total_cost(self, prices: Prices) -> tuple[Fraction, int]:
        costs = [self.cost(prices), *(child.total_cost(prices) for child in self.children)]
        return sum((cost for cost, _ in costs), Fraction(0)), sum(rest for _, rest in costs)

    # Rows.

    @property
    def caller(self) -> str:
        above = "" if self.parent is None else self.parent.span.service_name
        return "" if above == self.span.service_name else above

    @property
    def is_entry(self) -> bool:
        return bool(self.span.operation or any(self.reported.values()) or self.caller)

    def entry(self, prices: Prices, rules_version: int) -> Entry:
        own, total = self.own, self.total
        cost, unpriced = self.cost(prices)
        total_cost, total_unpriced = self.total_cost(prices)
        span = self.span
        columns = {name: getattr(span, name) for name in Entry._fields if hasattr(span, name)}
        columns.update({f"{kind}_tokens": own[kind] for kind in KINDS})
        columns.update({f"total_{kind}_tokens": total[kind] for kind in KINDS})
        belonging = ("session_id", "user_id", "invocation_id", "conversation_id", "agent_name")
        columns.update({name: self.belongs_to(name) for name in belonging})
        return Entry(
            **{
                **columns,
                "slot": span.timestamp // 1_000_000_000 // 300 * 300,
                "caller_service": self.caller,
                "counted": int(self.counted),
                "retry": int(self.retry),
                "llm_model": span.llm_model or span.llm_request_model,
                "cost": picodollars(cost),
                "unpriced_tokens": unpriced,
                "total_cost": picodollars(total_cost),
                "total_unpriced_tokens": total_unpriced,
                "rules_version": rules_version,
            }
        )


def _matches(name: str, patterns: str | list[str]) -> bool:
    several = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in several)


def nodes_of(rows: Sequence[SpanFacts]) -> list[SpanNode]:
    """The unique spans of one trace, each with its parent and children."""
    by_id = defaultdict(list)
    for row in rows:
        by_id[row.span_id].append(row)
    nodes = {
        span_id: SpanNode(min(same, key=lambda row: (row.ingested_at, row)))
        for span_id, same in by_id.items()
    }
    for node in nodes.values():
        node.trace = list(nodes.values())
        if node.span.parent_span_id != "":
            node.parent = nodes.get(node.span.parent_span_id)
    for node in _first_of_each_cycle(nodes.values()):
        node.parent = None
    for node in nodes.values():
        if node.parent is not None:
            node.parent.children.append(node)
    return list(nodes.values())


def _first_of_each_cycle(nodes: Iterable[SpanNode]) -> list[SpanNode]:
    found = []
    for node in nodes:
        way: list[SpanNode] = []
        at: SpanNode | None = node
        while at is not None and at not in way:
            way.append(at)
            at = at.parent
        if at is node and node is min(way, key=lambda one: (one.span.timestamp, one.span.span_id)):
            found.append(node)
    return found


def sum_of(counts: Iterable[Counts]) -> Counts:
    """The sum of each kind."""
    total = dict.fromkeys(KINDS, 0)
    for one in counts:
        total = {kind: total[kind] + one[kind] for kind in KINDS}
    return total


def picodollars(dollars: Fraction) -> int:
    """Dollars as the whole number of 10^-12 dollars that they must be."""
    exact = dollars * 10**12
    assert exact.denominator == 1
    return exact.numerator
