"""docs/sql.md is true: each statement, run on known data, answers what Python computes.

It computes from what the spans say: agents here do not repeat the tokens of their calls.
"""

import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from integration.agent_queries.known_work import LLAMA, PRICES, settle
from integration.query import known_profiles
from integration.query.known_profiles import KnownProfile, KnownSample
from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.statements import Statements, quote_identifier
from rak_libs.runtime.settings import Config
from rak_services.migrate.config import Target
from rak_services.migrate.files import load_schema_files, schema_folder
from rak_services.migrate.tables import Waits, migrate_tables

PAGE = (Path(__file__).parents[3] / "docs" / "sql.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"^### ([^\n]+)\n\n```sql\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
NOW = time.time_ns() // SECOND * SECOND
MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
SHOWN_TRACE = "0af7651916cd43dd8448eb211c80319c"
Rows = list[tuple[Any, ...]]


class Trace:
    """Makes the spans of one trace, whose session, user and invocation its root names."""

    def __init__(self, trace_id: str, start: int, session: str, user: str) -> None:
        self.trace_id, self.start = trace_id, start
        self.session, self.user = session, user
        self.spans: list[KnownSpan] = []
        self.agents: dict[str, str] = {}

    def add(
        self, offset_s: float, seconds: float, name: str, parent: str = "", **changes: Any
    ) -> str:
        """Add a span and return its id; `agent` is that of the span itself."""
        agent = changes.pop("agent", "")
        attributes = dict(changes.pop("attributes", {}))
        if agent:
            attributes["agent_name"] = agent
        if not parent:
            attributes |= {"session.id": self.session, "user.id": self.user}
        span_id = f"{self.trace_id[:8]}{len(self.spans) + 1:08x}"
        self.agents[span_id] = agent or self.agents.get(parent, "")
        self.spans.append(
            KnownSpan(
                self.trace_id,
                span_id,
                self.start + int(offset_s * SECOND),
                int(seconds * SECOND),
                parent,
                name=name,
                attributes=attributes,
                **{"service": "agents", "status": "OK", **changes},
            )
        )
        return span_id

    def call(self, offset_s: float, parent: str, model: str, **usage: int) -> str:
        """Add a call of a model of half a second."""
        first = usage.pop("first_token_ms", 0)
        attributes: dict[str, Any] = {"gen_ai.request.model": model}
        attributes |= {f"gen_ai.usage.{kind}": count for kind, count in usage.items()}
        attributes["token_count"] = usage["input_tokens"] + usage["output_tokens"]
        if first:
            attributes["gen_ai.response.time_to_first_chunk"] = first / 1_000
        return self.add(offset_s, 0.5, "llm.generate", parent, attributes=attributes)

    def tool(
        self, offset_s: float, parent: str, name: str, status: str, seconds: float = 0.1
    ) -> str:
        """Add a call of a tool, always with the same arguments."""
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.arguments": '{"q": "x"}',
        }
        return self.add(
            offset_s, seconds, f"execute_tool {name}", parent, status=status, attributes=attributes
        )


def make_traces() -> list[Trace]:
    """Return four traces: of the last hour, of hours ago, and of two days ago."""
    first = Trace(SHOWN_TRACE, NOW - 20 * MINUTE, "sess-123", "ann")
    run = first.add(0, 7, "agent.run", agent="planner", attributes={"invocation_id": "inv-1"})
    first.call(0.5, run, "m-small", input_tokens=1_000, output_tokens=100, first_token_ms=200)
    for number, status in enumerate(("ERROR", "ERROR", "OK")):
        found = first.tool(1.5 + number, run, "search", status)
    first.add(3.55, 0.01, "SELECT", found, service="db")
    helper = first.add(4, 2, "agent.run", run, agent="researcher", status="ERROR")
    first.call(4.5, helper, "m-unknown", input_tokens=300, output_tokens=30)
    first.call(6.2, run, "m-small", input_tokens=1_500, output_tokens=50, first_token_ms=400)
    second = Trace("2" * 32, NOW - 15 * MINUTE, "sess-123", "ann")
    run = second.add(0, 1, "agent.run", agent="planner")
    usage = {"input_tokens": 2_600, "output_tokens": 10, "cache_read.input_tokens": 650}
    second.call(0.1, run, LLAMA, **usage)
    second.tool(0.7, run, "slow/tool", "OK", seconds=0.25)
    hours_ago = Trace("3" * 32, NOW - 5 * HOUR, "sess-124", "ann")
    run = hours_ago.add(0, 6, "agent.run", agent="coder", status="ERROR")
    hours_ago.call(1, run, LLAMA, input_tokens=4_000, output_tokens=400)
    long_ago = Trace("4" * 32, NOW - 50 * HOUR, "sess-125", "bob")
    run = long_ago.add(0, 9, "agent.run", agent="coder")
    long_ago.call(1, run, "m-unknown", input_tokens=10_000, output_tokens=1)
    orphan = Trace("5" * 32, NOW - 10 * MINUTE, "", "")
    orphan.add(0, 1, "GET /", "f" * 16, service="lost")
    return [first, second, hours_ago, long_ago, orphan]


TRACES = make_traces()
SPANS = [span for trace in TRACES for span in trace.spans]
TOOL_SPANS = [span for span in SPANS if span.attributes.get("gen_ai.tool.name") == "search"]
PROFILE = KnownProfile(
    NOW - 19 * MINUTE,
    (
        KnownSample(
            (("json.parse", 1), ("main.search", 2)),
            (1, 30_000_000),
            (("trace_id", TOOL_SPANS[0].trace_id), ("span_id", TOOL_SPANS[0].span_id)),
        ),
        KnownSample((("main.search", 2),), (1, 10_000_000)),
    ),
)


@pytest.fixture(scope="module")
def database(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A database of these tests alone, in which everything is stored twice but the profile."""
    name = "sql_page"
    own = msgspec.structs.replace(
        config, clickhouse=msgspec.structs.replace(config.clickhouse, database=name)
    )
    with Statements(config.clickhouse) as statements:
        files = load_schema_files(schema_folder())
        migrate_tables(statements, Target(name, ""), files, Waits(60, 60, 60), "test")
        for number in range(2):
            store(own.clickhouse, request_of(SPANS), NOW + number * SECOND)
        known_profiles.store(own.clickhouse, [PROFILE], NOW)
        settle(own, tmp_path_factory.mktemp("sql_page"))
        yield own
        statements.execute(f"DROP DATABASE {quote_identifier(name)} SYNC")


def run(database: Config, title: str) -> Rows:
    """Return the answer of a statement of the page, texts and numbers as Python has them."""
    with connect(database.clickhouse) as client:
        rows: Rows = client.execute(QUERIES[title].rstrip().rstrip(";"))
    return [tuple(map(plain, row)) for row in rows]


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return round(value, 6) if isinstance(value, float) else value


def moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / SECOND, UTC)


def hour_of(span: KnownSpan) -> datetime:
    return moment(span.start // HOUR * HOUR)


def within(ago: int, *, name: str = "") -> list[KnownSpan]:
    """Return the spans since a while ago, of one name."""
    return [s for s in SPANS if s.start >= NOW - ago and (not name or s.name == name)]


def agent_of(span: KnownSpan) -> str:
    """Return the agent that a span belongs to."""
    return next(t.agents[span.span_id] for t in TRACES if span.span_id in t.agents)


def session_of(span: KnownSpan) -> str:
    return next(trace.session for trace in TRACES if trace.trace_id == span.trace_id)


def used(span: KnownSpan, kind: str) -> int:
    return int(span.attributes.get(f"gen_ai.usage.{kind}", 0))


def model_of(span: KnownSpan) -> str:
    return str(span.attributes.get("gen_ai.request.model", ""))


def tool_of(span: KnownSpan) -> str:
    return str(span.attributes.get("gen_ai.tool.name", ""))


def cost(*spans: KnownSpan) -> Decimal:
    """Return the dollars of calls of models; cached tokens have no price in `PRICES`."""
    dollars = Decimal(0)
    for span in spans:
        into, out = PRICES.get(model_of(span), (Decimal(0), Decimal(0)))
        fresh = used(span, "input_tokens") - used(span, "cache_read.input_tokens")
        dollars += (fresh * into + used(span, "output_tokens") * out) / 1_000_000
    return dollars


def unpriced(*spans: KnownSpan) -> int:
    return sum(
        used(span, "cache_read.input_tokens")
        if model_of(span) in PRICES
        else used(span, "input_tokens") + used(span, "output_tokens")
        for span in spans
    )


def by(key: Callable[[KnownSpan], Any], spans: Sequence[KnownSpan]) -> dict[Any, list[KnownSpan]]:
    groups: defaultdict[Any, list[KnownSpan]] = defaultdict(list)
    for span in spans:
        groups[key(span)].append(span)
    return dict(groups)


DAY_RUNS = within(24 * HOUR, name="agent.run")
DAY_CALLS = within(24 * HOUR, name="llm.generate")
ALL_CALLS = within(30 * 24 * HOUR, name="llm.generate")
IN_SESSION = [span for span in SPANS if session_of(span) == "sess-123"]


def traces_for_a_session() -> Rows:
    roots = [span for span in IN_SESSION if not span.parent]
    return [
        (span.trace_id, span.name, moment(span.start), span.duration / 1e9, span.status)
        for span in sorted(roots, key=lambda span: span.start)
        for _stored in range(2)
    ]


def agent_performance() -> Rows:
    rows = []
    for agent, runs in by(agent_of, DAY_RUNS).items():
        lengths = [span.duration / 1e9 for span in runs] * 2
        high = statistics.quantiles(lengths, n=20, method="inclusive")[-1]
        errors = sum(span.status == "ERROR" for span in runs) / len(runs) * 100
        rows.append((agent, len(lengths), statistics.mean(lengths), high, errors))
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def slow_traces() -> Rows:
    slow = [span for span in within(HOUR, name="agent.run") if span.duration > 5e9]
    return [
        (span.trace_id, span.service, agent_of(span), moment(span.start), span.duration / 1e9)
        for span in sorted(slow, key=lambda span: -span.duration)
        for _stored in range(2)
    ]


def token_usage() -> Rows:
    return sorted(
        (model, len(calls) * 2, 2 * sum(span.attributes["token_count"] for span in calls), 0.5)
        for model, calls in by(model_of, DAY_CALLS).items()
    )


def cost_by_agent_and_day() -> Rows:
    rows = []
    for (day, agent), spans in by(lambda s: (hour_of(s).date(), agent_of(s)), ledger()).items():
        runs = sum(span.name == "agent.run" for span in spans)
        rows.append((day, agent, runs, cost(*spans), unpriced(*spans)))
    return sorted(rows, key=lambda row: (row[0], -row[3], row[1]))


def ledger() -> list[KnownSpan]:
    """Return the spans that are entries: operations, and calls from another service."""
    return [span for span in SPANS if span.service in {"agents", "db"}]


def cost_by_model() -> Rows:
    rows = [
        (
            model,
            len(calls),
            sum(used(span, "input_tokens") for span in calls),
            sum(used(span, "output_tokens") for span in calls),
            cost(*calls),
        )
        for model, calls in by(model_of, DAY_CALLS).items()
    ]
    return sorted(rows, key=lambda row: (-row[4], row[0]))


def models_without_a_price() -> Rows:
    rows = [
        (model, sum(unpriced(span) > 0 for span in calls), unpriced(*calls))
        for model, calls in by(model_of, ALL_CALLS).items()
    ]
    return sorted((row for row in rows if row[2]), key=lambda row: (-row[2], row[0]))


def cached_share() -> Rows:
    rows = []
    for model, calls in by(model_of, DAY_CALLS).items():
        into = sum(used(span, "input_tokens") for span in calls)
        cached = sum(used(span, "cache_read.input_tokens") for span in calls)
        rows.append((model, into, round(cached / into * 100, 1)))
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def expensive_sessions() -> Rows:
    rows = [
        (session, len({span.trace_id for span in spans}), cost(*spans), unpriced(*spans))
        for session, spans in by(session_of, within(24 * HOUR)).items()
        if session
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def tokens_by_span() -> Rows:
    (trace,) = [trace for trace in TRACES if trace.trace_id == SHOWN_TRACE]
    rows = []
    for span in sorted(trace.spans, key=lambda span: span.start):
        below = [other for other in trace.spans if span.span_id in path(other)]
        own, everything = (sum(tokens(s) for s in spans) for spans in ([span], below))
        operation = {"agent.run": "agent", "llm.generate": "llm", "SELECT": ""}.get(
            span.name, "tool"
        )
        rows.append((span.name, agent_of(span), operation, own, everything, cost(span)))
    return rows


def kind_of(span: KnownSpan) -> str:
    kinds = {"agent.run": "agent", "llm.generate": "llm", "SELECT": ""}
    return kinds.get(span.name, "tool")


def tokens(span: KnownSpan) -> int:
    return used(span, "input_tokens") + used(span, "output_tokens")


def path(span: KnownSpan) -> list[str]:
    """Return the ids of a span and of those above it."""
    ids = [span.span_id]
    while span.parent:
        span = next(other for other in SPANS if other.span_id == span.parent)
        ids.append(span.span_id)
    return ids


def cost_of_an_invocation() -> Rows:
    spans = [span for span in SPANS if span.trace_id == SHOWN_TRACE]
    calls = [span for span in spans if span.name == "llm.generate"]
    return [("inv-1", 1, len(calls), cost(*calls), unpriced(*calls))]


def sessions_of_a_user() -> Rows:
    rows = []
    for session in {trace.session for trace in TRACES if trace.user == "ann"}:
        spans = [span for span in SPANS if session_of(span) == session]
        first = moment(min(span.start for span in spans))
        errors = sum(span.status == "ERROR" for span in spans)
        rows.append((session, first, len({s.trace_id for s in spans}), errors, cost(*spans)))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def session_events() -> Rows:
    told = [span for span in IN_SESSION if span.name != "SELECT"]
    return [
        (
            moment(span.start),
            kind_of(span),
            agent_of(span),
            span.name,
            span.status,
            span.duration / 1e9,
        )
        for span in sorted(told, key=lambda span: span.start)
    ]


def context_growth() -> Rows:
    calls = [span for span in IN_SESSION if span.name == "llm.generate"]
    before: dict[str, int] = {}
    rows = []
    for span in sorted(calls, key=lambda span: span.start):
        agent, into = agent_of(span), used(span, "input_tokens")
        rows.append((moment(span.start), agent, into, into - before.get(agent, into)))
        before[agent] = into
    return rows


def error_rate() -> Rows:
    rows = []
    for hour, runs in sorted(by(hour_of, DAY_RUNS).items()):
        errors = sum(span.status == "ERROR" for span in runs)
        rows.append((hour, len(runs), errors, round(errors / len(runs) * 100, 1)))
    return rows


def slowest_tools() -> Rows:
    rows = [
        (tool, len(calls), *(2 * (round(max(span.duration for span in calls) / 1e9, 3),)))
        for tool, calls in by(tool_of, within(24 * HOUR)).items()
        if tool
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def first_tokens() -> Rows:
    key = "gen_ai.response.time_to_first_chunk"
    told = [span for span in DAY_CALLS if key in span.attributes]
    # Of an even number, the engine's exact median is the upper of the two.
    return [
        (model, len(calls), statistics.median_high(span.attributes[key] for span in calls))
        for model, calls in by(model_of, told).items()
    ]


def retries() -> Rows:
    calls = Counter(
        (s.trace_id, agent_of(s), tool_of(s)) for s in TOOL_SPANS if s.status == "ERROR"
    )
    return [(*key, count) for key, count in calls.items()]


def loops() -> Rows:
    arguments = '{"q": "x"}'
    calls = Counter((span.trace_id, tool_of(span), arguments) for span in SPANS if tool_of(span))
    return [(*key, count) for key, count in calls.items() if count >= 3]


def hand_overs() -> Rows:
    pairs = Counter(
        (agent_of(above), agent_of(run))
        for run in DAY_RUNS
        for above in SPANS
        if run.parent == above.span_id and agent_of(above) != agent_of(run)
    )
    return [(*pair, count) for pair, count in pairs.items()]


HOTSPOTS: Rows = [
    ("main.search", 10_000_000, 40_000_000, 100.0),
    ("json.parse", 30_000_000, 30_000_000, 75.0),
]
EXPECTED: dict[str, Callable[[], Rows]] = {
    "Find all traces for a session": traces_for_a_session,
    "Agent performance summary": agent_performance,
    "Find slow traces": slow_traces,
    "LLM token usage": token_usage,
    "CPU hotspots": lambda: HOTSPOTS,
    "Spans whose parent is missing": lambda: [("lost", 1)],
    "CPU time under a tool": lambda: [("json.parse", 0.03)],
    "Cost by agent and day": cost_by_agent_and_day,
    "Tokens and cost by model": cost_by_model,
    "Models without a price": models_without_a_price,
    "Share of the input that came from a cache": cached_share,
    "Most expensive sessions": expensive_sessions,
    "Tokens of a trace by span": tokens_by_span,
    "Cost of an invocation": cost_of_an_invocation,
    "Sessions of a user": sessions_of_a_user,
    "What happened in a session": session_events,
    "Growth of the context within a session": context_growth,
    "Error rate of agents by hour": error_rate,
    "Slowest tools": slowest_tools,
    "Time to the first token by model": first_tokens,
    "Retry storms": retries,
    "Loops": loops,
    "Hand-overs between agents": hand_overs,
}
ABOUT_NOW = {"Freshness", "How far the ledger has come"}
ANY_ORDER = {"Agent performance summary", "LLM token usage"}
"""The original's statements that do not say in which order equal rows come."""


@pytest.mark.parametrize("title", EXPECTED)
def test_a_statement_answers_what_python_computes(database: Config, title: str) -> None:
    expected = [tuple(map(plain, row)) for row in EXPECTED[title]()]
    assert expected
    answer = run(database, title)
    assert (sorted(answer) if title in ANY_ORDER else answer) == (
        sorted(expected) if title in ANY_ORDER else expected
    )


def test_freshness_is_counted_until_now(database: Config) -> None:
    ages = dict(run(database, "Freshness"))
    assert ages.keys() == {"agents", "db", "lost"}
    since = (time.time_ns() - NOW) // SECOND
    assert all(0 <= age <= since + 2 for age in ages.values())
    ((name, behind),) = run(database, "How far the ledger has come")
    assert name == "ledger"
    assert 0 <= behind <= since + 2


def test_every_statement_of_the_page_is_run() -> None:
    assert QUERIES.keys() == {*EXPECTED, *ABOUT_NOW}
