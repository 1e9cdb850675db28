"""Counters and histograms against a real Prometheus that was fed the same points.

Prometheus extrapolates from the first and last sample in a window to its ends, and its window is
[t - w, t]; ours is [begin, begin + w), and its first point is compared with the one before. Both
say the same when Prometheus is asked at the time of our window's last point: its window then begins
at the point before, and nothing is extrapolated. What differs elsewhere is said in `docs/api.md`.
"""

import asyncio
import contextlib
import itertools
import math
import random
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

import fleet
from integration.metric_queries.known_metrics import DAY, store_series
from integration.metric_queries.metric_questions import Asked, request_of
from metric_oracle import SECOND, Point, Question, Series
from rak_libs.runtime.settings import Config

PACE = 15 * SECOND
WINDOW = 300 * SECOND
BEGIN = time.time_ns() // DAY * DAY - 2 * DAY
END = BEGIN + 3_600 * SECOND
BOUNDS = (0.1, 0.25, 1.0, 2.5, 10.0)
SERIES = 24

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="needs Debian's package prometheus: apt-get install prometheus",
)


def counters() -> list[Series]:
    """Return counters of an uneven pace that fall back to little now and then."""
    return [
        Series(
            fingerprint=5_000 + number,
            metric="prometheus.requests",
            kind="COUNTER",
            temporality="CUMULATIVE",
            labels={"series": str(number)},
            rows=tuple(_counter(random.Random(number))),
        )
        for number in range(SERIES)
    ]


def _counter(choose: random.Random) -> Iterator[Point]:
    value = choose.uniform(0, 1e6)
    for at in range(BEGIN - PACE, END, PACE):
        reset = choose.random() < 0.03
        value = (0 if reset else value) + choose.choice([0, 1, choose.uniform(0, 1e3)])
        yield Point(at=at, start=BEGIN - DAY, value=value)


def histograms() -> list[Series]:
    """Return histograms that are reset when no bucket can hide it by having grown past its past.

    To Prometheus each bucket is a counter of its own; we see a reset of a histogram as a whole.
    """
    return [
        Series(
            fingerprint=6_000 + number,
            metric="prometheus.seconds",
            kind="HISTOGRAM",
            temporality="CUMULATIVE",
            labels={"series": str(number)},
            rows=tuple(_histogram(random.Random(number))),
        )
        for number in range(SERIES)
    ]


def _histogram(choose: random.Random) -> Iterator[Point]:
    buckets = [0] * (len(BOUNDS) + 1)
    for at in range(BEGIN - PACE, END, PACE):
        if choose.random() < 0.05 and all(count > 20 or not count for count in buckets):
            buckets = [0] * len(buckets)
        for _ in range(choose.randrange(20)):
            buckets[min(int(choose.expovariate(0.6)), len(BOUNDS))] += 1
        count = sum(buckets)
        yield Point(
            at=at,
            start=BEGIN - DAY,
            count=count,
            sum=count * 0.5,
            bounds=BOUNDS,
            buckets=tuple(buckets),
        )


def open_metrics() -> Iterator[str]:
    """Yield the same points as lines of OpenMetrics."""
    yield "# TYPE requests counter"
    for series in counters():
        for point in series.rows:
            label = series.labels["series"]
            yield f'requests_total{{series="{label}"}} {point.value!r} {point.at // SECOND}'
    yield "# TYPE seconds histogram"
    bounds = [*map(repr, BOUNDS), "+Inf"]
    for series in histograms():
        for point in series.rows:
            label, at = series.labels["series"], point.at // SECOND
            for bound, count in zip(bounds, itertools.accumulate(point.buckets), strict=True):
                yield f'seconds_bucket{{series="{label}",le="{bound}"}} {count} {at}'
            yield f'seconds_count{{series="{label}"}} {point.count} {at}'
            yield f'seconds_sum{{series="{label}"}} {point.sum!r} {at}'
    yield "# EOF\n"


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    def values(self, expression: str) -> dict[str, dict[int, float]]:
        """Return values by the label `series` and by the begin of our windows."""
        asked = {
            "query": expression,
            "start": (BEGIN + WINDOW - PACE) // SECOND,
            "end": (END - PACE) // SECOND,
            "step": WINDOW // SECOND,
        }
        url = f"{self.base}/api/v1/query_range?{urllib.parse.urlencode(asked)}"
        return {
            each["metric"].get("series", ""): {
                int(at) * SECOND - WINDOW + PACE: float(value) for at, value in each["values"]
            }
            for each in fleet.get_json(url)["data"]["result"]
        }


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus 2 with the points as blocks of its own."""
    folder = tmp_path_factory.mktemp("prometheus")
    said = subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=True)
    if "version 2." not in said.stdout + said.stderr:
        pytest.skip("windows of Prometheus 3 leave out the sample at their begin")
    (folder / "points.txt").write_text("\n".join(open_metrics()))
    (folder / "prometheus.yml").write_text("global: {}\n")
    create = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "points.txt", "data"]
    subprocess.run(create, cwd=folder, check=True, capture_output=True)
    port = fleet.free_port()
    with _running(folder, port):
        fleet.wait_until(
            lambda: fleet.http_status(f"http://127.0.0.1:{port}/-/ready") == 200,
            "Prometheus is ready",
        )
        yield Prometheus(port)


@contextlib.contextmanager
def _running(folder: Path, port: int) -> Iterator[None]:
    command = [
        "prometheus",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def asked(config: Config) -> Iterator[Asked]:
    store_series(config.clickhouse, [*counters(), *histograms()])
    with asyncio.Runner() as runner, contextlib.closing(Asked(runner, config)) as asked:
        yield asked


def ours(asked: Asked, name: str, agg: str, by: tuple[str, ...]) -> dict[str, dict[int, float]]:
    """Return our values in the same form."""
    question = Question(agg, BEGIN, END, WINDOW, WINDOW, by)
    items = asked.answer(request_of(name, question)).items
    begins = range(BEGIN, END, WINDOW)
    return {
        item.labels.get("series", ""): {
            begin: float(value)
            for begin, value in zip(begins, item.values, strict=True)
            if value is not None
        }
        for item in items
    }


def assert_same(
    found: dict[str, dict[int, float]], expected: dict[str, dict[int, float]], series: int
) -> None:
    assert found.keys() == expected.keys()
    assert len(found) == series
    for name, values in expected.items():
        assert found[name].keys() == values.keys()
        assert len(values) == 12
        for begin, value in values.items():
            got = found[name][begin]
            assert math.isclose(got, value, rel_tol=1e-9, abs_tol=1e-9), (name, begin, got, value)


@pytest.mark.parametrize("function", ["rate", "increase"])
def test_what_counters_gain_is_the_same(
    asked: Asked, prometheus: Prometheus, function: str
) -> None:
    expected = prometheus.values(f"{function}(requests_total[5m])")
    assert_same(ours(asked, "prometheus.requests", function, ("series",)), expected, SERIES)
    total = prometheus.values(f"sum({function}(requests_total[5m]))")
    assert_same(ours(asked, "prometheus.requests", function, ()), total, 1)


def test_observations_of_histograms_are_the_same(asked: Asked, prometheus: Prometheus) -> None:
    expected = prometheus.values("rate(seconds_count[5m])")
    assert_same(ours(asked, "prometheus.seconds", "rate", ("series",)), expected, SERIES)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_of_histograms_are_the_same(
    asked: Asked, prometheus: Prometheus, quantile: float
) -> None:
    agg = f"p{quantile * 100:g}"
    each = f"histogram_quantile({quantile}, rate(seconds_bucket[5m]))"
    found = ours(asked, "prometheus.seconds", agg, ("series",))
    assert_same(found, prometheus.values(each), SERIES)
    together = f"histogram_quantile({quantile}, sum by (le) (rate(seconds_bucket[5m])))"
    assert_same(ours(asked, "prometheus.seconds", agg, ()), prometheus.values(together), 1)


def test_uneven_ends_are_where_they_differ(asked: Asked, prometheus: Prometheus) -> None:
    """Asked a third of the pace later, Prometheus extrapolates."""
    at = BEGIN + WINDOW - PACE + PACE // 3
    url = f"{prometheus.base}/api/v1/query?" + urllib.parse.urlencode(
        {"query": "increase(requests_total[5m])", "time": at // SECOND}
    )
    shifted = {
        each["metric"]["series"]: float(each["value"][1])
        for each in fleet.get_json(url)["data"]["result"]
    }
    exact = ours(asked, "prometheus.requests", "increase", ("series",))
    differing = [name for name in exact if not math.isclose(exact[name][BEGIN], shifted[name])]
    assert len(differing) > SERIES // 2
