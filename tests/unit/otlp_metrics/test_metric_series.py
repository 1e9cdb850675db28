"""Series: what makes one, and the memo of those that were met before."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from rak_libs.otlp import decode_metrics as decoder
from rak_libs.otlp.metric_series import SeriesMemo
from unit.otlp_metrics.small_requests import (
    attribute,
    counter,
    decoded,
    histogram,
    number,
    request_of,
    sample_of,
    series_of,
)
from value_generation import attribute_lists

FINGERPRINT = 16_768_607_324_917_994_493


@pytest.fixture
def memo(monkeypatch: pytest.MonkeyPatch) -> Iterator[SeriesMemo]:
    """A memo that holds about ten series."""
    small = SeriesMemo(most_bytes=8_000)
    monkeypatch.setattr(decoder, "_memo", small)
    return small


def test_a_fingerprint_stays_what_it_is() -> None:
    """Stored points carry it: a release that makes another one cuts every series in two."""
    value = request_of(
        counter(number(attributes=[attribute("tool", "search"), attribute("n", 1)]), unit="1")
    )
    assert sample_of(value)["fingerprint"] == FINGERPRINT


@settings(max_examples=100)
@given(attribute_lists.flatmap(lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))))
def test_the_order_of_attributes_changes_no_fingerprint(
    lists: tuple[list[KeyValue], list[KeyValue]],
) -> None:
    """As long as every key comes once: of several, the last one counts."""
    keys = [pair.key for pair in lists[0]]
    prints = {
        sample_of(request_of(counter(number(attributes=each))))["fingerprint"] for each in lists
    }
    assert len(prints) == 1 or len(set(keys)) < len(keys)


def series_that_differ() -> list[Metric]:
    """Return metrics of one point, no two of one series."""
    falling = counter(number())
    falling.sum.is_monotonic = False
    delta = counter(number())
    delta.sum.aggregation_temporality = 1  # type: ignore[assignment] # the stubs want the enum
    gauge = Metric(name="requests")
    gauge.gauge.data_points.append(number())
    of_buckets = Metric(name="requests")
    of_buckets.histogram.data_points.append(histogram())
    return [
        counter(number()),
        counter(number(), name="other"),
        counter(number(), unit="1"),
        falling,
        delta,
        gauge,
        of_buckets,
        counter(number(attributes=[attribute("n", 1)])),
        counter(number(attributes=[attribute("n", 1.0)])),
        counter(number(attributes=[attribute("n", "1")])),
        counter(number(attributes=[attribute("n", "")])),
        counter(number(attributes=[attribute("m", 1)])),
    ]


def test_what_describes_a_series_makes_its_fingerprint() -> None:
    """Name, unit, type, temporality, attributes and their types; resource and scope as a whole."""
    values = [request_of(metric) for metric in series_that_differ()]
    values.append(request_of(counter(number()), resource={"service.name": "svc", "host": "h"}))
    for field in ("scope", "schema_url"):
        request = ExportMetricsServiceRequest.FromString(values[0])
        request.resource_metrics[0].scope_metrics[0].ClearField(field)  # type: ignore[arg-type] # a literal
        request.resource_metrics[0].schema_url = field
        values.append(request.SerializeToString())
    assert len({series_of(value)["fingerprint"] for value in values}) == len(values)


def test_what_may_be_reworded_does_not() -> None:
    """Description and metadata are kept, but a new text begins no new series."""
    plain = counter(number())
    worded = counter(number(), description="How many.")
    worded.metadata.append(attribute("prometheus.type", "counter"))
    before, after = series_of(request_of(plain)), series_of(request_of(worded))
    assert before["fingerprint"] == after["fingerprint"]
    assert (after["description"], after["metadata"]) == (
        "How many.",
        '{"prometheus.type":"counter"}',
    )


def test_attributes_are_kept_with_their_types_and_as_labels() -> None:
    pairs = [attribute("tool", "search"), attribute("n", 7), attribute("share", 1.0)]
    pairs.append(KeyValue(key="none"))
    row = series_of(request_of(counter(number(attributes=pairs))))
    assert row["attributes_string"] == {"tool": "search"}
    assert row["attributes_int"] == {"n": 7}
    assert row["attributes_float"] == {"share": 1.0}
    assert row["attributes_json"] == {"none": "null"}
    assert row["labels"] == {"tool": "search", "n": "7", "share": "1.0", "none": ""}


@pytest.mark.parametrize(
    ("of_point", "of_resource", "stored"),
    [
        ({}, {}, ""),
        ({}, {"user.id": "r"}, "r"),
        ({"user.id": "p"}, {"user_id": "r"}, "p"),
        ({"enduser.id": "e", "user.id": "p"}, {}, "p"),
        ({"user_id": "", "enduser.id": "e"}, {"user.id": "r"}, "e"),
        ({"user_id": ""}, {"user.id": "r"}, "r"),
    ],
)
def test_who_it_was_for_is_copied_from_the_point_or_else_from_the_resource(
    of_point: dict[str, str], of_resource: dict[str, str], stored: str
) -> None:
    point = number(attributes=[attribute(key, value) for key, value in of_point.items()])
    resource = {"service.name": "svc", **of_resource}
    row = series_of(request_of(counter(point), resource=resource))
    assert (row["user_id"], row["agent_name"], row["session_id"]) == (stored, "", "")


def test_a_full_memo_forgets_and_nothing_changes(memo: SeriesMemo) -> None:
    """Some 60 series in a memo that holds ten, in one message and over many."""
    points = [number(attributes=[attribute("tool", f"t{index}")]) for index in range(60)]
    at_once = decoded(request_of(counter(*points)))["metric_samples"]
    one_by_one = [sample_of(request_of(counter(point))) for point in points]
    assert one_by_one == at_once
    assert memo._held <= 8_000
    assert len({row["fingerprint"] for row in at_once}) == 60


def test_a_known_series_is_not_read_again(memo: SeriesMemo) -> None:
    """Its bytes are enough; what is too long to keep is read each time."""
    short = counter(number(attributes=[attribute("tool", "search")]))
    long = counter(number(attributes=[attribute("tool", "s" * 3_000)]), name="long")
    value = request_of(short, long)
    first = decoded(value)
    held = memo._held
    assert decoded(value) == first
    assert memo._held == held
    (origin,) = memo._origins.values()
    assert {key[0]: len(metric.known) for key, metric in origin.metrics.items()} == {
        "requests": 1,
        "long": 0,
    }
