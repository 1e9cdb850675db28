from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from rak_libs.model.time_text import MAX_NS
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.profiles.span_sets import (
    MOST_INSIDE,
    CarriedSpan,
    SpanLink,
    around,
    inside,
    links_of,
    span_set,
)
from rak_services.query.time_ranges import Range

IDS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
TRACES = st.sampled_from(["t", "u"])
LINKS = st.lists(
    st.builds(SpanLink, TRACES, IDS, st.one_of(st.just(""), IDS), st.booleans()), max_size=14
)


def naive_inside(links: list[SpanLink]) -> set[tuple[str, str]]:
    """Adds every child of a span inside, until there is none."""
    found = {(link.trace_id, link.span_id) for link in links if link.matches}
    for _, link in product(links, links):
        if (link.trace_id, link.parent_span_id) in found:
            found.add((link.trace_id, link.span_id))
    return found


@given(LINKS)
def test_inside_are_matching_spans_and_all_below_them_whatever_the_links(
    links: list[SpanLink],
) -> None:
    assert inside(links) == naive_inside(links)


def test_a_chain_longer_than_the_stack_of_calls_is_followed() -> None:
    links = [SpanLink("t", str(n), str(n - 1), n == 1) for n in range(1, 50_000)]
    assert len(inside(links)) == 49_999


def test_a_span_of_another_trace_with_the_same_id_is_not_inside() -> None:
    links = [
        SpanLink("t", "a", "", matches=True),
        SpanLink("t", "b", "a", matches=False),
        SpanLink("u", "b", "a", matches=False),
    ]
    assert inside(links) == {("t", "a"), ("t", "b")}


def test_spans_above_and_beside_a_matching_one_are_not_inside() -> None:
    links = [
        SpanLink("t", "root", "", matches=False),
        SpanLink("t", "tool", "root", matches=True),
        SpanLink("t", "other", "root", matches=False),
    ]
    assert inside(links) == {("t", "tool")}


def test_the_set_is_what_is_carried_of_the_spans_inside() -> None:
    carried = [
        CarriedSpan("t", "b", 9),
        CarriedSpan("t", "a", 3),
        CarriedSpan("u", "a", 4),
        CarriedSpan("", "b", 5),
        CarriedSpan("", "z", 6),
    ]
    spans = span_set(carried, {("t", "a"), ("t", "b"), ("t", "c")}, complete=True)
    assert (spans.keys, spans.span_ids, spans.complete) == ((3, 9), ("b",), True)


def test_no_more_ids_are_taken_than_a_statement_holds() -> None:
    carried = [CarriedSpan("t", str(number), number) for number in range(MOST_INSIDE)]
    alone = CarriedSpan("", "0", 0)
    inside_them = {("t", span.span_id) for span in carried}
    assert span_set(carried, inside_them, complete=True).complete
    spans = span_set([*carried, alone], inside_them, complete=True)
    assert (len(spans.keys), spans.span_ids) == (MOST_INSIDE - 1, ("0",))
    assert not spans.complete


def test_a_row_of_arrays_is_a_span_for_each_element() -> None:
    row = (["t", "t"], ["a", "b"], ["", "a"], [1, 0])
    assert links_of(row) == [SpanLink("t", "a", "", True), SpanLink("t", "b", "a", False)]


def test_spans_are_looked_for_around_the_time_of_the_profiles() -> None:
    assert around(Range(5 * HOUR_NS, 6 * HOUR_NS)) == Range(4 * HOUR_NS, 7 * HOUR_NS)
    assert around(Range(5, None)) == Range(0, None)
    assert around(Range(None, MAX_NS)) == Range(None, MAX_NS)
