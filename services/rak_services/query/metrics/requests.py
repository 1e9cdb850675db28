"""What can be asked about metrics; `rak_services.query.requests` says how such structs are read."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from rak_services.query.metrics.aggregations import Aggregation
from rak_services.query.metrics.matchers import Matcher
from rak_services.query.parameter_types import Duration, TimePoint
from rak_services.query.requests import DEFAULT_PAGE, CursorText, Limit, Name, TimeRange

TypeName = Literal[
    "COUNTER", "GAUGE", "HISTOGRAM", "SUMMARY", "EXPONENTIAL_HISTOGRAM", "UP_DOWN_COUNTER"
]
TemporalityName = Literal["UNSPECIFIED", "DELTA", "CUMULATIVE"]
AcrossName = Literal["sum", "avg", "min", "max", "count"]

MetricName = Annotated[Name, Meta(description="`metric_name`.", examples=["http.server.duration"])]
Matchers = Annotated[
    tuple[Matcher, ...],
    Meta(
        max_length=100,
        description="Condition on a label of the series: `code=200`, `code!=200`, "
        "`route=~/api/.*`, `route!~/api/.*`. Regular expressions are RE2 and must match the whole "
        'text. A name or a text in double quotes is a JSON string (`"a=b"="c"`). A series without '
        "the label has it as the empty text. May be given several times; all must hold.",
        examples=["code=200"],
    ),
]
LabelNames = Annotated[
    tuple[Name, ...],
    Meta(
        max_length=20,
        description="A label to group by: an attribute of the points, `service_name`, "
        "`agent_name`, `user_id`, `session_id`, `scope_name`, `resource.<key>`, "
        "`fingerprint` (every series by itself), or `*`: the service and every attribute of the "
        "points. May be given several times.",
        examples=["service_name"],
    ),
]
Step = Annotated[
    Duration,
    Meta(
        description="Length of a window, a whole number of milliseconds. Windows begin at "
        "multiples of it since 1970. Default: the finest of 10s, 1m, 5m, 1h, … that gives at most "
        "250 windows.",
        examples=["1m"],
    ),
]


class PointRange(Struct, frozen=True, kw_only=True):
    """The time range of points."""

    start: (
        Annotated[
            TimePoint,
            Meta(
                description="From this time on. Default: one hour before `end`.",
                examples=["now-1h"],
            ),
        ]
        | None
    ) = None
    end: (
        Annotated[
            TimePoint,
            Meta(description="Before this time. Default: now.", examples=["now"]),
        ]
        | None
    ) = None


class SeriesFilters(PointRange, frozen=True, kw_only=True):
    """Which series of one metric are meant: those that meet every condition; and when."""

    name: MetricName
    match: Matchers = ()
    service: Annotated[Name, Meta(description="`service_name` of the series.")] | None = None
    agent: Annotated[Name, Meta(description="`agent_name` of the series.")] | None = None
    user: Annotated[Name, Meta(description="`user_id` of the series.")] | None = None
    session: Annotated[Name, Meta(description="`session_id` of the series.")] | None = None


class ListMetrics(TimeRange, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/metrics`."""

    prefix: Annotated[Name, Meta(description="Metrics whose name begins with it.")] | None = None
    q: (
        Annotated[
            Name, Meta(description="Metrics whose name contains it, ASCII letters in any case.")
        ]
        | None
    ) = None
    service: Annotated[Name, Meta(description="Metrics of this service.")] | None = None
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class ListLabels(TimeRange, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/metrics/labels`."""

    name: MetricName
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class ListLabelValues(TimeRange, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/metrics/label-values`."""

    name: MetricName
    label: Annotated[Name, Meta(description="A label's name, as `/metrics/labels` shows it.")]
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class QueryMetric(SeriesFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/metrics/query`."""

    agg: Annotated[
        Aggregation,
        Meta(
            description="What a value says of the points of its window: `avg`, `sum`, "
            "`min`, `max`, `count`, `last`, `rate` (a second), `increase`, or a percentile: "
            "`p50`, `p99.9`.",
            examples=["avg"],
        ),
    ]
    step: Step | None = None
    window: (
        Annotated[
            Duration,
            Meta(
                description="How much time a value looks at, a multiple of `step`: it ends where "
                "the step's window ends, and begins earlier. Default: `step`.",
                examples=["5m"],
            ),
        ]
        | None
    ) = None
    by: LabelNames = ()
    across: (
        Annotated[
            AcrossName,
            Meta(
                description="How the values of the series of a group are put together. Without it "
                "`avg` and percentiles are of all points of the group, `sum`, `count`, `last`, "
                "`rate` and `increase` are added up, of `min` and `max` the extreme is taken."
            ),
        ]
        | None
    ) = None
    top: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=10_000,
                description="Only that many groups: those with the largest mean of their values.",
                examples=[10],
            ),
        ]
        | None
    ) = None
    type: Annotated[TypeName, Meta(description="Only series of this type.")] | None = None
    temporality: (
        Annotated[TemporalityName, Meta(description="Only series of this temporality.")] | None
    ) = None
    unit: Annotated[Name, Meta(description="Only series of this unit.")] | None = None


class ListExemplars(SeriesFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/metrics/exemplars`."""

    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None
