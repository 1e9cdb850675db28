"""What can be asked about profiles: one struct for each endpoint, its fields the parameters."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from rak_services.query.parameter_types import (
    BaselineLabelFilters,
    Duration,
    LabelFilters,
    ProfileId,
    SpanId,
    TimePoint,
    TraceId,
)
from rak_services.query.requests import DEFAULT_PAGE, CursorText, Limit, Name

ProfileKind = Literal["CPU", "HEAP", "GOROUTINE", "BLOCK", "MUTEX", "ALLOCS"]
FlameGraphFormat = Literal["json", "folded", "pprof", "speedscope"]
HotspotOrder = Literal["self", "total"]
AllocatorOrder = Literal["size", "count", "current_size", "current_count"]

Start = Annotated[
    TimePoint,
    Meta(
        description="Profiles that began at this time or later. Default: one hour before `end`; "
        "with `profile_id` or `trace_id`, everything that is stored.",
        examples=["now-1h"],
    ),
]
End = Annotated[
    TimePoint,
    Meta(
        description="Profiles that began before this time. Default: open, so that profiles of "
        "clocks that run ahead are found.",
        examples=["now"],
    ),
]
Service = Annotated[Name, Meta(description="`service_name` of the profile.")]
Agent = Annotated[Name, Meta(description="`agent_name` of the profile.")]
Kind = Annotated[ProfileKind, Meta(description="`profile_type` of the profile, in any case.")]
Invocation = Annotated[Name, Meta(description="`invocation_id` of the profile.")]
Session = Annotated[Name, Meta(description="`session_id` of the profile.")]
Trace = Annotated[
    TraceId,
    Meta(description="The trace of the profile, or of samples of it that name one themselves."),
]
Span = Annotated[
    SpanId,
    Meta(description="The span of the profile, or of samples of it that name one themselves."),
]
ProfileIds = Annotated[
    tuple[ProfileId, ...],
    Meta(
        max_length=100,
        description="`profile_id`, 32 hexadecimal digits. May be given several times: any of them.",
    ),
]
SampleType = Annotated[
    Name,
    Meta(
        description="Which of the values of a sample: its type (`cpu`), or type and unit "
        "(`cpu/nanoseconds`). Profiles without it are left out. Default: as the profiles say, or "
        "the last.",
        examples=["alloc_space"],
    ),
]
Focus = Annotated[
    Name,
    Meta(
        description="Only stacks with a frame whose function, file or program matches this "
        "regular expression (RE2, anywhere in the text), as `go tool pprof -focus`.",
        examples=["json"],
    ),
]
Ignore = Annotated[
    Name,
    Meta(
        description="No stacks with a frame whose function, file or program matches this regular "
        "expression, as `go tool pprof -ignore`.",
        examples=["^runtime"],
    ),
]
GroupBy = Annotated[
    tuple[Name, ...],
    Meta(
        max_length=5,
        description="What frames are told by: `function` (default), `file`, `line`, `address` or "
        "`mapping`. `service`, `agent` and `label.<key>` put a level above the stacks, in their "
        "order. May be given several times.",
        examples=["line"],
    ),
]
MaxNodes = Annotated[
    int,
    Meta(
        ge=2,
        le=100_000,
        description="How many nodes the tree has at most: the largest stay, and what is left out "
        "below a node is one child `(other)` of it.",
    ),
]
DEFAULT_NODES = 5_000
Format = Annotated[
    FlameGraphFormat,
    Meta(
        description="`folded`: one line a stack (`root;…;leaf value`); `pprof`: a profile that "
        "`go tool pprof` opens; `speedscope`: a file of speedscope.app. Those hold every "
        "stack, whatever `max_nodes`; `attribution` is then a header."
    ),
]


class ProfileFilters(Struct, frozen=True, kw_only=True):
    """Conditions on profiles: a profile must meet all of them."""

    start: Start | None = None
    end: End | None = None
    service: Service | None = None
    agent: Agent | None = None
    kind: Kind | None = None
    invocation: Invocation | None = None
    session: Session | None = None
    trace_id: Trace | None = None
    span_id: Span | None = None
    profile_id: ProfileIds = ()
    label: Annotated[
        LabelFilters,
        Meta(
            description="`label.<key>=<text>`: the profile has this label, or some of its samples "
            "do, and then those alone are merged. Of a number the text is its digits. May be "
            "given for several keys; all must hold.",
        ),
    ] = field(default_factory=LabelFilters)


class SearchProfiles(ProfileFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/profiles`."""

    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class GetProfile(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/profiles/{profile_id}` and of its `/raw`."""

    profile_id: Annotated[ProfileId, Meta(description="32 hexadecimal digits, in either case.")]


class GetFlameGraph(ProfileFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/profiles/flamegraph`.

    `tool`, `agent`, `model` and `name` are of one span: what was spent in spans that meet all of
    them, and in what began inside these.
    """

    agent: (
        Annotated[
            Name,
            Meta(
                description="`agent_name` of spans, where samples or profiles carry ids of spans; "
                "else of the profile."
            ),
        ]
        | None
    ) = None
    tool: Annotated[Name, Meta(description="`tool_name` of spans.")] | None = None
    model: Annotated[Name, Meta(description="`llm_model` of spans.")] | None = None
    name: Annotated[Name, Meta(description="`span_name` of spans.")] | None = None
    sample_type: SampleType | None = None
    focus: Focus | None = None
    ignore: Ignore | None = None
    group_by: GroupBy = ()
    max_nodes: MaxNodes = DEFAULT_NODES
    format: Format = "json"


class GetTraceProfile(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/traces/{trace_id}/profile`."""

    trace_id: Annotated[TraceId, Meta(description="32 hexadecimal digits, in either case.")]
    kind: Kind = "CPU"
    sample_type: SampleType | None = None
    focus: Focus | None = None
    ignore: Ignore | None = None
    group_by: GroupBy = ()
    max_nodes: MaxNodes = DEFAULT_NODES
    format: Format = "json"


class DiffProfiles(ProfileFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/profiles/diff`."""

    baseline_start: (
        Annotated[TimePoint, Meta(description="`start` of the baseline.", examples=["now-2h"])]
        | None
    ) = None
    baseline_end: (
        Annotated[TimePoint, Meta(description="`end` of the baseline.", examples=["now-1h"])] | None
    ) = None
    baseline_service: Annotated[Name, Meta(description="`service` of the baseline.")] | None = None
    baseline_agent: Annotated[Name, Meta(description="`agent` of the baseline.")] | None = None
    baseline_kind: Annotated[ProfileKind, Meta(description="`kind` of the baseline.")] | None = None
    baseline_invocation: (
        Annotated[Name, Meta(description="`invocation` of the baseline.")] | None
    ) = None
    baseline_session: Annotated[Name, Meta(description="`session` of the baseline.")] | None = None
    baseline_trace_id: (
        Annotated[TraceId, Meta(description="`trace_id` of the baseline.")] | None
    ) = None
    baseline_span_id: Annotated[SpanId, Meta(description="`span_id` of the baseline.")] | None = (
        None
    )
    baseline_profile_id: Annotated[
        tuple[ProfileId, ...],
        Meta(max_length=100, description="`profile_id` of the baseline. May be given several."),
    ] = ()
    baseline_label: Annotated[
        BaselineLabelFilters, Meta(description="`label.<key>=<text>` of the baseline.")
    ] = field(default_factory=BaselineLabelFilters)
    sample_type: SampleType | None = None
    focus: Focus | None = None
    ignore: Ignore | None = None
    group_by: GroupBy = ()
    max_nodes: MaxNodes = DEFAULT_NODES
    normalize: Annotated[
        Literal["true", "false"],
        Meta(
            description="Whether the comparison is scaled so that its total is that of the "
            "baseline, as `go tool pprof -normalize`."
        ),
    ] = "false"
    limit: Annotated[
        int, Meta(ge=1, le=10_000, description="How many functions the top list has at most.")
    ] = DEFAULT_PAGE


class ListHotspots(ProfileFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/profiles/hotspots`."""

    sample_type: SampleType | None = None
    focus: Focus | None = None
    ignore: Ignore | None = None
    group_by: GroupBy = ()
    order: Annotated[
        HotspotOrder,
        Meta(description="By what functions have by themselves, or with all that they called."),
    ] = "self"
    limit: Limit = DEFAULT_PAGE


class MemoryFilters(Struct, frozen=True, kw_only=True):
    """Conditions on heap profiles."""

    start: (
        Annotated[
            TimePoint,
            Meta(
                description="From this time on (inclusive). Default: one hour before `end`.",
                examples=["now-1h"],
            ),
        ]
        | None
    ) = None
    end: (
        Annotated[TimePoint, Meta(description="Before this time (exclusive). Default: open.")]
        | None
    ) = None
    service: Service | None = None
    agent: Agent | None = None
    invocation: Invocation | None = None
    session: Session | None = None


class ListMemory(MemoryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/memory`."""

    step: (
        Annotated[
            Duration,
            Meta(
                description="Put the profiles of a service and agent within this much time into "
                "one row. Steps begin at multiples of it since 1970. Default: a row a profile.",
                examples=["1m"],
            ),
        ]
        | None
    ) = None
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class ListAllocators(MemoryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/memory/allocators`."""

    order: Annotated[AllocatorOrder, Meta(description="By which column, the largest first.")] = (
        "size"
    )
    limit: Limit = DEFAULT_PAGE
