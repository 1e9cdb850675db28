"""What a span tells, by each way in which SDKs write it.

The shapes are those that the named SDK's source writes.
"""

import json
from typing import Any

import pytest

from rak_services.query.sessions.messages import (
    Message,
    Other,
    Reasoning,
    Text,
    Told,
    ToolCall,
    ToolResult,
)
from rak_services.query.sessions.sources import told_by as all_told_by
from rak_services.query.sessions.span_content import ContentEvent, SpanContent

SYSTEM = Message("system", (Text("Be brief."),))
USER = Message("user", (Text("Weather in Paris?"),))
CALL = ToolCall("call_1", "weather", {"city": "Paris"})
ASKS = Message("assistant", (CALL,))
RESULT = Message("tool", (ToolResult("call_1", "", "rainy, 57°F"),))
ANSWER = Message("assistant", (Text("It rains."),))
EXPECTED = Told((SYSTEM, USER, ASKS, RESULT), (ANSWER,))


def span(
    attributes: dict[str, Any] | None = None, *events: ContentEvent, **facts: Any
) -> SpanContent:
    facts.setdefault("operation", "llm")
    return SpanContent("t", "s", 1, 2, attributes=attributes or {}, events=events, **facts)


def told_by(span: SpanContent) -> Told:
    """Return what a span tells of one piece of work."""
    told = all_told_by(span)
    assert len(told) <= 1
    return told[0] if told else Told()


def event(name: str, body: Any = None, **attributes: Any) -> ContentEvent:
    return ContentEvent(1, name, attributes, body)


def without_extra(told: Told) -> Told:
    """Return the same without what is told beside the messages, such as a finish reason."""
    return Told(
        tuple(Message(m.role, m.parts) for m in told.inputs),
        tuple(Message(m.role, m.parts) for m in told.outputs),
    )


# What the conventions from 1.37 on say, as examples of theirs.
INPUTS = [
    {"role": "user", "parts": [{"type": "text", "content": "Weather in Paris?"}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Paris"}}
        ],
    },
    {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call_1", "response": "rainy, 57°F"}],
    },
]
OUTPUTS = [
    {
        "role": "assistant",
        "parts": [{"type": "text", "content": "It rains."}],
        "finish_reason": "stop",
    }
]
INSTRUCTIONS = [{"type": "text", "content": "Be brief."}]
CONVENTIONS = {
    "gen_ai.system_instructions": INSTRUCTIONS,
    "gen_ai.input.messages": INPUTS,
    "gen_ai.output.messages": OUTPUTS,
}
AS_TEXT = {key: json.dumps(value) for key, value in CONVENTIONS.items()}
DETAILS = "gen_ai.client.inference.operation.details"

# `opentelemetry-instrumentation-openai-v2`, log records.
OPENAI_RECORDS = (
    event("gen_ai.system.message", {"content": "Be brief."}),
    event("gen_ai.user.message", {"content": "Weather in Paris?"}),
    event(
        "gen_ai.assistant.message",
        {
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                }
            ]
        },
    ),
    event("gen_ai.tool.message", {"content": "rainy, 57°F", "id": "call_1"}),
    event(
        "gen_ai.choice",
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "It rains."},
        },
    ),
)
# The same as events of the span: a body is what the attributes say.
SPAN_EVENTS = tuple(
    event(e.name, None, **e.body, **{"gen_ai.system": "openai"}) for e in OPENAI_RECORDS
)
# Azure's SDKs: the body as JSON text in one attribute.
AZURE_EVENTS = tuple(
    event(e.name, None, **{"gen_ai.system": "az", "gen_ai.event.content": json.dumps(e.body)})
    for e in OPENAI_RECORDS
)
# pydantic-ai 0.2: `events` of a call.
PYDANTIC_EVENTS = [
    {"content": "Be brief.", "role": "system", "event.name": "gen_ai.system.message"},
    {
        "content": "Weather in Paris?",
        "role": "user",
        "gen_ai.message.index": 0,
        "event.name": "gen_ai.user.message",
    },
    {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": {"city": "Paris"}},
            }
        ],
        "gen_ai.message.index": 1,
        "event.name": "gen_ai.assistant.message",
    },
    {
        "content": "rainy, 57°F",
        "role": "tool",
        "id": "call_1",
        "gen_ai.message.index": 2,
        "event.name": "gen_ai.tool.message",
    },
]
PYDANTIC_CHOICE = {
    "index": 0,
    "message": {"role": "assistant", "content": "It rains."},
    "gen_ai.system": "openai",
    "event.name": "gen_ai.choice",
}
# OpenLLMetry 0.40.
NUMBERED = {
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Be brief.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Weather in Paris?",
    "gen_ai.prompt.2.role": "assistant",
    "gen_ai.prompt.2.tool_calls.0.id": "call_1",
    "gen_ai.prompt.2.tool_calls.0.name": "weather",
    "gen_ai.prompt.2.tool_calls.0.arguments": '{"city": "Paris"}',
    "gen_ai.prompt.3.role": "tool",
    "gen_ai.prompt.3.content": "rainy, 57°F",
    "gen_ai.prompt.3.tool_call_id": "call_1",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "It rains.",
    "gen_ai.completion.0.finish_reason": "stop",
}
# The conventions up to 1.27: one event for all prompts, with JSON of OpenAI's messages.
PROMPTS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Paris?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "rainy, 57°F"},
]
PROMPT_EVENTS = (
    event("gen_ai.content.prompt", None, **{"gen_ai.prompt": json.dumps(PROMPTS)}),
    event(
        "gen_ai.content.completion",
        None,
        **{"gen_ai.completion": json.dumps([{"role": "assistant", "content": "It rains."}])},
    ),
)


@pytest.mark.parametrize(
    "told",
    [
        span(CONVENTIONS),
        span(AS_TEXT),
        span({}, event(DETAILS, None, **AS_TEXT)),
        span({}, event(DETAILS, CONVENTIONS)),
        span({}, event(DETAILS, "", **CONVENTIONS)),
        span({}, *OPENAI_RECORDS),
        span({}, *SPAN_EVENTS),
        span({}, *AZURE_EVENTS),
        span({"events": json.dumps([*PYDANTIC_EVENTS, PYDANTIC_CHOICE])}),
        span(NUMBERED),
        span({}, *PROMPT_EVENTS),
        span({"gen_ai.prompt": json.dumps(PROMPTS), "gen_ai.completion": "It rains."}),
    ],
)
def test_every_way_of_telling_a_call_reads_as_the_same_messages(told: SpanContent) -> None:
    assert without_extra(told_by(told)) == EXPECTED


def test_events_of_several_calls_in_one_span_are_told_apart() -> None:
    """As SDKs write them whose own span is not the current one."""
    user = event("gen_ai.user.message", {"content": "Weather in Paris?"})._replace(timestamp=5)
    choice = event("gen_ai.choice", {"message": {"content": "It rains."}})._replace(timestamp=6)
    other = event("exception", None)
    agent = span({}, user, choice, choice, other, user._replace(timestamp=7), operation="agent")
    assert all_told_by(agent) == [
        Told((USER,), (ANSWER, ANSWER), (5, 6)),
        Told((USER,), (), (7, 7)),
    ]


def test_what_is_told_beside_a_message_is_kept() -> None:
    for told in (span(CONVENTIONS), span({}, *OPENAI_RECORDS), span(NUMBERED)):
        (answer,) = told_by(told).outputs
        assert answer.extra == {"finish_reason": "stop"}
    part = {"type": "text", "content": "a", "annotations": [{"url": "u"}], "visible": False}
    (message,) = told_by(
        span({"gen_ai.input.messages": [{"role": "user", "parts": [part]}]})
    ).inputs
    assert message.parts == (Text("a", {"annotations": [{"url": "u"}], "visible": False}),)


def test_runs_of_pydantic_ai_tell_all_messages_of_a_run() -> None:
    last = {"role": "assistant", "content": "It rains.", "event.name": "gen_ai.assistant.message"}
    old = {"all_messages_events": json.dumps([*PYDANTIC_EVENTS, last])}
    system = {"role": "system", "parts": INSTRUCTIONS}
    new = {"pydantic_ai.all_messages": json.dumps([system, *INPUTS, *OUTPUTS])}
    for attributes in (old, new):
        assert without_extra(told_by(span(attributes, operation="agent"))) == EXPECTED


def test_googles_adk_tells_requests_and_responses_of_gemini() -> None:
    request = {
        "model": "gemini-2.5-flash",
        "config": {"system_instruction": "Be brief.", "tools": []},
        "contents": [
            {"parts": [{"text": "Weather in Paris?"}], "role": "user"},
            {
                "parts": [
                    {
                        "function_call": {
                            "id": "call_1",
                            "args": {"city": "Paris"},
                            "name": "weather",
                        }
                    }
                ],
                "role": "model",
            },
            {
                "parts": [
                    {
                        "function_response": {
                            "id": "call_1",
                            "name": "weather",
                            "response": {"result": "rainy, 57°F"},
                        }
                    }
                ],
                "role": "user",
            },
        ],
    }
    response = {
        "content": {
            "parts": [{"text": "Paris is north.", "thought": True}, {"text": "It rains."}],
            "role": "model",
        },
        "finish_reason": "STOP",
        "usage_metadata": {"total_token_count": 9},
    }
    told = told_by(
        span(
            {
                "gcp.vertex.agent.llm_request": json.dumps(request),
                "gcp.vertex.agent.llm_response": json.dumps(response),
            }
        )
    )
    result = Message("tool", (ToolResult("call_1", "weather", {"result": "rainy, 57°F"}),))
    answer = Message("assistant", (Reasoning("Paris is north."), Text("It rains.")))
    assert told == Told((SYSTEM, USER, ASKS, result), (answer,))


def test_googles_adk_tells_nothing_where_it_may_not_and_errors_where_there_are() -> None:
    elided = {"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.llm_response": "{}"}
    assert told_by(span(elided)) == Told()
    failed = {"gcp.vertex.agent.llm_response": '{"error_code":"429","error_message":"slow down"}'}
    (message,) = told_by(span(failed)).outputs
    assert message.parts == (Other({"error_code": "429", "error_message": "slow down"}),)


def test_adks_records_hold_contents_of_gemini() -> None:
    content = {"parts": [{"text": "Weather in Paris?"}], "role": "user"}
    chosen = {"content": {"parts": [{"text": "It rains."}], "role": "model"}, "index": 0}
    told = told_by(
        span(
            {},
            event("gen_ai.system.message", {"content": "Be brief."}),
            event("gen_ai.user.message", {"content": content}),
            event("gen_ai.choice", {**chosen, "finish_reason": "STOP"}),
        )
    )
    assert without_extra(told) == Told((SYSTEM, USER), (ANSWER,))


TOLD_OF_TOOL = Told(
    (ASKS,), (Message("tool", (ToolResult("call_1", "weather", {"sky": "grey"}),)),)
)


@pytest.mark.parametrize(
    "told",
    [
        span(
            {
                "gen_ai.tool.call.arguments": '{"city":"Paris"}',
                "gen_ai.tool.call.result": '{"sky":"grey"}',
            }
        ),
        span(
            {
                "gen_ai.tool.call.arguments": {"city": "Paris"},
                "gen_ai.tool.call.result": {"sky": "grey"},
            }
        ),
        span(
            {
                "gcp.vertex.agent.tool_call_args": '{"city": "Paris"}',
                "gcp.vertex.agent.tool_response": '{"sky": "grey"}',
                "gcp.vertex.agent.llm_request": "{}",
                "gcp.vertex.agent.llm_response": "{}",
            }
        ),
        span({"tool_arguments": '{"city":"Paris"}', "tool_response": '{"sky":"grey"}'}),
        # Strands: the message holds the arguments, the choice the result.
        span(
            {},
            event(
                "gen_ai.tool.message", None, role="tool", content='{"city": "Paris"}', id="call_1"
            ),
            event("gen_ai.choice", None, message='{"sky": "grey"}', id="call_1"),
        ),
    ],
)
def test_every_way_of_telling_a_call_of_a_tool_reads_as_the_same(told: SpanContent) -> None:
    tool = SpanContent(
        "t",
        "s",
        1,
        2,
        "tool",
        "",
        "weather",
        "call_1",
        attributes=told.attributes,
        events=told.events,
    )
    assert told_by(tool) == TOLD_OF_TOOL


def test_a_span_that_repeats_several_calls_of_tools_tells_none_itself() -> None:
    merged = {"gcp.vertex.agent.tool_call_args": "N/A", "gcp.vertex.agent.tool_response": "[]"}
    assert told_by(span(merged, operation="tool", tool_name="(merged tools)")) == Told()


@pytest.mark.parametrize(
    "broken", ['[{"role": "user"', "{", "[1, 2", "not JSON at all", "[" * 5_000]
)
@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.input.messages",
        "gen_ai.prompt",
        "gcp.vertex.agent.llm_request",
        "pydantic_ai.all_messages",
        "gen_ai.prompt.0.content",
    ],
)
def test_what_is_no_json_is_shown_as_the_text_that_it_is(key: str, broken: str) -> None:
    assert told_by(span({key: broken})).inputs == (Message("user", (Text(broken),)),)


def test_arguments_that_are_no_json_stay_a_text() -> None:
    broken = span({"gen_ai.tool.call.arguments": '{"city":'}, operation="tool", tool_name="weather")
    assert told_by(broken).inputs == (Message("assistant", (ToolCall("", "weather", '{"city":'),)),)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"},
        {"type": "uri", "uri": "gs://b/x.png"},
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "hologram", "depth": 3},
        {"inline_data": {"mime_type": "image/png"}},
        {"kind": "image-url", "url": "u"},
        {"type": "text", "content": 5},
        7,
        None,
    ],
)
def test_a_part_of_an_unknown_kind_survives_whole(part: Any) -> None:
    told = told_by(span({"gen_ai.input.messages": [{"role": "user", "parts": [part]}]}))
    assert told.inputs == (Message("user", (Other(part),)),)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "thinking", "thinking": "Hm", "signature": "x"},
            Reasoning("Hm", {"signature": "x"}),
        ),
        ({"type": "reasoning", "content": "Hm"}, Reasoning("Hm")),
        ({"type": "output_text", "text": "a"}, Text("a")),
        ({"type": "tool_use", "id": "1", "name": "f", "input": {}}, ToolCall("1", "f", {})),
        (
            {"toolUse": {"toolUseId": "1", "name": "f", "input": {"a": 1}}},
            ToolCall("1", "f", {"a": 1}),
        ),
        ({"functionCall": {"name": "f", "args": {}}}, ToolCall("", "f", {})),
        (
            {"type": "server_tool_call", "id": "1", "name": "web", "server_tool_call": {"q": "x"}},
            ToolCall("1", "web", {"q": "x"}, {"type": "server_tool_call"}),
        ),
        (
            {"type": "function_call", "id": "fc", "call_id": "1", "name": "f", "arguments": "{}"},
            ToolCall("1", "f", {}),
        ),
    ],
)
def test_parts_of_each_provider_are_read(part: Any, expected: Any) -> None:
    told = told_by(span({"gen_ai.output.messages": [{"role": "assistant", "parts": [part]}]}))
    assert told.outputs == (Message("assistant", (expected,)),)


def test_results_that_one_message_gathers_are_a_message_each() -> None:
    """Anthropic's messages of a user hold results beside what the user says."""
    content = [
        {"type": "tool_result", "tool_use_id": "1", "content": "one"},
        {"type": "tool_result", "tool_use_id": "2", "content": "two"},
        {"type": "text", "text": "Go on."},
    ]
    told = told_by(span({"gen_ai.prompt": json.dumps([{"role": "user", "content": content}])}))
    assert told.inputs == (
        Message("tool", (ToolResult("1", "", "one"),)),
        Message("tool", (ToolResult("2", "", "two"),)),
        Message("user", (Text("Go on."),)),
    )


def test_a_text_that_happens_to_be_json_stays_what_a_user_wrote() -> None:
    for text in ('{"a": 1}', "[1, 2]", '[{"a": 1}]', "[]"):
        told = told_by(span({}, event("gen_ai.user.message", {"content": text})))
        assert told.inputs == (Message("user", (Text(text),)),)


def test_the_texts_of_embeddings_are_no_conversation() -> None:
    assert told_by(span({"gen_ai.prompt.0.content": "a"}, operation="embedding")) == Told()
