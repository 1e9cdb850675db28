"""Which spans the samples of some profiles carry, and the condition that a sample is of a span."""

from collections.abc import Sequence
from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_services.query.profiles.selection import SampleCondition
from rak_services.query.profiles.span_sets import MOST_CARRIED, SpanSet, among, id_list
from rak_services.query.span_conditions import Conditions

_TRACE: Final = "if({trace} != '', {trace}, toString(trace_id))"
_SPAN: Final = "if({span} != '' OR {trace} != '', {span}, toString(span_id))"


def _of(text: str, trace: str, span: str) -> str:
    return text.replace("{trace}", trace).replace("{span}", span)


SAMPLE_TRACE: Final = _of(_TRACE, "sample_trace_id", "sample_span_id")
"""The trace of a sample: its own or else its profile's; '' for none."""

SAMPLE_SPAN: Final = _of(_SPAN, "sample_trace_id", "sample_span_id")
"""The span of a sample, likewise; '' for a sample with a trace of its own that says no span."""


_HAS_SAMPLE: Final = (
    "arrayExists((sample_trace_id, sample_span_id) -> {condition},"
    " `samples.trace_id`, `samples.span_id`)"
)


def carried_sql(profiles: Conditions, *, alone: bool = False) -> tuple[str, Parameters]:
    """Return the statement for the spans that the samples of some profiles carry.

    One row of one array, of the fields of a `CarriedSpan` each; one more than `MOST_CARRIED` at
    most.

    Args:
        profiles: What the profiles meet.
        alone: Only of spans whose id is carried without that of their trace.
    """
    own = "arrayZip(`samples.trace_id`, `samples.span_id`)"
    conditions = Conditions([*profiles.texts], {**profiles.parameters})
    if alone:
        own = f"arrayFilter(ids -> ids.1 = '', {own})"
        conditions.add("trace_id = ''")
    sql = f"""\
SELECT groupUniqArray({MOST_CARRIED + 1})(
    (toString(trace), toString(span), cityHash64(trace, span)))
FROM (
    SELECT DISTINCT
        {_of(_TRACE, "own.1", "own.2")} AS trace,
        {_of(_SPAN, "own.1", "own.2")} AS span
    FROM cpu_profiles
    ARRAY JOIN arrayDistinct({own}) AS own
    WHERE {conditions.where("    ")}
)
WHERE span != ''
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def sample_condition(
    spans: SpanSet,
    whole_profiles: Sequence[str] = (),
    trace_id: str | None = None,
    *,
    exact: bool = False,
) -> SampleCondition:
    """Return the condition that a sample counts.

    Args:
        spans: Samples of these count.
        whole_profiles: Every sample of these profiles counts.
        trace_id: Every sample of this trace counts.
        exact: Whether the condition on profiles is that they have such a sample; to look for that
            costs as much as to read the samples. Else it lets others through as well.
    """
    samples, profiles = Conditions(), Conditions()
    if spans.keys:
        samples.add(
            f"cityHash64({SAMPLE_TRACE}, {SAMPLE_SPAN}) IN %(span_keys)s", span_keys=spans.keys
        )
    if spans.span_ids:
        samples.add(
            f"({SAMPLE_TRACE} = '' AND {among(SAMPLE_SPAN, 'lone_spans')})",
            lone_spans=id_list(spans.span_ids),
        )
    for text in samples.texts:
        profiles.add(_HAS_SAMPLE.replace("{condition}", text) if exact else "true")
    if trace_id is not None:
        samples.add(f"{SAMPLE_TRACE} = %(whole_trace)s", whole_trace=trace_id)
        profiles.add("trace_id = %(whole_trace)s")
        profiles.add("has(`samples.trace_id`, %(whole_trace)s)")
    if whole_profiles:
        samples.add(among("profile_id", "whole_profiles"), whole_profiles=id_list(whole_profiles))
        profiles.add(samples.texts[-1])
    return SampleCondition(_any(samples), _any(profiles), samples.parameters)


def _any(conditions: Conditions) -> str:
    return f"({' OR '.join(dict.fromkeys(conditions.texts)) or 'false'})"
