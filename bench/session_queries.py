"""How long questions about sessions, users, traces and invocations take, over a day of 10 M spans.

Ten sessions of fifty traces each are conversations: three calls of a model a trace, which all
repeat what was said before, so that the last tell a hundred messages.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from clickhouse_driver import Client

from bench.ledger_rows import DAY_NS, LedgerDay, fill
from bench.question_times import Asked, Figure, empty_engine, store_of, times_of
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import Config

_TRACES = 400_000
_CHATS = 10
_TURNS = 50
_APART = _TRACES // _TURNS
_ONE_TRACE = "lower(hex(sipHash128(toUInt64(4321))))"

_CHAT_TRACES = (
    f"SELECT lower(hex(sipHash128(toUInt64(number * {_APART} + %(chat)s)))) AS trace_id,"  # noqa: S608
    f" number AS turn FROM numbers({_TURNS})"
)
_SAID = (
    "concat('{\"role\":\"', if(i % 2 = 0, 'user', 'assistant'),"
    ' \'","parts":[{"type":"text","content":"\', toString(i), repeat(\' some words\', 40),'
    " '\"}]}')"
)
_CONTENT = f"""
INSERT INTO spans
SELECT s.* REPLACE(
    lower(hex(sipHash64(s.span_id))) AS span_id,
    'chat-%(chat)s' AS session_id,
    map(
        'gen_ai.input.messages',
        concat('[', arrayStringConcat(arrayMap(i -> {_SAID}, range(2 * turn + 1)), ','), ']'),
        'gen_ai.output.messages',
        concat('[', arrayMap(i -> {_SAID}, [2 * turn + 1])[1], ']')
    ) AS attributes_string,
    CAST(map(), 'Map(LowCardinality(String), String)') AS attributes_json
)
FROM spans AS s
INNER JOIN ({_CHAT_TRACES}) AS chats ON s.trace_id = chats.trace_id
WHERE s.operation = 'llm'
"""  # noqa: S608 - constants
_TOTALS = f"""
INSERT INTO trace_totals
SELECT t.* REPLACE('chat-%(chat)s' AS session_id)
FROM trace_totals AS t FINAL
WHERE t.trace_id IN (SELECT trace_id FROM ({_CHAT_TRACES}))
"""  # noqa: S608 - constants

_SESSION = "/api/v1/sessions/{session_id:path}"
_INVOCATION = "/api/v1/invocations/{invocation_id:path}"
_QUESTIONS: tuple[Asked, ...] = (
    ("/api/v1/sessions", {}, "PERIOD"),
    ("/api/v1/sessions", {}, "PERIOD&order=-cost"),
    ("/api/v1/sessions", {}, "PERIOD&step=1h"),
    ("/api/v1/sessions", {}, "PERIOD&user=user-77"),
    ("/api/v1/sessions", {}, "PERIOD&model=meta-llama/Llama-3.1-70B"),
    ("/api/v1/sessions", {}, "PERIOD&model=o3&status=ERROR"),
    ("/api/v1/sessions", {}, "HOUR&model=o3&status=ERROR"),
    ("/api/v1/users", {}, "PERIOD"),
    ("/api/v1/users", {}, "PERIOD&order=-cost"),
    ("/api/v1/users", {}, "PERIOD&agent=agent-3&tool=tool-3"),
    (_SESSION, {"session_id": "session-777"}, ""),
    (_SESSION, {"session_id": "chat-3"}, ""),
    (_SESSION, {"session_id": "chat-4"}, "limit=1000&max_content=200"),
    ("/api/v1/traces", {}, "HOUR"),
    ("/api/v1/traces", {}, "HOUR&order=-duration&model=o3"),
    ("/api/v1/traces/{trace_id}/ledger", {"trace_id": "ONE"}, ""),
    (_INVOCATION, {"invocation_id": "INVOCATION"}, ""),
)


def converse(client: Client) -> None:
    """Store what was said in the sessions `chat-0` and so on."""
    for chat in range(_CHATS):
        for sql in (_CONTENT, _TOTALS):
            client.execute(sql.replace("%(chat)s", str(chat)))


def names_of(client: Client) -> dict[str, str]:
    """Return the trace and the invocation that questions are about."""
    ((trace_id, invocation_id),) = client.execute(
        f"SELECT {_ONE_TRACE}, any(invocation_id) FROM ledger WHERE trace_id = {_ONE_TRACE}"  # noqa: S608
    )
    return {"ONE": trace_id, "INVOCATION": invocation_id}


async def measure(config: Config, day: LedgerDay, names: dict[str, str]) -> list[Figure]:
    """Return the median and the 95th percentile of every question, through its handler."""
    hour_ns = DAY_NS // 24
    noon_ns = day.begin_ns + DAY_NS // 2
    periods = {
        "PERIOD": f"start={day.begin_ns}&end={day.end_ns}",
        "HOUR": f"start={noon_ns}&end={noon_ns + hour_ns}",
    }
    figures: list[Figure] = []
    async with store_of(config) as store:
        for path, parts, query in _QUESTIONS:
            asked = query
            for name, text in periods.items():
                asked = asked.replace(name, text)
            given = {key: names.get(text, text) for key, text in parts.items()}
            what = " ".join([*parts.values(), query])
            figures += await times_of(store, (path, given, asked), what, "")
    return figures


def run() -> list[Figure]:
    """Measure on an engine at rest, through the handlers.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with tempfile.TemporaryDirectory() as folder, empty_engine(Path(folder)) as config:
        day = LedgerDay(time.time_ns() // DAY_NS * DAY_NS - 2 * DAY_NS, _TRACES)
        with connect(config.clickhouse) as client:
            fill(client, day, spans=True)
            converse(client)
            names = names_of(client)
        return asyncio.run(measure(config, day, names))
