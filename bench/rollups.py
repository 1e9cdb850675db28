"""What rollups cost: the engine's CPU for a raw point, and bytes for a row."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psutil

import fleet
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.time_window import DAY_NS, HOUR_NS
from rak_libs.runtime.settings import Config
from rak_services.derive.config import derive_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.metrics.computing import Computing
from rak_services.derive.metrics.kinds import KINDS, Kind
from rak_services.derive.times import MINUTE_NS, Slot

Row = tuple[str, str, float, str]

_POINTS_AN_HOUR = 360
_SERIES = {"samples": 10_000, "histograms": 200, "exponential_histograms": 100}
_PROCESSES = 200
_MINUTES_AT_ONCE = (1, 2, 10)
_TYPES = {
    "samples": "if(number % 2, 'GAUGE', 'COUNTER')",
    "histograms": "'HISTOGRAM'",
    "exponential_histograms": "'EXPONENTIAL_HISTOGRAM'",
}

# Two hours of points each ten seconds; a process reads all of its metrics at one moment.
_SERIES_ROWS = """
INSERT INTO metric_series (fingerprint, day, metric_name, metric_type, temporality)
SELECT sipHash64('{kind}', number), toDate({day}), concat('bench.', toString(number % 50)),
    {type} AS metric_type,
    if(metric_type = 'GAUGE', 'UNSPECIFIED', 'CUMULATIVE')
FROM numbers({series})
"""
_POINT_ROWS = """
INSERT INTO {table} (metric_name, fingerprint, timestamp, start_timestamp, {columns})
SELECT concat('bench.', toString(series % 50)), sipHash64('{kind}', series),
    fromUnixTimestamp64Nano(toInt64(
        {begin} + place * 10000000000 + sipHash64(series % {processes}) % 9000000000
        + sipHash64(series % {processes}, place) % 3000000
    ), 'UTC'),
    fromUnixTimestamp64Nano({begin} - 60000000000, 'UTC'), {values}
FROM (
    SELECT number % {series} AS series, intDiv(number, {series}) AS place
    FROM numbers({series} * 720)
)
"""
_COLUMNS = {
    "samples": ("value", "if(series % 2, round(randNormal(100, 10), 2), place * series)"),
    "histograms": (
        "count, sum, explicit_bounds, bucket_counts",
        "place * 160, place * 1.5, range(15), arrayMap(_ -> place * 10, range(16))",
    ),
    "exponential_histograms": (
        "count, sum, scale, positive_offset, positive_counts",
        "place * 80, place * 1.5, 5, -20, arrayMap(_ -> place, range(80))",
    ),
}


def run() -> list[Row]:
    """Fill an engine with two hours of points, and compute the second.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with contextlib.ExitStack() as until_the_end:
        folder = Path(until_the_end.enter_context(tempfile.TemporaryDirectory()))
        ports = fleet.Ports()
        config = fleet.fleet_config(ports, folder)
        _, engine = until_the_end.enter_context(fleet.engine(folder, ports.engine))
        fleet.migrate(config, folder, "--only", "tables")
        inserter = until_the_end.enter_context(contextlib.closing(Inserter(config.clickhouse)))
        begin_ns = time.time_ns() // DAY_NS * DAY_NS - DAY_NS
        rows: list[Row] = []
        for kind in KINDS:
            _fill(inserter, kind, begin_ns)
            rows += _costs(config, inserter, engine.pid, kind, begin_ns + HOUR_NS)
            tables = (kind.points, *kind.rollups.values())
            rows += [_size(inserter, table.name) for table in tables]
        return rows


def _fill(inserter: Inserter, kind: Kind, begin_ns: int) -> None:
    series, (columns, values) = _SERIES[kind.name], _COLUMNS[kind.name]
    facts = {"kind": kind.name, "series": series, "begin": begin_ns, "processes": _PROCESSES}
    day, type_ = begin_ns // DAY_NS, _TYPES[kind.name]
    inserter.execute(_SERIES_ROWS.format(**facts, day=day, type=type_))
    table = kind.points.name
    inserter.execute(_POINT_ROWS.format(**facts, table=table, columns=columns, values=values))


def _costs(config: Config, inserter: Inserter, pid: int, kind: Kind, hour_ns: int) -> list[Row]:
    computing = Computing(inserter, derive_limits(config), lambda: False, CrashPoints())
    ten = [Slot(hour_ns, hour_ns + 10 * MINUTE_NS)]
    steps = [("1m", f"{each} at a time", _divided(ten[0], each)) for each in _MINUTES_AT_ONCE]
    steps += [(step, "an hour", [Slot(hour_ns, hour_ns + HOUR_NS)]) for step in kind.rollups]
    found = []
    for number, (step, setting, slots) in enumerate(steps, start=1):
        before = _cpu_seconds(pid)
        for slot in slots:
            computing.compute(kind, step, slot, number, None)
        spent = _cpu_seconds(pid) - before
        length = slots[-1].end_ns - slots[0].begin_ns
        points = _SERIES[kind.name] * _POINTS_AN_HOUR * length / HOUR_NS
        found.append((f"{kind.name}, {step}, CPU a point", setting, spent / points * 1e6, "us"))
    return found


def _divided(slot: Slot, minutes: int) -> Sequence[Slot]:
    length = minutes * MINUTE_NS
    return [Slot(at, at + length) for at in range(slot.begin_ns, slot.end_ns, length)]


def _size(inserter: Inserter, table: str) -> Row:
    inserter.execute(f"OPTIMIZE TABLE {table} FINAL")
    ((size,),) = inserter.execute(
        "SELECT sum(data_compressed_bytes) / sum(rows) FROM system.parts"  # noqa: S608 - constants
        f" WHERE active AND database = currentDatabase() AND table = '{table}'"
    )
    return f"{table}, a row", "one part", size, "B"


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
