"""How a flame graph of spans says by what each profile was counted."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Method = Literal[
    "sample_span", "profile_span", "profile_trace", "profile_agent", "invocation_overlap"
]


class Attribution(Struct, frozen=True, kw_only=True):
    """The profiles that one method counted; a profile is counted by one."""

    method: Annotated[
        Method,
        Meta(
            description="`sample_span`: samples that carry ids of spans inside. `profile_span` and "
            "`profile_trace`: of profiles whose samples carry none, all samples, by the span or "
            "trace of the profile. `profile_agent`: where only `agent` is asked for, of profiles "
            "without ids of spans, those whose `agent_name` it is, whole. `invocation_overlap`, "
            "an estimate: of profiles without any ids, those of an invocation in which a matching "
            "span ran meanwhile, whole."
        ),
    ]
    profiles: Annotated[int, Meta(description="How many profiles.")]
    value: Annotated[
        int, Meta(description="What their samples sum up to, before `focus` and `ignore`.")
    ]
