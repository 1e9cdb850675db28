"""What is answered about metrics; `rak_services.query.answers` says how values are written."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from rak_services.query.answers import Attributes, Complete, NextCursor, Time

Labels = Annotated[dict[str, str], Meta(description="Text by name.")]
Value = Annotated[
    float | str | None,
    Meta(
        description='A number; `"NaN"`, `"Infinity"` or `"-Infinity"`; null where there is nothing.'
    ),
]


class MetricRow(Struct, frozen=True, kw_only=True):
    """A metric of one type, unit and temporality, with points on a day of the time range."""

    metric_name: str
    metric_type: str
    unit: str
    temporality: str
    description: str
    services: list[str]
    series: Annotated[int, Meta(description="How many series it has on the days of the range.")]
    last_seen: Annotated[
        Time | None,
        Meta(description="The time of its newest point before `end`; null when it expired."),
    ]


class MetricList(Struct, frozen=True, kw_only=True):
    """A page of metrics, by name, type, temporality and unit."""

    items: list[MetricRow]
    next_cursor: NextCursor
    complete: Complete


class LabelRow(Struct, frozen=True, kw_only=True):
    """A label that series of a metric have."""

    label: str
    values: Annotated[int, Meta(description="How many texts it has.")]
    series: Annotated[int, Meta(description="How many series have it.")]


class LabelList(Struct, frozen=True, kw_only=True):
    """A page of labels, by name."""

    items: list[LabelRow]
    next_cursor: NextCursor
    complete: Complete


class LabelValueRow(Struct, frozen=True, kw_only=True):
    """A text of a label."""

    value: str
    series: Annotated[int, Meta(description="How many series have it.")]


class LabelValueList(Struct, frozen=True, kw_only=True):
    """A page of a label's texts, in their order."""

    items: list[LabelValueRow]
    next_cursor: NextCursor
    complete: Complete


class MetricGroup(Struct, frozen=True, kw_only=True):
    """The values of the series that agree in the labels of `by`, and in what cannot be mixed."""

    labels: Labels
    metric_type: str
    temporality: str
    unit: str
    explicit_bounds: Annotated[
        list[float] | None,
        Meta(
            description="For percentiles of histograms: the bounds of the buckets that were added "
            "up. Series with other bounds are a group of their own."
        ),
    ]
    series: Annotated[int, Meta(description="How many series it has on the days of the range.")]
    values: Annotated[
        list[Value],
        Meta(description="One for each of `timestamps`; null: no points in the window."),
    ]


class ResolutionPart(Struct, frozen=True, kw_only=True):
    """From which rows a part of the time range was answered."""

    resolution: Annotated[str, Meta(description="`raw` (the points themselves), `1m` or `1h`.")]
    start: Time
    end: Time


class MetricValues(Struct, frozen=True, kw_only=True):
    """Values of a metric over time: a group for each combination of labels, in their order."""

    metric_name: str
    agg: str
    step_ns: int
    window_ns: int
    resolution: Annotated[
        str, Meta(description="The coarsest rows that were read: `raw`, `1m` or `1h`.")
    ]
    resolutions: list[ResolutionPart]
    groups: Annotated[
        int,
        Meta(
            description="How many groups there are, with those without points and those not on top."
        ),
    ]
    timestamps: Annotated[list[Time], Meta(description="The begin of each step's window.")]
    items: list[MetricGroup]
    next_cursor: NextCursor
    complete: Complete


class Exemplar(Struct, frozen=True, kw_only=True):
    """A single measurement that was kept beside a point, with the span that it was made in."""

    timestamp: Annotated[Time, Meta(description="When it was measured.")]
    point_timestamp: Annotated[Time, Meta(description="The time of the point that counts it.")]
    value: Annotated[
        Any, Meta(description="An integer, a double (as in attributes), or null for none.")
    ]
    trace_id: str
    span_id: str
    attributes: Attributes
    metric_type: str
    unit: str
    service_name: str
    labels: Labels
    fingerprint: Annotated[str, Meta(description="The series.")]


class ExemplarList(Struct, frozen=True, kw_only=True):
    """A page of exemplars, those of the newest points first."""

    items: list[Exemplar]
    next_cursor: NextCursor
    complete: Complete
