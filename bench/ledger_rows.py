"""A day of agents' work, made by the engine itself: spans, ledger, totals and summaries that agree.

Trace t begins every `86,400 s / traces`, has 25 spans and, among them, 9 entries of the ledger:

    0 gateway, a server ─▶ 1 agent (another service) ─▶ 2 llm, 3 tool ─▶ 4 server of the tool
                                                      ─▶ 6 llm, 7 agent ─▶ 8 llm, 9 tool
    5 and 10 to 24: calls of databases below 1

Five traces make a session, sixteen sessions are one user's. An agent has three models and four
tools; each of the twenty nested agents runs in every service of agents.
"""

from dataclasses import dataclass
from typing import Final

from clickhouse_driver import Client

from rak_libs.model.ledger import TOKEN_KINDS
from rak_libs.model.ledger_sums import SUMMARIES

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
SPANS_EACH: Final = 25
ENTRIES_EACH: Final = 9

_ENTRIES: Final = "[1, 2, 3, 4, 6, 7, 8, 9, 10]"
_OPERATIONS: Final = {1: "agent", 2: "llm", 3: "tool", 6: "llm", 7: "agent", 8: "llm", 9: "tool"}
_PARENTS: Final = {1: 0, 4: 3, 8: 7, 9: 7}
_LLM_BELOW: Final = {1: (2, 6, 8), 2: (2,), 6: (6,), 7: (8,), 8: (8,)}


def _by_place(texts: dict[int, str], otherwise: str) -> str:
    """Return the expression whose value depends on a span's place in its trace."""
    pairs = ", ".join(f"j = {place}, {text}" for place, text in texts.items())
    return f"multiIf({pairs}, {otherwise})"


def _hash(*of: object) -> str:
    return f"cityHash64({', '.join(map(str, of))})"


_AGENT: Final = f"concat('agent-', toString({_hash('t')} % 40))"
_NESTED: Final = f"concat('helper-', toString({_hash('t', 7)} % 20))"
_MODELS: Final = (
    "['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5', 'gemini-2.5-pro', 'o3',"
    " 'meta-llama/Llama-3.1-70B']"
)
_MODEL_NUMBER: Final = f"(({_hash('t')} % 40 + {_hash('t', '{j}')} % 3) % 6)"
_MODEL: Final = _MODEL_NUMBER.format(j="j")
_TOOL: Final = f"concat('tool-', toString(({_hash('t')} % 40 * 3 + {_hash('t', 'j', 5)} % 4) % 60))"
_TRACE_ID: Final = "lower(hex(sipHash128(t)))"
_BEGIN_NS: Final = f"(%(begin)s + t * %(pace)s + toInt64({_hash('t', 1)} % 1000000000))"

_COLUMNS: Final[dict[str, str]] = {
    "trace_id": _TRACE_ID,
    "span_id": "lower(hex(sipHash64(t, j)))",
    "parent_span_id": "if(j = 0, '', lower(hex(sipHash64(t,"
    f" {_by_place({k: f'toUInt64({v})' for k, v in _PARENTS.items()}, 'toUInt64(1)')}))))",
    "timestamp": f"fromUnixTimestamp64Nano({_BEGIN_NS} + toInt64(j) * 50000000, 'UTC')",
    "duration_ns": f"toUInt64(1e6 * exp(6 * ({_hash('t', 'j', 2)} % 10000) / 10000)"
    " * if(j IN (1, 2, 6, 7, 8), 20, 1))",
    "service_name": _by_place(
        {0: "'gateway'", 4: f"concat('backend-', toString({_hash('t', 4)} % 8))"},
        f"concat('agents-', toString({_hash('t')} % 10))",
    ),
    "span_name": _by_place(
        {0: "'POST /ask'", 4: "'POST /run'", **{k: f"'{v}'" for k, v in _OPERATIONS.items()}},
        "'SELECT'",
    ),
    "span_kind": "multiIf(j IN (0, 1, 4), 'SERVER', j IN (2, 6, 8), 'CLIENT', 'INTERNAL')",
    "status_code": f"if({_hash('t', 'j', 3)} % 50 = 0, 'ERROR', 'UNSET')",
    "operation": _by_place({k: f"'{v}'" for k, v in _OPERATIONS.items()}, "''"),
    "invocation_id": "concat('invocation-', toString(t))",
    "session_id": "concat('session-', toString(intDiv(t, 5)))",
    "user_id": "concat('user-', toString(intDiv(t, 80)))",
    "conversation_id": "concat('session-', toString(intDiv(t, 5)))",
    "agent_name": f"multiIf(j = 0, '', j IN (7, 8, 9), {_NESTED}, {_AGENT})",
    "llm_model": f"if(j IN (2, 6, 8), {_MODELS}[{_MODEL} + 1], '')",
    "llm_request_model": f"if(j IN (2, 6, 8), {_MODELS}[{_MODEL} + 1], '')",
    "llm_system": "if(j IN (2, 6, 8), ['openai', 'openai', 'anthropic', 'google', 'openai',"
    f" 'together'][{_MODEL} + 1], '')",
    "tool_name": f"if(j IN (3, 9), {_TOOL}, '')",
    "finish_reason": f"if(j IN (2, 6, 8), ['stop', 'stop', 'tool_calls', 'length']"
    f"[{_hash('t', 'j', 6)} % 4 + 1], '')",
    "time_to_first_token_ns": f"if(j IN (2, 6), 50000000 + {_hash('t', 'j', 8)} % 900000000, 0)",
    "resource_cpu_micros": f"if(j IN (1, 7, 3), {_hash('t', 'j', 9)} % 200000, 0)",
    "resource_memory_bytes": f"if(j IN (1, 7), {_hash('t', 'j', 10)} % 100000000, 0)",
    "resource_memory_peak": f"if(j IN (1, 7), {_hash('t', 'j', 10)} % 200000000, 0)",
}
"""The columns that spans and entries share, as SQL over the trace's number t and the place j."""

_TOKENS: Final = {
    "input_tokens": f"(200 + {_hash('t', '{j}', 11)} % 2000)",
    "output_tokens": f"(20 + {_hash('t', '{j}', 12)} % 500)",
    "cache_read_tokens": f"({_hash('t', '{j}', 13)} % 200)",
}
_PRICED: Final = f"{_MODEL_NUMBER} != 5"
_COST: Final = (
    f"if({_PRICED}, toDecimal128('0.0000025', 12) * {_TOKENS['input_tokens']}"
    f" + toDecimal128('0.00001', 12) * {_TOKENS['output_tokens']}, toDecimal128(0, 12))"
)
_UNPRICED: Final = f"if({_PRICED}, 0, {_TOKENS['input_tokens']} + {_TOKENS['output_tokens']})"
_AMOUNTS: Final = {
    **{kind: _TOKENS.get(kind, "toUInt64(0)") for kind in TOKEN_KINDS},
    "cost": _COST,
    "unpriced_tokens": _UNPRICED,
}


def _own(amount: str) -> str:
    return f"if(j IN (2, 6, 8), {amount.format(j='j')}, 0)"


def _with_below(amount: str) -> str:
    sums = {
        place: " + ".join(amount.format(j=f"toUInt64({below})") for below in all_below)
        for place, all_below in _LLM_BELOW.items()
    }
    return _by_place(sums, "0")


@dataclass(frozen=True, slots=True)
class LedgerDay:
    """Which day, and how much of it.

    Attributes:
        begin_ns: Its begin, nanoseconds since 1970.
        traces: How many traces it has, of 25 spans and 9 entries each: 400,000 are 10 M spans.
    """

    begin_ns: int
    traces: int

    @property
    def pace_ns(self) -> int:
        """How long after a trace the next one begins."""
        return DAY_NS // self.traces

    @property
    def end_ns(self) -> int:
        """When every span has begun."""
        return self.begin_ns + DAY_NS + 3 * SECOND_NS


def _rows(places: str, each: int, first: int, traces: int) -> str:
    """Return the SELECT of t and j of some traces."""
    return (
        f"SELECT {first} + intDiv(number, {each}) AS t,"  # noqa: S608 - constants
        f" toUInt64({places}) AS j FROM numbers({traces * each})"
    )


def _filled(sql: str, day: LedgerDay) -> str:
    begin, pace = f"toInt64({day.begin_ns})", f"toInt64({day.pace_ns})"
    return sql.replace("%(begin)s", begin).replace("%(pace)s", pace)


def ledger_insert(day: LedgerDay, first: int, traces: int, seen_until_ms: int) -> str:
    """Return the statement that stores the entries of traces `first`, `first + 1`, …."""
    begin = _COLUMNS["timestamp"]
    columns = {
        "slot": f"toStartOfFiveMinutes({begin})",
        **_COLUMNS,
        "caller_service": _by_place(
            {1: "'gateway'", 4: f"concat('agents-', toString({_hash('t')} % 10))"}, "''"
        ),
        "counted": "j IN (1, 2, 3, 6, 7, 8, 9)",
        "retry": f"j IN (6, 9) AND {_hash('t', 'j', 14)} % 40 = 0",
        **{name: _own(amount) for name, amount in _AMOUNTS.items()},
        **{f"total_{name}": _with_below(amount) for name, amount in _AMOUNTS.items()},
        "rules_version": "1",
        "seen_until": f"fromUnixTimestamp64Milli(toInt64({seen_until_ms}), 'UTC')",
        "is_deleted": "0",
    }
    places = f"{_ENTRIES}[number % {ENTRIES_EACH} + 1]"
    rows = _rows(places, ENTRIES_EACH, first, traces)
    return _filled(
        f"INSERT INTO ledger ({', '.join(columns)}) SELECT "
        + ",\n    ".join(columns.values())
        + f"\nFROM ({rows})",
        day,
    )


def spans_insert(day: LedgerDay, first: int, traces: int) -> str:
    """Return the statement that stores the spans of traces `first`, `first + 1`, …."""
    columns = {
        **_COLUMNS,
        **{
            kind: f"if(j IN (2, 6, 8), {_AMOUNTS[kind].format(j='j')}, 0)"
            for kind in TOKEN_KINDS
            if kind != "unsplit_tokens"
        },
        "llm_response_model": _COLUMNS["llm_request_model"],
        "attributes_string": "map('http.request.method', 'POST', 'deployment',"
        f" concat('d-', toString({_hash('t', 15)} % 100)), 'gen_ai.operation.name', operation)",
        "attributes_int": f"map('http.response.status_code', toInt64(200 + {_hash('t', 'j')} % 3))",
        "attributes_json": "if(j IN (2, 6, 8), map('gen_ai.input.messages', concat("
        """'[{"role":"user","parts":[{"type":"text","content":"', repeat(toString(t), 40),"""
        """ '"}]}]')), map())""",
        "ingested_at": "now64(3)",
    }
    rows = _rows(f"number % {SPANS_EACH}", SPANS_EACH, first, traces)
    selected = ",\n    ".join(f"{text} AS {name}" for name, text in columns.items())
    return _filled(
        f"INSERT INTO spans ({', '.join(columns)}) SELECT {selected}\nFROM ({rows})",
        day,
    )


_TOTALS_INSERT: Final = f"""
INSERT INTO trace_totals (trace_id, session_id, user_id, timestamp, end_timestamp, root_service,
    root_name, spans, errors, services, agents, models, tools, agent_runs, llm_calls, tool_calls,
    {", ".join(_AMOUNTS)}, rules_version, seen_until, is_deleted)
SELECT e.trace_id, e.session_id, e.user_id,
    min(e.timestamp) - toIntervalMillisecond(50),
    fromUnixTimestamp64Nano(
        max(toUnixTimestamp64Nano(e.timestamp) + toInt64(e.duration_ns)), 'UTC'),
    'gateway', 'POST /ask', {SPANS_EACH}, countIf(e.status_code = 'ERROR'),
    arraySort(arrayDistinct(arrayPushBack(groupUniqArray(e.service_name), 'gateway'))),
    arraySort(groupUniqArrayIf(e.agent_name, e.agent_name != '')),
    arraySort(groupUniqArrayIf(e.llm_model, e.llm_model != '')),
    arraySort(groupUniqArrayIf(e.tool_name, e.tool_name != '')),
    countIf(e.operation = 'agent'), countIf(e.operation = 'llm'), countIf(e.operation = 'tool'),
    {", ".join(f"sum(e.{name})" for name in _AMOUNTS)}, 1, max(e.seen_until), 0
FROM ledger AS e FINAL
WHERE slot >= toDateTime(%(since)s - 300, 'UTC') AND slot < toDateTime(%(until)s + 300, 'UTC')
GROUP BY e.trace_id, e.session_id, e.user_id
HAVING min(e.timestamp) >= toDateTime(%(since)s, 'UTC')
    AND min(e.timestamp) < toDateTime(%(until)s, 'UTC')
"""  # noqa: S608 - constants


def summary_inserts(since_s: int, until_s: int) -> list[str]:
    """Return the statements that sum up the entries of a time in whole slots."""
    return [
        f"INSERT INTO {summary.table.name} ({', '.join(summary.table.column_names)})"  # noqa: S608
        f" SELECT e.slot, {', '.join(f'e.{key}' for key in summary.keys)},"
        f" {', '.join(summary.values.values())}, max(e.seen_until)"
        f" FROM ledger AS e FINAL WHERE e.slot >= toDateTime({since_s}, 'UTC')"
        f" AND e.slot < toDateTime({until_s}, 'UTC') AND {summary.entries}"
        f" GROUP BY e.slot, {', '.join(f'e.{key}' for key in summary.keys)}"
        for summary in SUMMARIES
    ]


def fill(client: Client, day: LedgerDay, *, spans: bool, parts: int = 24) -> None:
    """Fill the tables of an empty database.

    A fiftieth of the traces is computed twice, as after late spans: in one INSERT over the whole
    day, after everything else, so that its part lies across all others.

    Args:
        client: A connection to the migrated database.
        day: What to store.
        spans: Whether the raw spans are stored too.
        parts: How many INSERTs each table gets.
    """
    for part in range(parts):
        first = day.traces * part // parts
        traces = day.traces * (part + 1) // parts - first
        client.execute(ledger_insert(day, first, traces, day.begin_ns // 1_000_000))
        if spans:
            client.execute(spans_insert(day, first, traces))
    again = ledger_insert(day, 0, day.traces, day.begin_ns // 1_000_000 + 1)
    client.execute(again + " WHERE t % 50 = 0")
    begin_s, hour_s = day.begin_ns // SECOND_NS, 3_600
    for hour in range(begin_s, day.end_ns // SECOND_NS, hour_s):
        for statement in summary_inserts(hour, hour + hour_s):
            client.execute(statement)
        bounds = {"since": str(hour), "until": str(hour + hour_s)}
        totals = _TOTALS_INSERT
        for name, text in bounds.items():
            totals = totals.replace(f"%({name})s", text)
        client.execute(totals)
