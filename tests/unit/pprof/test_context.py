"""The context of a profile survives the queue, and bad headers cost no profile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprof_generation import small_profile
from rak_libs.model.profiles import ProfileType
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.hex_ids import span_id_of, trace_id_of
from rak_libs.pprof.profile_columns import read_columns
from rak_libs.pprof.profile_id import profile_id
from rak_libs.pprof.profile_type import guess_type

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.one_of(st.just(""), st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}"))

CONTEXTS = st.builds(
    ProfileContext,
    profile_type=st.one_of(st.none(), st.sampled_from(ProfileType)),
    service_name=TEXT,
    invocation_id=TEXT,
    session_id=TEXT,
    trace_id=IDS.map(lambda text: text * 2),
    span_id=IDS,
    agent_name=TEXT,
    labels=st.dictionaries(TEXT, TEXT).map(lambda labels: tuple(labels.items())),
)

CONTEXT = ProfileContext(
    profile_type=ProfileType.CPU,
    service_name="shop",
    invocation_id="i",
    session_id="s",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    agent_name="planner",
    labels=(("zone", "b"), ("host", "a")),
)


@given(CONTEXTS)
def test_headers_carry_every_context(context: ProfileContext) -> None:
    assert ProfileContext.from_headers(context.to_headers()) == context


def test_what_nobody_said_needs_no_header() -> None:
    assert ProfileContext().to_headers() == []
    assert ProfileContext.from_headers([]) == ProfileContext()


def test_headers_that_hold_something_else_take_their_defaults() -> None:
    headers = [
        ("rak-profile-type", b"WALL"),
        ("rak-trace-id", b"0af7651916cd43dd8448eb211c80319"),
        ("rak-span-id", b"b7ad6b7169203331ff"),
        ("rak-labels", b'{"a": 1}'),
    ]
    assert ProfileContext.from_headers(headers) == ProfileContext()
    for labels in (b"", b"[]", b"\xff", b'{"a"', b'"\xff"'):
        assert ProfileContext.from_headers([("rak-labels", labels)]).labels == ()
    broken = ProfileContext.from_headers([("rak-service-name", b"a\xff")])
    assert broken.service_name == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "text", ["", "x" * 32, "0" * 32, "0_" * 16, "a" * 33, "\N{FULLWIDTH DIGIT ONE}" * 32]
)
def test_only_hex_of_the_right_length_that_is_not_zero_is_an_id(text: str) -> None:
    assert trace_id_of(text) == ""
    assert span_id_of(text[:16]) == "" or text[:16] == "a" * 16


def test_ids_are_lower_case() -> None:
    assert trace_id_of("0AF7651916CD43DD8448EB211C80319C") == "0af7651916cd43dd8448eb211c80319c"
    assert span_id_of("B7AD6B7169203331") == "b7ad6b7169203331"


def test_the_id_of_a_profile_is_the_same_everywhere_and_for_ever() -> None:
    assert profile_id(b"profile", CONTEXT) == "76964a5294a1728b23864267880f317e"


def test_the_id_of_a_profile_does_not_depend_on_the_order_of_labels() -> None:
    turned = ProfileContext.from_headers(
        [*CONTEXT.to_headers(), ("rak-labels", b'{"host":"a","zone":"b"}')]
    )
    assert turned.labels != CONTEXT.labels
    assert profile_id(b"profile", turned) == profile_id(b"profile", CONTEXT)


@given(CONTEXTS, CONTEXTS)
def test_profiles_of_two_contexts_have_two_ids(one: ProfileContext, other: ProfileContext) -> None:
    same = dict(one.to_headers()) == dict(other.to_headers())
    assert same or profile_id(b"", one) != profile_id(b"", other)
    assert profile_id(b"a", one) != profile_id(b"b", one)


@pytest.mark.parametrize(
    ("sample_types", "kind"),
    [
        (["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"], ProfileType.HEAP),
        (["goroutine"], ProfileType.GOROUTINE),
        (["contentions", "delay"], ProfileType.BLOCK),
        (["samples", "cpu"], ProfileType.CPU),
        (["wall"], ProfileType.CPU),
    ],
)
def test_what_was_profiled_is_told_by_the_sample_types(
    sample_types: list[str], kind: ProfileType
) -> None:
    profile = small_profile()
    del profile.sample_type[:]
    for name in sample_types:
        profile.sample_type.add(type=len(profile.string_table), unit=2)
        profile.string_table.append(name)
    assert guess_type(read_columns(profile.SerializeToString(), 10)) is kind
