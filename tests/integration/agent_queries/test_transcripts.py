"""The transcript of `GET /api/v1/sessions/{session_id}`: from what SDKs send to what was said."""

import json
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from integration.agent_queries.known_work import settle
from integration.query import known_logs
from integration.query.api_client import Api
from integration.query.known_logs import KnownRecord
from integration.query.known_spans import SECOND, KnownSpan, key_values, request_of, store
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import Config

START = (time.time_ns() // SECOND - 20 * 86_400) * SECOND
MESSAGES = "t/1"
EVENTS = "t/2"
LONG = "t/3"
LARGE = "t/4"


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


CALL = {"type": "tool_call", "id": "c1", "name": "search", "arguments": {"q": "x" * 50}}
WISH = {"role": "assistant", "parts": [CALL]}
FOUND = {
    "role": "tool",
    "parts": [{"type": "tool_call_response", "id": "c1", "response": [1, "two"]}],
}
IMAGE = {"type": "blob", "modality": "image", "content": "AAAA"}
ASKED = {"role": "user", "parts": [{"type": "text", "content": "find x"}, IMAGE]}


def span(trace: int, number: int, name: str, parent: int = 0, **attributes: Any) -> KnownSpan:
    """Return a span that begins `number` seconds into its trace, a minute after the one before."""
    kinds = {"chat": "chat", "tool": "execute_tool", "run": "invoke_agent"}
    return KnownSpan(
        f"{trace:032x}",
        f"{trace:08x}{number:08x}",
        START + trace * 60 * SECOND + number * SECOND,
        duration=SECOND // 2 if name != "run" else 50 * SECOND,
        parent=f"{trace:08x}{parent:08x}" if parent else "",
        name=name,
        attributes={"gen_ai.operation.name": kinds[name], **attributes},
    )


def messages_session() -> list[KnownSpan]:
    """An agent that calls a tool, told three times over, and goes on in another trace."""
    everything = [said("system", "Be brief."), ASKED, WISH, FOUND, said("assistant", "found")]
    again = [*everything, said("user", "thanks")]
    names = {"session.id": MESSAGES, "gen_ai.agent.name": "finder"}
    return [
        span(1, 1, "run", **names, **{"pydantic_ai.all_messages": json.dumps(everything)}),
        span(
            1,
            2,
            "chat",
            1,
            **{
                "gen_ai.system_instructions": json.dumps(everything[0]["parts"]),
                "gen_ai.input.messages": [ASKED],
                "gen_ai.output.messages": [{**WISH, "finish_reason": "tool_call"}],
            },
        ),
        span(
            1,
            3,
            "tool",
            1,
            **{
                "gen_ai.tool.name": "search",
                "gen_ai.tool.call.id": "c1",
                "gen_ai.tool.call.arguments": json.dumps(CALL["arguments"]),
                "gen_ai.tool.call.result": '[1,"two"]',
            },
        ),
        span(
            1,
            4,
            "chat",
            1,
            **{
                "gen_ai.system_instructions": json.dumps(everything[0]["parts"]),
                "gen_ai.input.messages": json.dumps([ASKED, WISH, FOUND]),
                "gen_ai.output.messages": json.dumps(everything[-1:]),
            },
        ),
        span(2, 1, "run", **names),
        span(
            2,
            2,
            "chat",
            1,
            **{
                "gen_ai.input.messages": json.dumps(again),
                "gen_ai.output.messages": '[{"role": "assist',
            },
        ),
    ]


def events_request() -> ExportTraceServiceRequest:
    """A call told by events of its span, and one whose log records tell it."""
    first = span(3, 1, "chat", **{"session.id": EVENTS})
    request = request_of([first, span(3, 2, "chat", **{"session.id": EVENTS})])
    sent = request.resource_spans[0].scope_spans[0].spans[0]
    for name, attributes in (
        ("gen_ai.user.message", {"content": "hi", "gen_ai.system": "openai"}),
        ("exception", {"exception.type": "ValueError"}),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "hello"}'}),
    ):
        event = sent.events.add(time_unix_nano=first.start, name=name)
        event.attributes.extend(key_values(attributes))
    return request


def records() -> list[KnownRecord]:
    told = span(3, 2, "chat")
    where = {"trace_id": told.trace_id, "span_id": told.span_id}
    history = [("user", "hi"), ("assistant", "hello"), ("user", "and now?")]
    return [
        *(
            KnownRecord(
                told.start + number,
                body={"content": text},
                event=f"gen_ai.{role}.message",
                **where,
            )
            for number, (role, text) in enumerate(history)
        ),
        # As SDKs told the name of an event before records had one.
        KnownRecord(
            told.end,
            body={"index": 0, "message": {"role": "assistant", "content": "bye"}},
            attributes={"event.name": "gen_ai.choice"},
            **where,
        ),
        KnownRecord(told.end, body="no message", event="other", **where),
    ]


def shared_trace() -> list[KnownSpan]:
    """One trace of two sessions, as a batch job makes, whose calls name neither themselves."""
    spans = []
    for number, session in enumerate(("t/one", "t/two")):
        root = 10 * number + 1
        question = json.dumps([said("user", f"for {session}")])
        spans.append(span(7, root, "run", **{"session.id": session, "gen_ai.agent.name": "a"}))
        spans.append(span(7, root + 1, "chat", root, **{"gen_ai.input.messages": question}))
    return spans


def long_session(traces: int) -> list[KnownSpan]:
    """A conversation that goes on for many traces, every call repeating all of it."""
    history: list[dict[str, Any]] = []
    spans = []
    for number in range(traces):
        history.append(said("user", f"question {number}"))
        answer = said("assistant", f"answer {number}")
        attributes = {
            "session.id": LONG,
            "gen_ai.input.messages": json.dumps(history),
            "gen_ai.output.messages": json.dumps([answer]),
        }
        spans.append(span(1_000 + number, 1, "chat", **attributes))
        history.append(answer)
    return spans


@pytest.fixture(scope="module")
def told(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything stored twice but the long session, as after a retry."""
    now = time.time_ns()
    large = [
        span(
            5_000 + number,
            1,
            "chat",
            **{"session.id": LARGE, "gen_ai.input.messages": json.dumps([said("user", letter)])},
        )
        for number, letter in enumerate(letter * 8_000_000 for letter in "abcdefghij")
    ]
    for again in (now, now + SECOND):
        store(config.clickhouse, request_of(messages_session()), again)
        store(config.clickhouse, events_request(), again)
        known_logs.store(config.clickhouse, records(), again)
    store(config.clickhouse, request_of([*long_session(120), *shared_trace()]), now)
    for one in large:
        store(config.clickhouse, request_of([one]), now)
    settle(config, tmp_path_factory.mktemp("told"))


def transcript(api: Api, session: str, **asked: str) -> list[dict[str, Any]]:
    """Return the messages of all pages."""
    lines: list[dict[str, Any]] = []
    while True:
        page = api.get(f"/api/v1/sessions/{session}", asked).json["transcript"]
        assert page["complete"] is True
        lines += page["items"]
        if page["next_cursor"] is None:
            return lines
        asked["cursor"] = page["next_cursor"]


def words(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (line["role"], part.get("text", part["type"])) for line in lines for part in line["parts"]
    ]


@pytest.mark.parametrize("limit", ["1", "3", "100"])
def test_every_message_and_call_comes_once_and_in_order(api: Api, told: None, limit: str) -> None:
    lines = transcript(api, MESSAGES, limit=limit)
    assert words(lines) == [
        ("system", "Be brief."),
        ("user", "find x"),
        ("user", "other"),
        ("assistant", "tool_call"),
        ("tool", "tool_result"),
        ("assistant", "found"),
        ("user", "thanks"),
        # No JSON: shown as the text that it is.
        ("assistant", '[{"role": "assist'),
    ]
    first, second = span(1, 2, "chat"), span(1, 3, "tool")
    assert lines[1] == {
        "timestamp": format_time(first.start),
        "trace_id": first.trace_id,
        "span_id": first.span_id,
        "agent_name": "finder",
        "role": "user",
        "parts": [
            {"type": "text", "text": "find x", "cut": False, "extra": {}},
            {"type": "other", "raw": IMAGE, "cut": False},
        ],
        "extra": {},
    }
    assert lines[2]["timestamp"] == format_time(first.end)
    assert lines[2]["extra"] == {"finish_reason": "tool_call"}
    assert lines[2]["parts"] == [
        {
            "type": "tool_call",
            "id": "c1",
            "name": "search",
            "arguments": CALL["arguments"],
            "cut": False,
            "extra": {},
        }
    ]
    assert lines[3]["span_id"] == second.span_id
    assert lines[3]["parts"] == [
        {
            "type": "tool_result",
            "id": "c1",
            "name": "search",
            "result": [1, "two"],
            "cut": False,
            "extra": {},
        }
    ]


def test_long_contents_are_cut_and_say_so(api: Api, told: None) -> None:
    lines = transcript(api, MESSAGES, max_content="8")
    parts = [part for line in lines for part in line["parts"]]
    assert parts[0] == {"type": "text", "text": "Be brief", "cut": True, "extra": {}}
    assert parts[1]["text"] == "find x"
    assert (parts[2]["raw"], parts[2]["cut"]) == ('{"conten', True)
    assert (parts[3]["arguments"], parts[3]["cut"]) == ('{"q":"xx', True)
    assert (parts[4]["result"], parts[4]["cut"]) == ('[1,"two"', True)
    none = transcript(api, MESSAGES, max_content="0")
    assert words(none)[:2] == [("system", ""), ("user", "")]


def test_events_of_spans_and_log_records_tell_the_same_conversation(api: Api, told: None) -> None:
    lines = transcript(api, EVENTS)
    assert words(lines) == [
        ("user", "hi"),
        ("assistant", "hello"),
        ("user", "and now?"),
        ("assistant", "bye"),
    ]
    later = span(3, 2, "chat")
    assert [line["span_id"] for line in lines[2:]] == [later.span_id] * 2
    assert lines[3]["timestamp"] == format_time(later.end)


@pytest.mark.parametrize("limit", ["7", "100", "1000"])
def test_a_long_session_is_read_in_portions_without_repeating_anything(
    api: Api, told: None, limit: str
) -> None:
    expected = [
        (role, f"{what} {number}")
        for number in range(120)
        for role, what in (("user", "question"), ("assistant", "answer"))
    ]
    assert words(transcript(api, LONG, limit=limit)) == expected


def test_of_a_trace_of_two_sessions_each_shows_its_own(api: Api, told: None) -> None:
    for session in ("t/one", "t/two"):
        assert words(transcript(api, session)) == [("user", f"for {session}")]
        page = api.get(f"/api/v1/sessions/{session}").json
        assert (page["session"]["spans"], page["session"]["llm_calls"]) == (2, 1)


def test_a_session_of_large_messages_comes_in_pages_that_can_be_read(api: Api, told: None) -> None:
    """Eighty megabytes: fewer traces are read at once, and pages end early."""
    lines = transcript(api, LARGE, max_content="8000000")
    assert [text[0] for _, text in words(lines)] == list("abcdefghij")
    assert [len(text) for _, text in words(lines)] == [8_000_000] * 10
    assert len(transcript(api, LARGE, max_content="10", limit="4")) == 10
