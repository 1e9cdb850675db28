"""The one place where filters on profiles become SQL text: conditions on profiles, and on samples.

What a sample says of its trace, span and labels goes before what its profile says.
"""

from dataclasses import dataclass, field
from typing import Final

from rak_libs.clickhouse.parameters import Parameter
from rak_services.query.profiles.requests import ProfileFilters
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.time_ranges import Range, resolve_range

SAMPLE_COLUMNS: Final = {
    "sample_trace_id": "`samples.trace_id`",
    "sample_span_id": "`samples.span_id`",
    "sample_span_name": "`samples.span_name`",
    "sample_labels": "`samples.label_texts`",
}
"""What a condition on samples may say of one, '' where it has none, and the stored columns."""

PROFILE_COLUMNS: Final = (
    "profile_id",
    "timestamp",
    "duration_ns",
    "service_name",
    "invocation_id",
    "session_id",
    "trace_id",
    "span_id",
    "agent_name",
    "labels",
)
"""What a condition on samples may say of their profile: columns of the table."""

_EQUAL_COLUMNS: Final = {
    "service": "service_name",
    "agent": "agent_name",
    "kind": "profile_type",
    "invocation": "invocation_id",
    "session": "session_id",
}
"""The column that each plain filter compares with, by parameter."""

_LABEL_TEXT: Final = (
    "if(JSONType(item) = 'Object', JSONExtractRaw(item, 'number'), JSONExtractString(item))"
)
_OF_PROFILE: Final = (
    "(mapContains(labels, %({name}_key)s) AND labels[%({name}_key)s] = %({name}_text)s)"
)
_OF_SAMPLE: Final = (
    f"arrayExists(item -> {_LABEL_TEXT} = %({{name}}_text)s,"
    " JSONExtractArrayRaw({text}, %({name}_key)s))"
)


@dataclass(frozen=True, slots=True)
class SampleCondition:
    """A condition beside the filters.

    Attributes:
        sample: What holds for the samples that are meant: SQL over `SAMPLE_COLUMNS` and
            `PROFILE_COLUMNS`.
        profile: What holds for every profile that has such samples: SQL over columns of
            `cpu_profiles`.
        parameters: The values of their placeholders, which both may use.
    """

    sample: str
    profile: str = "true"
    parameters: dict[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """The profiles that a question is about, and which of their samples.

    Attributes:
        filters: What each profile meets.
        period: The time range of their `timestamp`.
        condition: What else they and their samples meet.
    """

    filters: ProfileFilters
    period: Range
    condition: SampleCondition | None = None

    def profile_conditions(self) -> Conditions:
        """Return the conditions that hold for these profiles and no others."""
        conditions = Conditions()
        add_time_range(conditions, self.period.since_ns, self.period.until_ns)
        add_profile_filters(conditions, self.filters)
        if self.condition is not None:
            used = {
                name: value
                for name, value in self.condition.parameters.items()
                if f"%({name})s" in self.condition.profile
            }
            conditions.add(self.condition.profile, **used)
        return conditions

    def sample_conditions(self) -> list[str]:
        """Return the conditions on samples, whose placeholders have the values of `parameters`."""
        conditions = []
        if self.filters.trace_id is not None:
            conditions.append(
                "(sample_trace_id = %(trace_id)s"
                " OR (sample_trace_id = '' AND trace_id = %(trace_id)s))"
            )
        if self.filters.span_id is not None:
            conditions.append(
                "(sample_span_id = %(span_id)s"
                " OR (sample_span_id = '' AND sample_trace_id = '' AND span_id = %(span_id)s))"
            )
        for number in range(len(self.filters.label.pairs)):
            name = f"label_{number}"
            of_sample = _OF_SAMPLE.format(name=name, text="sample_labels")
            conditions.append(
                f"if(JSONHas(sample_labels, %({name}_key)s), {of_sample},"
                f" {_OF_PROFILE.format(name=name)})"
            )
        if self.condition is not None:
            conditions.append(f"({self.condition.sample})")
        return conditions

    def parameters(self) -> dict[str, Parameter]:
        """Return the values of all placeholders of the conditions."""
        found = self.profile_conditions().parameters
        return found if self.condition is None else {**found, **self.condition.parameters}


def select_profiles(filters: ProfileFilters, now_ns: int) -> Selection:
    """Return the selection of a request: of the last hour when it names neither time nor ids.

    Raises:
        InvalidParameters: The time range is empty.
    """
    open_start = bool(filters.profile_id) or filters.trace_id is not None
    return Selection(filters, resolve_range(filters, now_ns, open_start=open_start))


def add_profile_filters(conditions: Conditions, filters: ProfileFilters) -> None:
    """Add every filter on profiles; the time range is not among them."""
    for parameter, column in _EQUAL_COLUMNS.items():
        text = getattr(filters, parameter)
        if text is not None:
            conditions.add(f"{column} = %({parameter})s", **{parameter: text})
    for parameter in ("trace_id", "span_id"):
        text = getattr(filters, parameter)
        if text is not None:
            conditions.add(
                f"({parameter} = %({parameter})s OR has(`samples.{parameter}`, %({parameter})s))",
                **{parameter: str(text)},
            )
    if filters.profile_id:
        conditions.add(
            "profile_id IN %(profile_ids)s", profile_ids=[str(each) for each in filters.profile_id]
        )
    for number, (key, text) in enumerate(filters.label.pairs):
        name = f"label_{number}"
        of_sample = _OF_SAMPLE.format(name=name, text="text")
        conditions.add(
            f"({_OF_PROFILE.format(name=name)}"
            f" OR arrayExists(text -> {of_sample}, `samples.label_texts`))",
            **{f"{name}_key": key, f"{name}_text": text},
        )
