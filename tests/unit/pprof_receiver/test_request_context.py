"""The context of a profile is taken from query, form and headers, or refused by its parameter."""

from collections.abc import Sequence

import pytest

from rak_libs.model.profiles import ProfileType
from rak_libs.pprof.context import ProfileContext
from rak_services.pprof_receiver.errors import BadParameter
from rak_services.pprof_receiver.request_context import PARAMETERS, read_context

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
OTHER_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
QUERY = (
    f"service_name=shop&invocation_id=i&session_id=s&trace_id={TRACE_ID}&span_id={SPAN_ID}"
    "&agent_name=planner%20%F0%9F%98%80&labels=zone%3Db"
)
CONTEXT = ProfileContext(
    ProfileType.HEAP, "shop", "i", "s", TRACE_ID, SPAN_ID, "planner 😀", (("zone", "b"),)
)


def read(
    query: str = "",
    fields: Sequence[tuple[str, str]] = (),
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> ProfileContext:
    return read_context(ProfileType.HEAP, query.encode(), fields, headers)


def test_without_a_word_the_context_is_the_type_alone() -> None:
    assert read() == ProfileContext(ProfileType.HEAP)
    assert read("service_name=&trace_id=&labels=") == ProfileContext(ProfileType.HEAP)


def test_the_query_says_everything() -> None:
    assert read(QUERY) == CONTEXT


def test_the_fields_of_a_form_say_everything() -> None:
    texts = ("shop", "i", "s", TRACE_ID, SPAN_ID, "planner 😀", '{"zone":"b"}')
    assert read(fields=list(zip(PARAMETERS, texts, strict=True))) == CONTEXT


@pytest.mark.parametrize("prefix", ["", "X-Rak-"])
@pytest.mark.parametrize("space", ["-", "_"])
def test_headers_say_everything_under_either_name(prefix: str, space: str) -> None:
    texts = ("shop", "i", "s", TRACE_ID, SPAN_ID, "planner 😀", "zone=b")
    names = [(prefix + name.replace("_", space)).encode() for name in PARAMETERS]
    headers = [(name, text.encode()) for name, text in zip(names, texts, strict=True)]
    assert read(headers=headers) == CONTEXT


def test_the_query_wins_over_the_form_and_the_form_over_headers() -> None:
    headers = [(b"x-rak-service-name", b"header"), (b"session-id", b"header")]
    headers += [(b"agent_name", b"header")]
    fields = [("service_name", "form"), ("session_id", "form")]
    context = read("service_name=query", fields, headers)
    assert (context.service_name, context.session_id) == ("query", "form")
    assert context.agent_name == "header"


def test_traceparent_tells_the_ids_where_nothing_else_does() -> None:
    traceparent = (b"traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01".encode())
    told = read(headers=[traceparent])
    assert (told.trace_id, told.span_id) == (TRACE_ID, SPAN_ID)
    other = read(f"trace_id={OTHER_ID}", headers=[traceparent])
    assert (other.trace_id, other.span_id) == (OTHER_ID, "")


@pytest.mark.parametrize(
    "traceparent", ["", "00-1-2-3", f"00-{'0' * 32}-{'0' * 16}-01", f"{TRACE_ID}-{SPAN_ID}"]
)
def test_a_traceparent_that_is_none_says_nothing(traceparent: str) -> None:
    assert read(headers=[(b"traceparent", traceparent.encode())]) == ProfileContext(
        ProfileType.HEAP
    )


def test_ids_are_taken_in_upper_case() -> None:
    context = read(f"trace_id={TRACE_ID.upper()}&span_id={SPAN_ID.upper()}")
    assert (context.trace_id, context.span_id) == (TRACE_ID, SPAN_ID)


@pytest.mark.parametrize(
    ("labels", "read_as"),
    [
        ("a=b", (("a", "b"),)),
        ("a=b,c=d=e", (("a", "b"), ("c", "d=e"))),
        (" a = b , c = ", (("a", "b"), ("c", ""))),
        ('{"a":"b","c":""}', (("a", "b"), ("c", ""))),
        (' {"a":1,"b":2.5,"c":true}', (("a", "1"), ("b", "2.5"), ("c", "true"))),
    ],
)
def test_labels_are_a_json_object_or_a_list(
    labels: str, read_as: tuple[tuple[str, str], ...]
) -> None:
    assert read(fields=[("labels", labels)]).labels == read_as


REFUSED = [
    ("trace_id", "trace_id=1", "32 hexadecimal digits"),
    ("trace_id", "trace_id=" + "0" * 32, "not all 0"),
    ("trace_id", "trace_id=" + "g" * 32, "32 hexadecimal digits"),
    ("span_id", "span_id=" + TRACE_ID, "16 hexadecimal digits"),
    ("service", "service=shop", "no such parameter; expected one of service_name, "),
    ("service_name", "service_name=a&service_name=b", "expected once"),
    ("service_name", "service_name=" + "x" * 1025, "at most 1024 characters, got 1025"),
    ("query", "service_name=%FF", "percent-encoded UTF-8"),
    ("query", "service_name=é", "percent-encoded UTF-8"),
    ("labels", "labels=a", "expected a JSON object of texts"),
    ("labels", "labels={", "expected a JSON object of texts"),
    ("labels", "labels=%7B%22a%22:%7B%7D%7D", "expected a JSON object of texts"),
    ("labels", "labels=%7B%22a%22:null%7D", "expected a JSON object of texts"),
    ("labels", "labels==b", "has no name"),
    ("labels", "labels=a=" + "x" * 1025, "longer than 1024 characters"),
    ("labels", "labels=" + ",".join(f"a{n}=" for n in range(65)), "at most 64 labels, got 65"),
    (
        "labels",
        "labels=" + ",".join(f"a{n}={'x' * 900}" for n in range(20)),
        "expected at most 16384",
    ),
]


@pytest.mark.parametrize(("field", "query", "text"), REFUSED)
def test_what_a_parameter_cannot_be_is_refused_by_its_name(
    field: str, query: str, text: str
) -> None:
    with pytest.raises(BadParameter, match=text) as raised:
        read(query)
    assert raised.value.field == field
    assert str(raised.value).startswith(f"{field}: ")


def test_a_header_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(BadParameter, match="service_name: expected UTF-8"):
        read(headers=[(b"service_name", b"\xff")])


def test_other_headers_are_none_of_our_business() -> None:
    assert read(headers=[(b"x-rak-service", b"a"), (b"\xff", b"\xff")]) == read()
