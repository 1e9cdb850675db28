"""What a profile of about 50 KB, gzipped, costs, and how long questions about profiles take."""

import asyncio
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psutil

import fleet
from bench.profile_payloads import SECONDS, Program, traced_spans
from bench.receiver import Setting, measured, over_http, separate
from bench.writer import Load, process
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.select import ReadPool
from rak_libs.kafka.admin import ensure_topics
from rak_libs.model.message import Message
from rak_libs.model.time_window import time_window
from rak_libs.pprof.context import ProfileContext
from rak_libs.runtime.settings import Config
from rak_services.query.endpoint import Question, Store
from rak_services.query.parameter_types import ProfileId, TraceId
from rak_services.query.profiles.flamegraph import get_flamegraph, get_trace_profile
from rak_services.query.profiles.one_profile import get_profile, get_raw_profile
from rak_services.query.profiles.requests import GetFlameGraph, GetProfile, GetTraceProfile
from rak_services.writer.signals import SIGNALS

Row = tuple[str, str, float, str]
Ask = Callable[[], Awaitable[Any]]

_SERVICE = "rak-agents"
_PROFILES_PER_ROUND = 400
_DRAINED = 400
_WRITTEN = 100
_COPIES = 10
_ROUNDS = 20
_TOOLS = 7

# Each profile ten times, under other ids and at other times, and its stacks are the same.
_MORE_PROFILES = f"""
INSERT INTO cpu_profiles
SELECT * REPLACE (
    lower(hex(sipHash128(profile_id, copy))) AS profile_id,
    timestamp + toIntervalSecond(copy) AS timestamp)
FROM cpu_profiles
ARRAY JOIN range(1, {_COPIES}) AS copy
"""  # noqa: S608 - constants
# The spans that samples carry, as calls of a few tools, alone in their traces.
_SPANS = f"""
INSERT INTO spans (trace_id, span_id, timestamp, duration_ns, service_name, span_name, tool_name)
SELECT DISTINCT ids.1, ids.2, timestamp, 1000000000, service_name, 'execute_tool',
    concat('tool-', toString(cityHash64(ids.1) % {_TOOLS}))
FROM cpu_profiles
ARRAY JOIN arrayZip(`samples.trace_id`, `samples.span_id`) AS ids
WHERE ids.1 != ''
LIMIT 1 BY ids
"""  # noqa: S608 - constants


def run() -> list[Row]:
    """Measure a receiver, a writer, and questions about a thousand profiles.

    Returns:
        Rows of (what, setting, value, unit).
    """
    return [*_sizes(), *_receiver(), *_writer(), *_questions()]


def _profiles(count: int) -> list[bytes]:
    """Return profiles of one program, one after the other, the last just over."""
    program = Program()
    start_ns = time.time_ns() - count * SECONDS * 10**9
    return [
        program.profile(
            seed, start_ns + seed * SECONDS * 10**9, traced_spans(seed)
        ).SerializeToString()
        for seed in range(count)
    ]


def _sizes() -> list[Row]:
    (content,) = _profiles(1)
    profile = Program().profile(0, 0, traced_spans(0))
    depths = [len(sample.location_id) for sample in profile.sample]
    setting = f"{len(depths)} samples, {statistics.mean(depths):.0f} frames deep"
    return [
        ("a profile, gzipped", setting, len(gzip.compress(content)) / 1000, "KB"),
        ("a profile, raw", setting, len(content) / 1000, "KB"),
    ]


def _receiver() -> list[Row]:
    """As `bench.receiver`: the receiver has core 0 for itself."""
    (content,) = _profiles(1)
    with tempfile.TemporaryDirectory() as name:
        folder, ports = Path(name), fleet.Ports()
        config = fleet.fleet_config(ports, folder)
        with fleet.broker(folder, ports.broker) as (settings, broker):
            asyncio.run(ensure_topics(settings))
            with fleet.service("rak-pprof-receiver", config, folder) as receiver:
                receiver.wait_ready(ports.pprof_admin)
                subject = psutil.Process(receiver.pid)
                separate(subject, psutil.Process(broker.pid))
                path = f"/pprof/profile?service_name={_SERVICE}"
                agent = over_http(ports.pprof, gzip.compress(content), {}, path)
                return measured(
                    Setting("HTTP, gzip", 1, agent, _PROFILES_PER_ROUND, "profile"), subject
                )


def _writer() -> list[Row]:
    return process(Load("profiles", "profile", lambda: _profiles(_DRAINED), 1))


def _questions() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder, ports = Path(name), fleet.Ports()
        with fleet.engine(folder, ports.engine):
            config = fleet.fleet_config(ports, folder)
            fleet.migrate(config, folder, "--only", "tables")
            _store(config, _profiles(_WRITTEN))
            with connect(config.clickhouse) as client:
                client.execute(_MORE_PROFILES)
                client.execute(_SPANS)
                ((profile_id, trace_id),) = client.execute(
                    "SELECT profile_id, arrayFirst(id -> id != '', samples.trace_id)"
                    " FROM cpu_profiles LIMIT 1"
                )
            return asyncio.run(_ask(config, ProfileId(profile_id), TraceId(trace_id)))


def _store(config: Config, contents: Sequence[bytes]) -> None:
    """Store profiles as the writer does."""
    signal, now_ns = SIGNALS["profiles"], time.time_ns()
    rows, window = signal.new_rows(), time_window(7, now_ns)
    headers = ProfileContext(service_name=_SERVICE).to_headers()
    for content in contents:
        rejected = signal.decode(Message(content, now_ns // 1_000_000, headers), window, rows)
        if rejected:
            raise RuntimeError(f"a profile was rejected: {rejected}")
    with closing(Inserter(config.clickhouse)) as inserter:
        for each in signal.tables:
            inserter.insert(each.table, rows.tables[each.table.name], {})


async def _ask(config: Config, profile_id: ProfileId, trace_id: TraceId) -> list[Row]:
    pool = ReadPool(config.clickhouse, config.query)
    store = Store(pool, config.query, time.time_ns, False, config.storage, 10.0)
    question = Question("", "")
    everything = GetFlameGraph(service=_SERVICE)
    in_a_tool = GetFlameGraph(service=_SERVICE, tool="tool-1")
    stored = f"of {_WRITTEN * _COPIES} stored"
    asked: dict[str, tuple[str, Ask]] = {
        "one profile by its id": (
            stored,
            lambda: get_profile(store, question, GetProfile(profile_id=profile_id)),
        ),
        "one profile as it was sent": (
            stored,
            lambda: get_raw_profile(store, question, GetProfile(profile_id=profile_id)),
        ),
        "flame graph of all": (
            f"{_WRITTEN * _COPIES} merged",
            lambda: get_flamegraph(store, question, everything),
        ),
        "flame graph of a tool": (
            f"in {_WRITTEN * _COPIES}",
            lambda: get_flamegraph(store, question, in_a_tool),
        ),
        "flame graph of a trace": (
            stored,
            lambda: get_trace_profile(store, question, GetTraceProfile(trace_id=trace_id)),
        ),
    }
    rows = []
    for what, (setting, ask) in asked.items():
        times = [await _milliseconds(ask) for _ in range(_ROUNDS)]
        rows.append((f"{what}, median", setting, statistics.median(times), "ms"))
        rows.append((f"{what}, p95", setting, statistics.quantiles(times, n=20)[-1], "ms"))
    await pool.close()
    return rows


async def _milliseconds(ask: Ask) -> float:
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1_000
