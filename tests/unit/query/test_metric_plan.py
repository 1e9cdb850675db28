"""From a request to a plan: matchers, aggregations, windows, and what cannot be planned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_services.query.metrics.aggregations import Aggregation
from rak_services.query.metrics.matchers import Matcher
from rak_services.query.metrics.plan import MAX_WINDOWS, plan_of
from rak_services.query.metrics.requests import QueryMetric
from rak_services.query.parameter_types import Duration, TimePoint
from rak_services.query.parsing import parse_request
from rak_services.query.problems import InvalidParameters

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND + 123


def request(**changes: object) -> QueryMetric:
    return QueryMetric(**{"name": "m", "agg": Aggregation.parse("avg"), **changes})  # type: ignore[arg-type] # as tests give them


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("code=200", ("code", "=", "200")),
        ("code!=200", ("code", "!=", "200")),
        ("http.route=~/api/.*", ("http.route", "=~", "/api/.*")),
        ("a!~b=c", ("a", "!~", "b=c")),
        ("a=", ("a", "=", "")),
        ('a="b\\nc"', ("a", "=", "b\nc")),
        ('"a=b"!="c"', ("a=b", "!=", "c")),
        ("a=b\nc", ("a", "=", "b\nc")),
        ("a==b", ("a", "=", "=b")),
    ],
)
def test_a_matcher_is_a_label_an_operator_and_a_text(
    text: str, expected: tuple[str, str, str]
) -> None:
    matcher = Matcher.parse(text)
    assert (matcher.label, matcher.operator, matcher.text) == expected


@pytest.mark.parametrize("text", ["", "code", "=200", "code<2", 'a="b', '"a=b', "~b"])
def test_other_texts_are_no_matchers(text: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|quotes"):
        Matcher.parse(text)


def test_matchers_and_labels_may_be_repeated() -> None:
    pairs = [("name", "m"), ("agg", "P95"), ("match", "a=1"), ("match", "b=2"), ("by", "x")]
    parsed = parse_request(QueryMetric, [*pairs, ("by", "y")], {})
    assert [each.label for each in parsed.match] == ["a", "b"]
    assert parsed.by == ("x", "y")
    with pytest.raises(InvalidParameters, match=r"match: expected a label.*100 times at most"):
        parse_request(QueryMetric, [*pairs, ("match", "c")], {})
    with pytest.raises(InvalidParameters, match="by: expected a text that is not empty"):
        parse_request(QueryMetric, [*pairs, ("by", "")], {})


@pytest.mark.parametrize(
    ("text", "quantile"), [("p50", 0.5), ("P99.9", 0.999), ("p0", 0.0), ("p100", 1.0)]
)
def test_a_percentile_is_a_quantile(text: str, quantile: float) -> None:
    aggregation = Aggregation.parse(text)
    assert (aggregation.function, aggregation.quantile) == ("quantile", quantile)
    assert aggregation.text == text.lower()


@pytest.mark.parametrize("text", ["", "median", "p", "p101", "p100.1", "p-1", "p1e1", "AVG "])
def test_other_texts_are_no_aggregations(text: str) -> None:
    with pytest.raises(ValueError, match="aggregation"):
        Aggregation.parse(text)


@given(
    st.integers(0, 10**18),
    st.integers(1, 10**13),
    st.sampled_from([SECOND // 1000, SECOND, 7 * SECOND, 60 * SECOND, 86_400 * SECOND]),
)
def test_windows_are_whole_steps_that_hold_the_range(start: int, length: int, step: int) -> None:
    step = max(step, length // 10_000 - length // 10_000 % SECOND + SECOND)
    plan = plan_of(
        request(
            start=TimePoint.parse(str(start)),
            end=TimePoint.parse(str(start + length)),
            step=Duration(step),
        ),
        NOW,
    )
    assert plan.begin_ns <= start < plan.begin_ns + step
    assert plan.end_ns - step < start + length <= plan.end_ns
    assert plan.begin_ns % step == plan.end_ns % step == 0
    assert plan.begins_ns() == [plan.begin_ns + step * n for n in range(plan.windows)]


def test_by_default_the_last_hour_in_steps_of_a_minute() -> None:
    plan = plan_of(request(), NOW)
    assert (plan.step_ns, plan.window_ns, plan.windows) == (60 * SECOND, 60 * SECOND, 61)
    assert plan.end_ns - 60 * SECOND < NOW <= plan.end_ns
    assert (plan.across, plan.by, plan.is_pooled) == ("points", (), True)


def test_a_window_looks_back_from_the_end_of_its_step() -> None:
    asked = request(
        start=TimePoint.parse(str(600 * SECOND)),
        end=TimePoint.parse(str(1_200 * SECOND)),
        step=Duration(60 * SECOND),
        window=Duration(300 * SECOND),
    )
    plan = plan_of(asked, NOW)
    assert (plan.since_ns, plan.steps_in_window) == ((600 + 60 - 300) * SECOND, 5)


@pytest.mark.parametrize(
    ("agg", "across", "pooled"),
    [
        ("avg", None, True),
        ("avg", "avg", False),
        ("sum", None, True),
        ("sum", "max", False),
        ("rate", "sum", True),
        ("last", None, False),
        ("min", None, True),
        ("min", "sum", False),
        ("p50", None, True),
    ],
)
def test_series_are_told_apart_only_where_it_matters(
    agg: str, across: str | None, pooled: bool
) -> None:
    assert plan_of(request(agg=Aggregation.parse(agg), across=across), NOW).is_pooled == pooled


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"start": TimePoint.parse("now")}, "start"),
        ({"step": Duration(SECOND // 10), "start": TimePoint.parse("now-1d")}, "step"),
        ({"step": Duration(1)}, "step"),
        ({"step": Duration(0)}, "step"),
        ({"step": Duration(60 * SECOND), "window": Duration(SECOND)}, "window"),
        ({"step": Duration(60 * SECOND), "window": Duration(100 * SECOND)}, "window"),
        ({"step": Duration(SECOND), "window": Duration(1_001 * SECOND)}, "window"),
        ({"agg": Aggregation.parse("p50"), "across": "sum"}, "across"),
        ({"by": ("*", "code")}, "by"),
        ({"end": TimePoint.parse(str(2**63 - 1)), "step": Duration(3_600 * SECOND)}, "end"),
    ],
)
def test_what_cannot_be_planned_is_named(changes: dict[str, object], parameter: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        plan_of(request(**changes), NOW)
    assert caught.value.problems[0].parameter == parameter


def test_the_most_windows_may_be_asked_for() -> None:
    start = TimePoint.parse(str(0))
    most = request(
        start=start, end=TimePoint.parse(str(MAX_WINDOWS * SECOND)), step=Duration(SECOND)
    )
    assert plan_of(most, NOW).windows == MAX_WINDOWS
