"""What a provider of models keeps: what it billed to whom, to the token and in exact decimals."""

import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal

MILLION = 10**6


@dataclass(frozen=True)
class Usage:
    """Tokens of one request; those of the cache are among the input, reasoning in the output."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens of each kind."""

    input: Decimal
    output: Decimal = Decimal(0)
    cache_read: Decimal = Decimal(0)
    cache_write: Decimal = Decimal(0)

    def of(self, usage: Usage) -> Decimal:
        """Return what a request costs, in US dollars."""
        plain = usage.input - usage.cache_read - usage.cache_write
        return (
            plain * self.input
            + usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
            + usage.output * self.output
        ) / MILLION


PRICES = {
    "gpt-5-mini": Price(Decimal("0.25"), Decimal(2), Decimal("0.025")),
    "gpt-5": Price(Decimal("1.25"), Decimal(10), Decimal("0.125")),
    "text-embedding-3-small": Price(Decimal("0.02")),
    "claude-sonnet-4-5": Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75")),
    "gemini-2.5-pro": Price(Decimal("1.25"), Decimal(10), Decimal("0.31")),
    "meta-llama/Llama-3.1-70B": Price(Decimal("0.88"), Decimal("0.88")),
}
"""By model asked; one that is not here (`home-made`) has no price."""

SNAPSHOTS = {
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5": "gpt-5-2025-08-07",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
"""By model asked: the one that answers; others answer under the name they are asked by."""


@dataclass(frozen=True)
class Bill:
    """One line: what was used, by whom.

    Attributes:
        at: When the request came.
        model: The model that answered.
        trace_id: The trace that the request was part of.
        span_id: The span that made the request.
        cost: US dollars; None where the model has no price.
    """

    at: datetime
    session: str
    agent: str
    user: str
    model: str
    trace_id: str
    span_id: str
    usage: Usage
    cost: Decimal | None


@dataclass(frozen=True)
class Sum:
    """What some lines come to.

    Attributes:
        cost: US dollars, of what has a price.
        unpriced: Tokens of what has none.
    """

    usage: Usage = Usage()
    cost: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.usage + other.usage, self.cost + other.cost, self.unpriced + other.unpriced)


def line(bill: Bill) -> Sum:
    """Return what one line comes to."""
    if bill.cost is None:
        return Sum(bill.usage, unpriced=bill.usage.input + bill.usage.output)
    return Sum(bill.usage, bill.cost)


@dataclass
class Books:
    """Every line, kept by the provider alone; threads may write at once."""

    lines: list[Bill] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bill(
        self,
        model: str,
        usage: Usage,
        *,
        session: str = "",
        agent: str = "",
        user: str = "",
        trace_id: str = "",
        span_id: str = "",
        at: datetime | None = None,
    ) -> str:
        """Write a line for a model that was asked, and return the model that answers."""
        answered = SNAPSHOTS.get(model, model)
        price = PRICES.get(model)
        cost = None if price is None else price.of(usage)
        moment = at or datetime.now(UTC)
        written = Bill(moment, session, agent, user, answered, trace_id, span_id, usage, cost)
        with self._lock:
            self.lines.append(written)
        return answered

    def sums(self, key: Callable[[Bill], Hashable]) -> dict[Hashable, Sum]:
        """Return what the lines of each key come to."""
        return sums((key(bill), line(bill)) for bill in self.lines)


def sums(items: Iterable[tuple[Hashable, Sum]]) -> dict[Hashable, Sum]:
    """Add up by key."""
    totals: dict[Hashable, Sum] = {}
    for key, item in items:
        totals[key] = totals.get(key, Sum()) + item
    return totals
