"""How long questions about agents, models, tools and dependencies take, over a day of 10 M spans.

From summaries and from the ledger (`ledger`: a filter that summaries cannot answer), while a
fiftieth of the ledger's entries waits to be merged with what they replace, and when all of the day
has been merged.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from bench.ledger_rows import DAY_NS, SECOND_NS, LedgerDay, fill
from bench.question_times import Asked, Figure, empty_engine, store_of, times_of
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import ClickHouseSettings, Config

_TRACES = 400_000
_LLAMA = {"model": "meta-llama/Llama-3.1-70B"}

_QUESTIONS: tuple[Asked, ...] = (
    ("/api/v1/agents", {}, ""),
    ("/api/v1/agents", {}, "step=1h"),
    ("/api/v1/agents/{agent:path}", {"agent": "agent-3"}, ""),
    ("/api/v1/llm", {}, ""),
    ("/api/v1/llm/{model:path}", _LLAMA, ""),
    ("/api/v1/tools", {}, ""),
    ("/api/v1/tools/{tool:path}", {"tool": "tool-3"}, ""),
    ("/api/v1/services/dependencies", {}, ""),
    ("/api/v1/agents", {}, "session=session-777"),
    ("/api/v1/llm", {}, "user=user-77"),
    ("/api/v1/agents", {}, "model=o3"),
    ("/api/v1/tools", {}, "status=ERROR"),
    ("/api/v1/llm", {}, "min_duration=1s"),
    ("/api/v1/services/dependencies", {}, "min_duration=100ms"),
    ("/api/v1/agents/{agent:path}", {"agent": "agent-3"}, "min_duration=1s"),
    ("/api/v1/llm/{model:path}", _LLAMA, "min_duration=1s"),
    ("/api/v1/tools/{tool:path}", {"tool": "tool-3"}, "min_duration=10ms"),
)


async def _measure(config: Config, day: LedgerDay, setting: str) -> list[Figure]:
    # Neither end is that of a slot: both edges are read from the ledger.
    period = f"start={day.begin_ns + 7 * SECOND_NS}&end={day.end_ns}"
    figures = []
    async with store_of(config) as store:
        for path, parts, query in _QUESTIONS:
            asked = path, parts, "&".join(filter(None, (period, query)))
            figures += await times_of(store, asked, query, f"{setting}, ")
    return figures


def _merge(settings: ClickHouseSettings) -> None:
    with connect(settings) as client:
        client.execute("OPTIMIZE TABLE ledger FINAL")


def run() -> list[Figure]:
    """Measure on an engine at rest, through the handlers.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with tempfile.TemporaryDirectory() as folder, empty_engine(Path(folder)) as config:
        day = LedgerDay(time.time_ns() // DAY_NS * DAY_NS - 2 * DAY_NS, _TRACES)
        with connect(config.clickhouse) as client:
            fill(client, day, spans=False)
        figures = asyncio.run(_measure(config, day, "unmerged"))
        _merge(config.clickhouse)
        return figures + asyncio.run(_measure(config, day, "merged"))
