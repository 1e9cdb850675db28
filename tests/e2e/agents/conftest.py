import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.agents.books import Books, price_list
from e2e.agents.hostile import HOSTILE
from e2e.agents.ledger_rows import sums_by
from e2e.agents.program_runs import run_all
from e2e.agents.provider import local_provider
from e2e.agents.topologies import TOPOLOGIES, children_before_their_parent
from e2e.agents.traces_by_hand import SECOND, Trace
from fleet import Fleet, fleet, post_traces, wait_for_ledger

LATELY = 10 * 60 * SECOND
"""How long ago traces made by hand begin: all of them are over."""

BY_SESSION = "concat(operation, ' ', session_id)"


@dataclass(frozen=True)
class Told:
    """Everything was sent, and the ledger has it.

    Attributes:
        started: The fleet.
        books: The provider's.
        before_the_parent: What the ledger said of the late parent's trace before it came, by
            operation and session.
    """

    started: Fleet
    books: Books
    before_the_parent: dict[object, object]


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet that knows the provider's price list and computes the ledger every two seconds."""
    folder = tmp_path_factory.mktemp("agents")
    prices = folder / "prices.toml"
    prices.write_text(price_list())
    derive = {"ledger_interval_seconds": 2, "prices": str(prices)}
    with fleet(folder, derive=derive) as running:
        yield running


def send(started: Fleet, traces: list[Trace]) -> None:
    """Send traces as their agents' exporters would."""
    for trace in traces:
        for body in trace.requests():
            assert post_traces(started.otlp_http_url, body) == b"", "something was refused"


@pytest.fixture(scope="package")
def told(started: Fleet) -> Told:
    """Run every program and send every trace made by hand; a late parent last, and some twice."""
    with local_provider() as provider:
        books = provider.books
        begin = time.time_ns() - LATELY
        topologies = (*TOPOLOGIES, *HOSTILE)
        by_hand = [trace for topology in topologies for trace in topology(books, begin)]
        children, parent = children_before_their_parent(books)
        send(started, [children, *by_hand])
        run_all(provider.url, started.otlp_http)
        wait_for_ledger(started)
        early = sums_by(BY_SESSION, started, trace_id=children.trace_id.hex())
        send(started, [parent, *by_hand])
        wait_for_ledger(started)
    return Told(started, books, early)
