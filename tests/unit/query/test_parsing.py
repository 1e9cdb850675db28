"""Texts of a URL become a request struct, or every problem with them at once."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from rak_libs.clickhouse.parameters import bind
from rak_libs.model.spans import SpanKind, StatusCode
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.parsing import fields_of, parse_request
from rak_services.query.problems import InvalidParameters
from rak_services.query.profiles.requests import DiffProfiles
from rak_services.query.requests import GetTrace, ListOperations, SearchTraces
from rak_services.query.trace_search_sql import Scope, candidates_sql


def test_an_empty_question_has_the_documented_defaults() -> None:
    request = parse_request(SearchTraces, [], {})
    assert (request.order, request.limit, request.cursor) == ("-start", 50, None)
    assert (request.start, request.end, request.attr.pairs) == (None, None, ())


def test_each_open_parameter_takes_the_keys_of_its_prefix() -> None:
    pairs = [("label.a.b", "1"), ("baseline_label.a", "2"), ("label.c", "3")]
    request = parse_request(DiffProfiles, pairs, {})
    assert request.label.pairs == (("a.b", "1"), ("c", "3"))
    assert request.baseline_label.pairs == (("a", "2"),)


def test_every_kind_of_parameter_is_converted() -> None:
    pairs = [
        ("kind", "server"),
        ("status", "Error"),
        ("min_duration", "1.5ms"),
        ("trace_id", "AB" * 16),
        ("limit", "7"),
        ("attr.a.b", "1"),
        ("attr.", "x"),
    ]
    request = parse_request(SearchTraces, pairs[:-1], {})
    assert (request.kind, request.status, request.limit) == ("SERVER", "ERROR", 7)
    assert (request.min_duration, request.trace_id) == (1_500_000, "ab" * 16)
    assert request.attr.pairs == (("a.b", "1"),)
    with pytest.raises(InvalidParameters, match="attr"):
        parse_request(SearchTraces, pairs, {})


def test_all_problems_are_reported_together_in_order() -> None:
    pairs = [("colour", "red"), ("limit", "0"), ("service", "a"), ("service", "b"), ("kind", "?")]
    with pytest.raises(InvalidParameters) as caught:
        parse_request(SearchTraces, pairs, {})
    assert [problem.parameter for problem in caught.value.problems] == [
        "colour",
        "service",
        "kind",
        "limit",
    ]
    assert "limit: expected a whole number from 1 to 1000000, got '0'" in caught.value.detail
    assert "kind: expected one of" in caught.value.detail


def test_a_part_of_the_path_cannot_be_given_again_in_the_query() -> None:
    with pytest.raises(InvalidParameters, match="trace_id: expected to be given once"):
        parse_request(GetTrace, [("trace_id", "a" * 32)], {"trace_id": "b" * 32})


def test_a_required_parameter_is_named_when_it_is_missing() -> None:
    with pytest.raises(InvalidParameters, match="service: expected a text"):
        parse_request(ListOperations, [], {})


def test_the_choices_are_the_names_that_the_table_stores() -> None:
    choices = {field.name: set(field.choices) for field in fields_of(SearchTraces)}
    assert choices["kind"] == set(SpanKind.__members__)
    assert choices["status"] == set(StatusCode.__members__)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_every_endpoint_is_described_completely(endpoint: object) -> None:
    """Parameters of the path are in the struct, required; every parameter has a description."""
    request: type[Struct] = endpoint.request  # type: ignore[attr-defined]
    required = {field.name for field in fields_of(request) if field.required}
    assert set(endpoint.path_parameters) <= required  # type: ignore[attr-defined]
    for field in msgspec.structs.fields(request):
        assert "description" in str(field.type), field.name


NAMES = [field.name for field in fields_of(SearchTraces) if not field.is_open]
TEXTS = st.one_of(
    st.text(),
    st.sampled_from(["now-1h", "now", "5", "1e999", "250ms", "ERROR", "-start", "[", '{"a":[1]}']),
    st.from_regex(r"-?\d{1,25}(\.\d+)?([eE][+-]?\d{1,4})?", fullmatch=True),
)


@given(
    st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4),
    st.lists(st.tuples(st.text(min_size=1), TEXTS), max_size=3),
)
@settings(deadline=None, max_examples=300)
def test_any_text_is_either_refused_by_name_or_bound(
    plain: dict[str, str], attributes: list[tuple[str, str]]
) -> None:
    """No text of a URL gets past the parser and then fails where it becomes SQL."""
    pairs = [*plain.items(), *((f"attr.{key}", text) for key, text in attributes)]
    # URLs are decoded with replacement characters: no unpaired surrogates.
    pairs = [(name, text.encode(errors="replace").decode()) for name, text in pairs]
    try:
        request = parse_request(SearchTraces, pairs, {})
    except InvalidParameters as error:
        assert {problem.parameter for problem in error.problems} <= set(plain)  # noqa: PT017
        return
    assert bind(*candidates_sql(request, Scope(None, None, None, 0, None, 2)))
