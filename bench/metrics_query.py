"""How long a day of one metric takes to be answered: 10 million points in 1,000 series."""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import msgspec

import fleet
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.select import ReadPool
from rak_libs.runtime.settings import Config, DeriveSettings
from rak_services.derive.config import derive_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.metrics.computing import Computing
from rak_services.derive.metrics.rollups import MetricRollups
from rak_services.query.endpoint import Question, Store
from rak_services.query.metrics.aggregations import Aggregation
from rak_services.query.metrics.query import query_metric
from rak_services.query.metrics.requests import QueryMetric
from rak_services.query.parameter_types import Duration, TimePoint

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_SERIES = 1_000
_POINTS_EACH = 10_000
_ROUNDS = 20
_NAME = "bench.requests"

_QUESTIONS = (
    ("avg", 60, ("service_name",)),
    ("rate", 60, ("service_name",)),
    ("rate", 3_600, ()),
    ("max", 3_600, ("service_name",)),
)

_SERIES_ROWS = f"""
INSERT INTO metric_series (fingerprint, day, metric_name, metric_type, temporality, unit,
    service_name, labels, seen_at)
SELECT sipHash64(number), toDate(%(day)s), '{_NAME}', 'COUNTER', 'CUMULATIVE', '1',
    concat('service-', toString(number % 20)), map('instance', toString(number)), now64(3)
FROM numbers({_SERIES})
"""  # noqa: S608 - constants
# Two hours of points an INSERT, as if a writer had been at it all day; counters of several paces.
_POINT_ROWS = f"""
INSERT INTO metric_samples (metric_name, fingerprint, timestamp, start_timestamp, value, value_type,
    ingested_at)
SELECT '{_NAME}', sipHash64(toUInt64(number % {_SERIES})),
    fromUnixTimestamp64Nano(at, 'UTC'), fromUnixTimestamp64Nano(%(begin)s - 86400000000000, 'UTC'),
    intDiv(at - %(begin)s, 1000000000) * (1 + number % 7) + rand() % 5, 'INT',
    fromUnixTimestamp64Milli(intDiv(at, 1000000), 'UTC')
FROM (
    SELECT number,
        (intDiv(number, {_SERIES}) + rand(1) % 1000 / 1000) * {_DAY // _POINTS_EACH} AS offset,
        %(begin)s + toInt64(offset) AS at
    FROM numbers(%(first)s, {_SERIES * _POINTS_EACH // 12})
)
"""  # noqa: S608 - constants


@contextlib.contextmanager
def _engine(folder: Path) -> Iterator[Config]:
    ports = fleet.Ports()
    with fleet.engine(folder, ports.engine):
        config = fleet.fleet_config(ports, folder)
        fleet.migrate(config, folder, "--only", "tables")
        yield config


def _fill(config: Config, begin_ns: int) -> None:
    with connect(config.clickhouse) as client:
        client.execute(_SERIES_ROWS.replace("%(day)s", str(begin_ns // _DAY)))
        for part in range(12):
            first = part * _SERIES * _POINTS_EACH // 12
            sql = _POINT_ROWS.replace("%(begin)s", str(begin_ns))
            client.execute(sql.replace("%(first)s", str(first)))


def _roll_up(config: Config) -> float:
    settled = msgspec.structs.replace(config, derive=DeriveSettings(settle_seconds=0.001))
    with contextlib.closing(Inserter(config.clickhouse)) as inserter:
        began = time.perf_counter()
        limits = derive_limits(settled)
        MetricRollups(Computing(inserter, limits, lambda: False, CrashPoints())).cycle()
        return time.perf_counter() - began


async def _ask(config: Config, begin_ns: int) -> list[tuple[str, str, float, str]]:
    pool = ReadPool(config.clickhouse, config.query)
    store = Store(pool, config.query, time.time_ns, False, config.storage, 10.0)
    rows = []
    for agg, step, by in _QUESTIONS:
        request = QueryMetric(
            name=_NAME,
            agg=Aggregation.parse(agg),
            start=TimePoint.parse(str(begin_ns)),
            end=TimePoint.parse(str(begin_ns + _DAY)),
            step=Duration(step * _SECOND),
            by=by,
        )
        seconds = []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            answer = await query_metric(store, Question("", ""), request)
            seconds.append(time.perf_counter() - began)
        setting = f"{answer.resolution}, step {step} s, {answer.groups} groups"
        median, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
        rows.append((f"one day, {agg}, median", setting, median * 1_000, "ms"))
        rows.append((f"one day, {agg}, p95", setting, p95 * 1_000, "ms"))
    await pool.close()
    return rows


def run() -> list[tuple[str, str, float, str]]:
    """Measure on an engine at rest, through the handler, from points and then from rollups.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with tempfile.TemporaryDirectory() as folder, _engine(Path(folder)) as config:
        begin_ns = time.time_ns() // _DAY * _DAY - 2 * _DAY
        _fill(config, begin_ns)
        rows = asyncio.run(_ask(config, begin_ns))
        rows.append(("rolling up", "10 M points", _roll_up(config), "s"))
        return rows + asyncio.run(_ask(config, begin_ns))
