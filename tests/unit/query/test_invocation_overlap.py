from hypothesis import given
from hypothesis import strategies as st

from rak_services.query.profiles.invocation_overlap import (
    MOST_LETTERS,
    InvocationSpan,
    LoneProfile,
    invocations_of,
    overlapping,
)

TIMES = st.integers(0, 30)
INVOCATIONS = st.sampled_from(["i", "j", ""])
SPANS = st.lists(
    st.builds(
        lambda invocation, start, length: InvocationSpan(invocation, start, start + length),
        st.sampled_from(["i", "j"]),
        TIMES,
        TIMES,
    ),
    max_size=8,
)
PROFILES = st.lists(
    st.builds(
        lambda number, invocation, start, length: LoneProfile(
            str(number), "", invocation, start, start + length
        ),
        st.integers(0, 10**6),
        INVOCATIONS,
        TIMES,
        TIMES,
    ),
    max_size=8,
)


def profile(start_ns: int, end_ns: int, invocation: str = "i") -> LoneProfile:
    return LoneProfile("p", "", invocation, start_ns, end_ns)


@given(PROFILES, SPANS)
def test_a_profile_overlaps_when_any_span_of_its_invocation_does(
    profiles: list[LoneProfile], spans: list[InvocationSpan]
) -> None:
    expected = [
        each.profile_id
        for each in profiles
        if any(
            span.invocation_id == each.invocation_id
            and span.start_ns <= each.end_ns
            and span.end_ns >= each.start_ns
            for span in spans
        )
    ]
    assert overlapping(profiles, spans) == expected


def test_a_long_span_is_found_behind_later_short_ones() -> None:
    spans = [InvocationSpan("i", 0, 100), InvocationSpan("i", 10, 11), InvocationSpan("i", 20, 21)]
    assert overlapping([profile(50, 60)], spans) == ["p"]


def test_a_span_of_another_invocation_does_not_count() -> None:
    assert overlapping([profile(0, 10, "j")], [InvocationSpan("i", 0, 10)]) == []


def test_invocations_are_taken_once_and_as_far_as_a_statement_holds_them() -> None:
    several = [profile(0, 1, "b"), profile(0, 1, "a"), profile(2, 3, "b"), profile(0, 1, "")]
    assert invocations_of(several) == (["b", "a"], True)
    assert invocations_of([*several, profile(0, 1, "x" * MOST_LETTERS)]) == (["b", "a"], False)
