"""What a provider of models keeps: what it billed to whom, to the token and in exact decimals."""

import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal

MILLION = 10**6


@dataclass(frozen=True)
class Usage:
    """Tokens of one request; those of the cache are among the input, reasoning in the output.

    `unsplit` are those of a client that says how many there were, and not of what kind: no price
    covers them.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    unsplit: int = 0

    @property
    def all(self) -> int:
        """Tokens of every kind."""
        return self.input + self.output + self.unsplit

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


TODAY = datetime.now(UTC).date()


@dataclass(frozen=True)
class Listed:
    """A line of the price list; of several for one model the days do not overlap.

    Attributes:
        since: The first day that it holds; None for ever before.
        until: The first day that it does not hold any more; None for ever after.
    """

    model: str
    price: Price
    since: date | None = None
    until: date | None = None

    def holds(self, model: str, day: date) -> bool:
        """Tell whether this is the price of a model on a day."""
        return (
            model == self.model
            and (self.since is None or self.since <= day)
            and (self.until is None or day < self.until)
        )


PRICES = (
    Listed("gpt-5-mini", Price(Decimal("0.25"), Decimal(2), Decimal("0.025"))),
    Listed("gpt-5", Price(Decimal("1.25"), Decimal(10), Decimal("0.125"))),
    Listed("text-embedding-3-small", Price(Decimal("0.02"))),
    Listed("claude-sonnet-4-5", Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"))),
    Listed("gemini-2.5-pro", Price(Decimal("1.25"), Decimal(10), Decimal("0.31")), until=TODAY),
    Listed("gemini-2.5-pro", Price(Decimal("1.5"), Decimal(12), Decimal("0.375")), since=TODAY),
    Listed("meta-llama/Llama-3.1-70B", Price(Decimal("0.88"), Decimal("0.88"))),
)
"""By model asked; one that is not here (`home-made`) has no price."""


def price_of(model: str, day: date) -> Price | None:
    """Return the price of a model on a day, None for one without."""
    return next((listed.price for listed in PRICES if listed.holds(model, day)), None)


def price_list() -> str:
    """Write the price list as the file that `[derive] prices` names."""
    lines = ['currency = "USD"']
    for listed in PRICES:
        lines += ["", "[[price]]", f'model = "{listed.model}*"']
        kinds = {f.name: getattr(listed.price, f.name) for f in fields(Price)}
        lines += [f'{kind} = "{amount}"' for kind, amount in kinds.items() if amount]
        days = {"from": listed.since, "until": listed.until}
        lines += [f"{key} = {day.isoformat()}" for key, day in days.items() if day]
    return "\n".join(lines) + "\n"


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
        return Sum(bill.usage, unpriced=bill.usage.all)
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
        answered: str = "",
        session: str = "",
        agent: str = "",
        user: str = "",
        trace_id: str = "",
        span_id: str = "",
        at: datetime | None = None,
    ) -> str:
        """Write a line for a model that was asked, and return the model that answers.

        Without `answered` it is the snapshot that stands behind the name.
        """
        answered = answered or SNAPSHOTS.get(model, model)
        moment = at or datetime.now(UTC)
        price = None if usage.unsplit else price_of(model, moment.date())
        cost = None if price is None else price.of(usage)
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
