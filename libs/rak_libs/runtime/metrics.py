"""The process's metrics, made on first use from the catalogue.

`python -m rak_libs.runtime.metrics` prints the page `docs/metrics.md`.
"""

from functools import cache
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from rak_libs.runtime.metric_catalogue import CATALOGUE, MetricDefinition

__all__ = ["CATALOGUE", "REGISTRY", "MetricDefinition", "counter", "gauge", "histogram", "page"]

# A `_created` series beside each counter doubles what is scraped and says nothing that a
# process's start time does not.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_DEFINITIONS = {definition.name: definition for definition in CATALOGUE}


@cache
def counter(name: str) -> Counter:
    """The counter of that name; KeyError when the catalogue has no such counter."""
    definition = _definition(name, "counter")
    return Counter(name, definition.meaning, definition.labels, registry=REGISTRY)


@cache
def gauge(name: str) -> Gauge:
    """The gauge of that name; KeyError when the catalogue has no such gauge."""
    definition = _definition(name, "gauge")
    return Gauge(name, definition.meaning, definition.labels, registry=REGISTRY)


@cache
def histogram(name: str) -> Histogram:
    """The histogram of that name; KeyError when the catalogue has no such histogram."""
    definition = _definition(name, "histogram")
    options: dict[str, Any] = {"buckets": definition.buckets, "registry": REGISTRY}
    return Histogram(name, definition.meaning, definition.labels, **options)


def page() -> str:
    """The catalogue as Markdown."""
    return "\n".join([_HEAD, *(_entry(definition) for definition in CATALOGUE), _PROCESS])


def _definition(name: str, kind: str) -> MetricDefinition:
    definition = _DEFINITIONS.get(name)
    if definition is None or definition.kind != kind:
        raise KeyError(f"the catalogue has no {kind} {name}")
    return definition


_HEAD = """# Metrics

Every service serves these at `/metrics` on its admin port (the query service on its own port), in
the Prometheus text format. A metric appears in a service once that service uses it.
This page is made from the catalogue: `python -m rak_libs.runtime.metrics > docs/metrics.md`.
"""

_PROCESS = """## The process itself

On Linux every service also exposes `process_resident_memory_bytes`,
`process_virtual_memory_bytes`, `process_cpu_seconds_total`, `process_open_fds`,
`process_max_fds` and `process_start_time_seconds`; everywhere `python_info` and the garbage
collector's `python_gc_collections_total`, `python_gc_objects_collected_total` and
`python_gc_objects_uncollectable_total`."""


def _entry(definition: MetricDefinition) -> str:
    facts: list[str] = [definition.kind]
    if definition.labels:
        facts.append("labels " + ", ".join(f"`{label}`" for label in definition.labels))
    if definition.buckets:
        facts.append("buckets " + ", ".join(f"{bound:g}" for bound in definition.buckets))
    return (
        f"## `{definition.name}`\n\n{'; '.join(facts)}\n\n"
        f"{definition.meaning}\n\n*What to do:* {definition.action}\n"
    )


if __name__ == "__main__":
    print(page())
