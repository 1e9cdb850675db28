"""What the fleet says agents used is what their provider billed: to the token and the cent.

The books are the provider's own (`provider.py`), or those of who made a trace by hand; the ledger
is what became of the spans that the agents' frameworks and SDKs told about the same work.
"""

from collections import Counter
from collections.abc import Callable, Hashable

import pytest

from e2e.agents.books import Bill, line, sums
from e2e.agents.conftest import BY_SESSION, Told
from e2e.agents.ledger_rows import SPENDING, day, owned, spending, sums_by
from e2e.agents.program_runs import PROGRAMS
from fleet import select

Level = tuple[Callable[[Bill], Hashable], str]

LEVELS: dict[str, Level] = {
    "trace": (lambda bill: bill.trace_id, "trace_id"),
    "session": (lambda bill: bill.session, "session_id"),
    "agent": (lambda bill: bill.agent, "agent_name"),
    "agent of a session": (
        lambda bill: f"{bill.session} {bill.agent}",
        "concat(session_id, ' ', agent_name)",
    ),
    "model": (lambda bill: bill.model, "llm_model"),
    "user": (lambda bill: bill.user, "user_id"),
    "day": (lambda bill: day(bill.at), "toString(toDate(timestamp, 'UTC'))"),
}


@pytest.mark.parametrize("level", LEVELS)
def test_the_ledger_equals_the_books(level: str, told: Told) -> None:
    key, column = LEVELS[level]
    assert sums_by(column, told.started) == told.books.sums(key)


def test_each_token_is_owned_by_the_span_that_used_it(told: Told) -> None:
    """Which is the one that made the request, or one that tells of it right below or beside it."""
    rows = select(told.started, f"SELECT span_id, parent_span_id, {SPENDING} FROM ledger FINAL")
    asked = {bill.span_id for bill in told.books.lines}
    beside = {parent: span for span, parent, *_ in rows if span in asked}

    def asking(span: str, parent: str) -> str:
        return next((each for each in (span, parent) if each in asked), beside.get(parent, span))

    used = owned((asking(span, parent), spending(tuple(own))) for span, parent, *own in rows)
    assert used == told.books.sums(lambda bill: bill.span_id)


def test_the_root_of_each_trace_has_all_of_it(told: Told) -> None:
    totals = SPENDING.replace("cost", "total_cost")
    totals = ", ".join(
        name if name.startswith("total_") else f"total_{name}" for name in totals.split(", ")
    )
    rows = select(
        told.started,
        f"SELECT trace_id, {totals} FROM ledger FINAL"
        " WHERE (trace_id, parent_span_id) NOT IN (SELECT trace_id, span_id FROM ledger FINAL)"
        " AND session_id != 'hostile-circle'",
    )
    billed = [bill for bill in told.books.lines if bill.session != "hostile-circle"]
    assert owned((row[0], spending(row[1:])) for row in rows) == sums(
        (bill.trace_id, line(bill)) for bill in billed
    )


def test_the_totals_of_traces_equal_the_books(told: Told) -> None:
    rows = select(told.started, f"SELECT trace_id, {SPENDING} FROM trace_totals FINAL")
    assert owned((row[0], spending(row[1:])) for row in rows) == told.books.sums(
        lambda bill: bill.trace_id
    )


@pytest.mark.parametrize(
    ("view", "column", "level"),
    [
        ("agent_execution_summary", "agent_name", "agent"),
        ("llm_call_summary", "agent_name", "agent"),
        ("llm_call_summary", "llm_model", "model"),
    ],
)
def test_the_summaries_equal_the_books(view: str, column: str, level: str, told: Told) -> None:
    rows = select(told.started, f"SELECT {column}, {SPENDING} FROM {view}_states FINAL")
    key, _ = LEVELS[level]
    assert owned((row[0], spending(row[1:])) for row in rows) == told.books.sums(key)


def test_each_request_that_was_billed_is_one_call(told: Told) -> None:
    """However many spans tell of it: a framework's, an SDK's, and each of them stored twice."""
    rows = select(
        told.started,
        "SELECT session_id, sum(counted) FROM ledger FINAL"
        " WHERE operation IN ('llm', 'embedding') GROUP BY session_id",
    )
    billed = Counter(bill.session for bill in told.books.lines)
    by_programs = tuple(f"{program.name}-" for program in PROGRAMS)
    counted = {session: calls for session, calls in rows if session.startswith(by_programs)}
    assert counted == {k: n for k, n in billed.items() if k.startswith(by_programs)}


def test_children_whose_parent_has_not_come_count_by_themselves(told: Told) -> None:
    """Their session is the parent's: until it came, they were of none."""
    (bill, *_) = [bill for bill in told.books.lines if bill.session == "hand-late-parent"]
    billed = told.books.sums(lambda bill: bill.session)[bill.session]
    assert told.before_the_parent == {"llm ": billed}
    now = sums_by(BY_SESSION, told.started, trace_id=bill.trace_id)
    assert now == {f"llm {bill.session}": billed}
