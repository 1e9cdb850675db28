"""Metrics as a fleet of agents' processes exports them, one request a process and cycle."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

POINTS_PER_REQUEST = 50
HISTOGRAMS_PER_REQUEST = 5
_CYCLE_NS = 10 * 10**9
_JITTER_NS = 2 * 10**6
_TOOLS = ["search", "fetch", "execute", "browse", "summarise"]
_MODELS = ["gpt-5-mini", "claude-haiku"]
_BOUNDS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000]

Step = Callable[[random.Random, float], float]
"""From one value of a series to the next."""


def _whole_steps(rng: random.Random, value: float) -> float:
    return value + rng.randrange(20)


def _small_steps(rng: random.Random, value: float) -> float:
    return round(value + rng.random(), 3)


def _walk(rng: random.Random, value: float) -> float:
    return round(abs(value + rng.gauss(0, 1)), 2)


def _rest(_rng: random.Random, value: float) -> float:
    return value


def _anything(rng: random.Random, _value: float) -> float:
    return rng.random()


# Metrics of ten series each: name, unit, whether it is a counter, whether its values are whole.
_METRICS: list[tuple[str, str, bool, bool, Step]] = [
    ("agent.requests", "{request}", True, True, _whole_steps),
    ("gen_ai.client.cost", "USD", True, False, _small_steps),
    ("agent.queue.duration", "s", False, False, _walk),
    ("agent.limit", "{token}", False, True, _rest),
    ("agent.load", "1", False, False, _anything),
]


@dataclass
class AgentProcess:
    """A process that exports 50 series of numbers and 5 histograms every ten seconds.

    Half of all processes read every metric at one moment, as most SDKs do, the others one after
    the other.
    """

    number: int
    start_ns: int

    def requests(self, cycles: int) -> Iterator[ExportMetricsServiceRequest]:
        """Yield what it exports, one request a cycle."""
        rng = random.Random(self.number)
        values = [[float(rng.randrange(100)) for _ in range(10)] for _ in _METRICS]
        counts = [[0] * (len(_BOUNDS) + 1) for _ in range(HISTOGRAMS_PER_REQUEST)]
        begin = self.start_ns + rng.randrange(_CYCLE_NS)
        for cycle in range(cycles):
            now = begin + cycle * _CYCLE_NS + round(rng.gauss(0, _JITTER_NS))
            request = ExportMetricsServiceRequest()
            metrics = self._scope(request).metrics
            for row, (name, unit, is_counter, is_whole, step) in zip(values, _METRICS, strict=True):
                now += rng.randrange(50_000) if self.number % 2 else 0
                metric = metrics.add(name=name, unit=unit)
                data: Any = metric.sum if is_counter else metric.gauge
                if is_counter:
                    data.aggregation_temporality, data.is_monotonic = 2, True
                for place in range(10):
                    row[place] = step(rng, row[place])
                    point = data.data_points.add(
                        start_time_unix_nano=begin if is_counter else 0, time_unix_nano=now
                    )
                    if is_whole:
                        point.as_int = int(row[place])
                    else:
                        point.as_double = row[place]
                    self._label(point, place)
            self._add_histograms(metrics, counts, rng, begin, now)
            yield request

    def _scope(self, request: ExportMetricsServiceRequest) -> Any:
        group = request.resource_metrics.add()
        for key, value in {
            "service.name": f"agents-{self.number % 10}",
            "service.instance.id": f"{self.number:08x}-9dad-11d1-80b4-00c04fd430c8",
            "host.name": f"node-{self.number % 7}",
            "telemetry.sdk.language": "python",
        }.items():
            group.resource.attributes.add(key=key).value.string_value = value
        scope = group.scope_metrics.add()
        scope.scope.name, scope.scope.version = "agents.metrics", "1.4.0"
        return scope

    def _label(self, point: Any, place: int) -> None:
        for key, value in {
            "agent.name": f"planner-{self.number % 5}",
            "gen_ai.request.model": _MODELS[place // 5],
            "tool.name": _TOOLS[place % 5],
        }.items():
            point.attributes.add(key=key).value.string_value = value

    def _add_histograms(
        self, metrics: Any, counts: list[list[int]], rng: random.Random, begin: int, now: int
    ) -> None:
        metric = metrics.add(name="gen_ai.client.operation.duration", unit="ms")
        metric.histogram.aggregation_temporality = 2
        for place, buckets in enumerate(counts):
            for _ in range(rng.randrange(5)):
                buckets[min(int(rng.expovariate(0.3)), len(_BOUNDS))] += 1
            point = metric.histogram.data_points.add(
                start_time_unix_nano=begin,
                time_unix_nano=now,
                count=sum(buckets),
                sum=round(sum(buckets) * 37.5 + rng.random(), 3),
                min=0.5,
                max=900.25,
                explicit_bounds=_BOUNDS,
                bucket_counts=buckets,
            )
            self._label(point, place)
