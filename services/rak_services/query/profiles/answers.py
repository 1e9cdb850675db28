"""What is answered about profiles: one struct for each answer, encoded as JSON as it stands."""

from typing import Annotated

from msgspec import Meta, Struct

from rak_services.query.answers import Complete, Nanoseconds, NextCursor, Time
from rak_services.query.profiles.span_answers import Attribution

Labels = Annotated[dict[str, str], Meta(description="What the sender said of the profile beside.")]
SampleTypeName = Annotated[
    str,
    Meta(description='Type and unit of the values, `cpu/nanoseconds`; "" when nothing matched.'),
]
KindName = Annotated[
    str, Meta(description='The kind of the merged profiles; "" when nothing matched.')
]
LeftOut = Annotated[
    int,
    Meta(description="How many profiles match but are of another kind, or have no such value."),
]
MergeComplete = Annotated[
    bool,
    Meta(
        description="False when there were too many stacks: the smallest are one, `(other)`, or "
        "not shown with `focus` or `ignore`. `total` is right all the same."
    ),
]


class ProfileRow(Struct, frozen=True, kw_only=True):
    """One profile."""

    profile_id: str
    timestamp: Annotated[
        str,
        Meta(
            description="When it began; when it was received where `time_is_received`.",
            extra_json_schema={"format": "date-time"},
        ),
    ]
    time_is_received: bool
    duration_ns: Nanoseconds
    service_name: str
    invocation_id: str
    session_id: str
    trace_id: str
    span_id: str
    agent_name: str
    labels: Labels
    profile_type: str
    sample_type: Annotated[str, Meta(description="Of the value that is shown by default.")]
    sample_types: Annotated[list[str], Meta(description="Of all values, in order.")]
    totals: Annotated[list[int], Meta(description="The sum of each value, in the same order.")]
    period_type: str
    period: int
    samples: Annotated[int, Meta(description="How many samples it has.")]
    functions: Annotated[int, Meta(description="How many functions it knows.")]
    ingested_at: Time


class ProfileList(Struct, frozen=True, kw_only=True):
    """A page of profiles, newest first; one that was sent twice is listed once."""

    items: list[ProfileRow]
    next_cursor: NextCursor
    complete: Complete


class ProfileFunction(Struct, frozen=True, kw_only=True):
    """A function that a profile knows."""

    name: str
    filename: str
    start_line: int


class ProfileLinks(Struct, frozen=True, kw_only=True):
    """Where there is more."""

    raw: Annotated[str, Meta(description="The profile as it was received, in pprof.")]
    flamegraph: str
    hotspots: str
    trace: Annotated[str | None, Meta(description="Its trace; null without one.")]


class Profile(ProfileRow, frozen=True, kw_only=True):
    """Everything about one profile but the profile itself."""

    stacks: Annotated[int, Meta(description="How many distinct stacks its samples have.")]
    raw_bytes: Annotated[int, Meta(description="The size of the profile, not compressed.")]
    sample_trace_ids: Annotated[
        list[str], Meta(description="Traces that its samples name themselves; a hundred at most.")
    ]
    function_list: Annotated[
        list[ProfileFunction],
        Meta(description="The functions, by name; `[query] max_result_rows` at most."),
    ]
    links: ProfileLinks


class FlameNode(Struct, frozen=True, kw_only=True):
    """A node of a call tree, and what it called."""

    name: Annotated[str, Meta(description="What is shown, by `group_by`.")]
    function: str
    file: str
    line: Annotated[int, Meta(description="0 when it is not known or the node has several.")]
    self: Annotated[int, Meta(description="Of samples that end here.")]
    total: Annotated[int, Meta(description="`self` and the totals of all children, exactly.")]
    children: Annotated[
        list["FlameNode"], Meta(description="The largest first, and `(other)` last.")
    ]


class FlameGraph(Struct, frozen=True, kw_only=True):
    """The call tree of all profiles that match."""

    profile_type: KindName
    sample_type: SampleTypeName
    unit: str
    profiles: Annotated[int, Meta(description="How many were merged.")]
    left_out: LeftOut
    total: Annotated[
        int,
        Meta(description="Of all samples that match, also of those that `focus` does not show."),
    ]
    nodes: Annotated[int, Meta(description="How many nodes the tree has.")]
    root: FlameNode
    attribution: Annotated[
        list[Attribution] | None,
        Meta(
            description="By what the profiles were counted, where spans are asked for; else null."
        ),
    ] = None
    complete: Annotated[
        bool,
        Meta(
            description="False when there were too many stacks: the smallest are one, `(other)`, "
            "or not shown with `focus` or `ignore`, and `total` is right all the same. Also when "
            "there were more spans than are looked at: there may then be more."
        ),
    ]


class Hotspot(Struct, frozen=True, kw_only=True):
    """A function."""

    name: Annotated[str, Meta(description="What is shown, by `group_by`.")]
    function: str
    file: str
    line: int
    self: Annotated[int, Meta(description="Of samples that end in it.")]
    self_percent: Annotated[float, Meta(description="Of `total` of the answer.")]
    total: Annotated[int, Meta(description="Of samples that hold it; once where it calls itself.")]
    total_percent: Annotated[float, Meta(description="Of `total` of the answer.")]


class HotspotList(Struct, frozen=True, kw_only=True):
    """The functions with the largest values."""

    profile_type: KindName
    sample_type: SampleTypeName
    unit: str
    profiles: int
    left_out: LeftOut
    total: Annotated[
        int,
        Meta(
            description="Of all samples that match, also of those that `focus` does not show; "
            "where some are negative, the sum of what each stack has without its sign."
        ),
    ]
    functions: Annotated[int, Meta(description="How many there are, shown or not.")]
    items: list[Hotspot]
    next_cursor: NextCursor
    complete: MergeComplete


class DiffNode(Struct, frozen=True, kw_only=True):
    """A node of the call tree of two merges; each delta is comparison less baseline."""

    name: str
    function: str
    file: str
    line: int
    baseline_self: int
    comparison_self: int
    delta_self: int
    baseline_total: int
    comparison_total: int
    delta_total: int
    children: Annotated[
        list["DiffNode"], Meta(description="The largest first, and `(other)` last.")
    ]


class DiffRow(Struct, frozen=True, kw_only=True):
    """A function in two merges; each delta is comparison less baseline."""

    name: str
    function: str
    file: str
    line: int
    baseline_self: int
    comparison_self: int
    delta_self: int
    baseline_total: int
    comparison_total: int
    delta_total: int


class DiffSide(Struct, frozen=True, kw_only=True):
    """What was merged on one side."""

    profiles: int
    left_out: LeftOut
    total: Annotated[int, Meta(description="Of all samples that match, before any scaling.")]


class ProfileDiff(Struct, frozen=True, kw_only=True):
    """How the profiles of a comparison differ from those of a baseline."""

    profile_type: KindName
    sample_type: SampleTypeName
    unit: str
    baseline: DiffSide
    comparison: DiffSide
    scale: Annotated[float, Meta(description="What values of the comparison were multiplied with.")]
    delta: Annotated[int, Meta(description="The sum of all deltas that are shown.")]
    nodes: Annotated[int, Meta(description="How many nodes the tree has.")]
    root: DiffNode
    items: Annotated[
        list[DiffRow], Meta(description="Functions by the size of `delta_self`, largest first.")
    ]
    next_cursor: NextCursor
    complete: MergeComplete


class MemoryRow(Struct, frozen=True, kw_only=True):
    """What one heap profile says of memory, or the largest of each that those of a step say."""

    timestamp: Annotated[
        str,
        Meta(
            description="Of the profile, or where the step begins.",
            extra_json_schema={"format": "date-time"},
        ),
    ]
    profiles: Annotated[int, Meta(description="How many profiles the row is of.")]
    profile_id: Annotated[str, Meta(description='"" in a row of a step.')]
    service_name: str
    agent_name: str
    invocation_id: Annotated[str, Meta(description='"" in a row of a step.')]
    total_allocated: Annotated[int, Meta(description="Bytes of all allocations.")]
    allocation_count: int
    current_usage: Annotated[int, Meta(description="Bytes of allocations in use.")]
    current_count: int
    peak_usage: Annotated[int, Meta(description="Of the process, in bytes; 0 when not told.")]
    rss_bytes: int
    virtual_bytes: int


class MemoryList(Struct, frozen=True, kw_only=True):
    """A page of memory over time, newest first."""

    step_ns: Annotated[int | None, Meta(description="Length of a step; null without steps.")]
    items: list[MemoryRow]
    next_cursor: NextCursor
    complete: Complete


class Allocator(Struct, frozen=True):
    """A place that allocates, over the top hundred of each heap profile."""

    location: Annotated[str, Meta(description="The function.")]
    filename: str
    line: int
    profiles: Annotated[int, Meta(description="How many profiles name it.")]
    size: Annotated[int, Meta(description="Bytes of all its allocations, added up.")]
    count: int
    current_size: Annotated[int, Meta(description="Bytes of those in use, added up.")]
    current_count: int
    largest_current_size: Annotated[int, Meta(description="The largest of any one profile.")]


class AllocatorList(Struct, frozen=True, kw_only=True):
    """The places that allocate most."""

    profiles: Annotated[int, Meta(description="How many heap profiles match.")]
    items: list[Allocator]
    next_cursor: NextCursor
    complete: Complete
