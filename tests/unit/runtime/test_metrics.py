"""Every metric stands in one catalogue that says what it means and what to do about it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram, generate_latest

from rak_libs.runtime.metrics import (
    CATALOGUE,
    REGISTRY,
    MetricDefinition,
    counter,
    gauge,
    histogram,
    page,
)

ROOT = Path(__file__).parents[3]
ACCESSORS = {"counter": counter, "gauge": gauge, "histogram": histogram}
CLASSES = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
by_name = pytest.mark.parametrize("definition", CATALOGUE, ids=lambda metric: metric.name)


def test_names_are_unique() -> None:
    names = [definition.name for definition in CATALOGUE]
    assert len(names) == len(set(names))


@by_name
def test_a_definition_says_what_it_means_and_what_to_do(definition: MetricDefinition) -> None:
    for sentence in (definition.meaning, definition.action):
        assert len(sentence) > 20
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "  " not in sentence


@by_name
def test_a_name_follows_prometheus_conventions(definition: MetricDefinition) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", definition.name)
    assert definition.name.endswith("_total") == (definition.kind == "counter")
    assert bool(definition.buckets) == (definition.kind == "histogram")
    assert list(definition.buckets) == sorted(set(definition.buckets))


@by_name
def test_the_accessor_of_its_kind_makes_it_once_with_its_labels(
    definition: MetricDefinition,
) -> None:
    metric = ACCESSORS[definition.kind](definition.name)
    assert isinstance(metric, CLASSES[definition.kind])
    assert metric is ACCESSORS[definition.kind](definition.name)
    assert metric._labelnames == definition.labels
    labels = dict.fromkeys(definition.labels, "x")
    child = metric.labels(**labels) if labels else metric
    child.observe(1) if isinstance(child, Histogram) else child.inc()
    exposed = generate_latest(REGISTRY).decode()
    assert f"# TYPE {definition.name} {definition.kind}\n" in exposed
    assert f"# HELP {definition.name} {definition.meaning}\n" in exposed
    assert f"{definition.name.removesuffix('_total')}_created" not in exposed
    for bound in definition.buckets:
        assert re.search(
            rf'^{definition.name}_bucket{{.*le="{float(bound)}".*}} ', exposed, re.MULTILINE
        )


@by_name
def test_the_accessors_of_other_kinds_do_not_know_it(definition: MetricDefinition) -> None:
    for kind, accessor in ACCESSORS.items():
        if kind != definition.kind:
            with pytest.raises(KeyError, match=f"no {kind} {definition.name}"):
                accessor(definition.name)


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="no counter ingest_nothing_total"):
        counter("ingest_nothing_total")


def test_the_process_itself_is_measured() -> None:
    exposed = generate_latest(REGISTRY).decode()
    for name in re.findall(r"`((?:process|python)_\w+)`", page()):
        assert re.search(rf"^{name}(\{{.*\}})? [0-9.e+]+$", exposed, re.MULTILINE), name


def test_the_page_is_what_the_catalogue_makes() -> None:
    """`python -m rak_libs.runtime.metrics > docs/metrics.md` was run after the last change."""
    made = subprocess.run(
        [sys.executable, "-m", "rak_libs.runtime.metrics"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == made
    for definition in CATALOGUE:
        assert f"## `{definition.name}`\n\n{definition.kind}" in made


def test_every_metric_that_the_source_names_is_in_the_catalogue() -> None:
    kinds = {definition.name: definition.kind for definition in CATALOGUE}
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("services", "libs")
        for path in (ROOT / folder).rglob("*.py")
    )
    named = re.findall(r'\b(counter|gauge|histogram)\(\s*"([^"]+)"', source)
    assert [(kind, name) for kind, name in named if kinds.get(name) != kind] == []
