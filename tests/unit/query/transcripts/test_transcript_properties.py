"""What holds for every conversation, and for whatever attributes hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import encode as json_encode

from rak_services.query.sessions.messages import Message, Text
from rak_services.query.sessions.shown_parts import shown
from rak_services.query.sessions.span_content import (
    CONTENT_EVENTS,
    CONTENT_KEYS,
    ContentEvent,
    SpanContent,
)
from rak_services.query.sessions.transcript import Transcript

_SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8)
_NAMES = st.sampled_from(
    [
        *("role", "parts", "content", "type", "text", "tool_calls", "function", "name", "id"),
        *("arguments", "message", "messages", "contents", "config", "function_call", "response"),
        *("event.name", "tool_call", "gen_ai.choice", "system_instruction", "toolResult"),
    ]
)
_VALUES = st.recursive(
    _SCALARS | _NAMES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_NAMES | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)
_ATTRIBUTE_VALUES = _VALUES | _VALUES.map(json.dumps) | st.text(max_size=20)
_KEYS = st.sampled_from(
    [*CONTENT_KEYS, *(f"gen_ai.prompt.{n}.{name}" for n in (0, 1) for name in ("role", "content"))]
) | st.text(max_size=5).map("gen_ai.completion.0.tool_calls.".__add__)
_ATTRIBUTES = st.dictionaries(_KEYS | _NAMES, _ATTRIBUTE_VALUES, max_size=5)
_EVENTS = st.builds(
    ContentEvent, st.integers(0, 9), st.sampled_from(CONTENT_EVENTS), _ATTRIBUTES, _ATTRIBUTE_VALUES
)
_SPANS = st.builds(
    SpanContent,
    trace_id=st.just("t"),
    span_id=st.text(alphabet="abc", min_size=1, max_size=2),
    timestamp=st.integers(0, 9),
    end=st.integers(9, 20),
    operation=st.sampled_from(["llm", "tool", "agent", "embedding", ""]),
    agent=st.sampled_from(["", "a", "b"]),
    tool_name=st.sampled_from(["", "search"]),
    tool_call_id=st.sampled_from(["", "c1"]),
    repeats=st.booleans(),
    attributes=_ATTRIBUTES,
    events=st.lists(_EVENTS, max_size=3).map(tuple),
)


@given(st.lists(st.lists(_SPANS, max_size=4), max_size=3))
def test_whatever_attributes_hold_is_read_without_an_error_and_in_order(
    traces: list[list[SpanContent]],
) -> None:
    transcript = Transcript()
    for spans in traces:
        lines = transcript.lines_of(spans)
        assert [line.timestamp for line in lines] == sorted(line.timestamp for line in lines)
        assert all(line.message.parts for line in lines)


@pytest.mark.parametrize("depth", [100, 500, 900, *range(980, 1_005), 10_000])
@pytest.mark.parametrize("key", ["gen_ai.output.messages", "gen_ai.tool.call.arguments"])
def test_what_is_nested_as_deeply_as_it_can_be_is_answered(key: str, depth: int) -> None:
    operation = "llm" if key.endswith("messages") else "tool"
    value = "[" * depth + "]" * depth
    text = f'[{{"role":"user","parts":[{value}]}}]' if operation == "llm" else value
    span = SpanContent("t", "s", 1, 2, operation, attributes={key: text})
    (line,) = Transcript().lines_of([span])
    answer = json_encode({"transcript": {"items": [shown(line, 100_000)]}})
    assert value.encode() in answer.replace(b"\\", b"")


_TURNS = st.lists(
    st.tuples(st.lists(st.sampled_from("xyz"), min_size=1, max_size=2), st.sampled_from("xyz")),
    min_size=1,
    max_size=8,
)


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


@given(_TURNS, st.sets(st.integers(0, 7)), st.booleans())
def test_every_message_of_a_conversation_is_shown_once_though_each_call_repeats_all(
    turns: list[tuple[list[str], str]], ends: set[int], twice: bool
) -> None:
    """Words repeat, traces end anywhere between two calls, and spans may be read twice."""
    history: list[dict[str, Any]] = [_message("system", "s")]
    traces: list[list[SpanContent]] = [[]]
    for number, (asked, answer) in enumerate(turns):
        history += [_message("user", text) for text in asked]
        attributes = {
            "gen_ai.input.messages": json.dumps(history),
            "gen_ai.output.messages": json.dumps([_message("assistant", answer)]),
        }
        history.append(_message("assistant", answer))
        start = number * 10
        facts = {"trace_id": "t", "timestamp": start, "end": start + 5, "attributes": attributes}
        traces[-1].append(SpanContent(span_id=f"s{number}", operation="llm", **facts))
        if twice:
            traces[-1].append(
                SpanContent(span_id=f"f{number}", operation="llm", repeats=True, **facts)
            )
        if number in ends:
            traces.append([])
    transcript = Transcript()
    lines = [line.message for spans in traces for line in transcript.lines_of(spans)]
    assert lines == [
        Message(message["role"], (Text(message["parts"][0]["content"]),)) for message in history
    ]
