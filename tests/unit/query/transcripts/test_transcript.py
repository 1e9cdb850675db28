"""What of the spans of a session's traces is shown, and in which order."""

import json
from collections.abc import Iterable
from typing import Any

from rak_services.query.sessions.messages import Message, Part, Text, ToolCall, ToolResult
from rak_services.query.sessions.span_content import ContentEvent, SpanContent
from rak_services.query.sessions.transcript import Line, Transcript


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def wish(call: str, name: str = "search", **arguments: Any) -> dict[str, Any]:
    part = {"type": "tool_call", "id": call, "name": name, "arguments": arguments}
    return {"role": "assistant", "parts": [part]}


def answered(call: str, response: Any) -> dict[str, Any]:
    part = {"type": "tool_call_response", "id": call, "response": response}
    return {"role": "tool", "parts": [part]}


def call(
    start: int, inputs: list[Any], outputs: list[Any], agent: str = "", **facts: Any
) -> SpanContent:
    """One call of a model, or what repeats it, lasting ten."""
    facts = {"operation": "llm", "trace_id": "t", "end": start + 10, **facts}
    return SpanContent(
        span_id=facts.pop("span_id", f"{facts['operation']}-{start}"),
        timestamp=start,
        agent=agent,
        attributes={
            "gen_ai.input.messages": json.dumps(inputs),
            "gen_ai.output.messages": json.dumps(outputs),
        },
        **facts,
    )


def tool(start: int, call_id: str, name: str, arguments: Any, result: Any) -> SpanContent:
    attributes = {
        "gen_ai.tool.call.arguments": json.dumps(arguments),
        "gen_ai.tool.call.result": result if isinstance(result, str) else json.dumps(result),
    }
    return SpanContent(
        "t", f"tool-{start}", start, start + 10, "tool", "", name, call_id, attributes=attributes
    )


def word(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case ToolCall():
            return f"{part.name}({part.id})"
        case ToolResult():
            return f"={part.result}"
        case _:
            return "?"


def shown(lines: Iterable[Line]) -> list[str]:
    return [f"{line.message.role}: {' '.join(map(word, line.message.parts))}" for line in lines]


def transcript(*traces: list[SpanContent]) -> list[str]:
    together = Transcript()
    return [line for trace in traces for line in shown(together.lines_of(trace))]


S, U1, A1, U2, A2 = (
    said("system", "Be brief."),
    said("user", "one?"),
    said("assistant", "one."),
    said("user", "two?"),
    said("assistant", "two."),
)


def test_a_call_that_repeats_the_history_shows_what_is_new() -> None:
    first = call(0, [S, U1], [A1])
    second = call(100, [S, U1, A1, U2], [A2])
    expected = [
        "system: Be brief.",
        "user: one?",
        "assistant: one.",
        "user: two?",
        "assistant: two.",
    ]
    assert transcript([first, second]) == expected
    assert transcript([first], [second]) == expected


def test_a_call_of_a_tool_is_shown_once_though_three_spans_tell_it() -> None:
    spans = [
        call(0, [U1], [wish("c1", q="x")]),
        tool(20, "c1", "search", {"q": "x"}, "found"),
        call(40, [U1, wish("c1", q="x"), answered("c1", "found")], [A1]),
    ]
    assert transcript(spans) == [
        "user: one?",
        "assistant: search(c1)",
        "tool: =found",
        "assistant: one.",
    ]


def test_calls_without_ids_are_matched_by_name_and_arguments_as_often_as_they_are_told() -> None:
    twice = {"role": "assistant", "parts": wish("", q="x")["parts"] * 2}
    spans = [
        call(0, [U1], [twice]),
        tool(20, "", "search", {"q": "x"}, "a"),
        tool(21, "", "search", {"q": "x"}, "b"),
        tool(22, "", "search", {"q": "x"}, "c"),
    ]
    assert transcript(spans) == [
        "user: one?",
        "assistant: search() search()",
        "assistant: search()",
        "tool: =a",
        "tool: =b",
        "tool: =c",
    ]


def test_a_tool_is_shown_when_no_model_tells_of_it() -> None:
    assert transcript([tool(0, "", "search", {}, [1])]) == ["assistant: search()", "tool: =[1]"]


def test_an_agents_span_that_repeats_its_calls_adds_nothing() -> None:
    everything = [S, U1, wish("c1"), answered("c1", "found"), A1]
    spans = [
        call(0, everything[:-1], everything[-1:], "a", operation="agent", end=200),
        call(10, [S, U1], [wish("c1")], "a"),
        call(100, everything[:-1], [A1], "a"),
    ]
    assert transcript(spans) == [
        "system: Be brief.",
        "user: one?",
        "assistant: search(c1)",
        "tool: =found",
        "assistant: one.",
    ]


def test_a_frameworks_span_around_an_sdks_tells_the_same_call() -> None:
    spans = [
        call(0, [S, U1], [A1], operation="llm", repeats=True, end=50),
        call(10, [S, U1], [A1]),
    ]
    assert transcript(spans) == ["system: Be brief.", "user: one?", "assistant: one."]


def test_an_agent_without_spans_below_is_shown_by_itself() -> None:
    first = call(0, [U1], [A1], "a", operation="agent")
    again = call(100, [U1], [A1], "a", operation="agent", trace_id="t2")
    once = ["user: one?", "assistant: one."]
    assert transcript([first]) == once
    assert transcript([first], [again]) == once * 2


def test_the_same_words_said_again_are_shown_again() -> None:
    yes, ok = said("user", "yes"), said("assistant", "ok")
    first = call(0, [yes], [ok])
    assert (
        transcript([first, call(100, [yes, ok, yes], [ok])]) == ["user: yes", "assistant: ok"] * 2
    )
    # A run that remembers nothing, about the same words.
    assert transcript([first], [call(100, [yes], [ok])]) == ["user: yes", "assistant: ok"] * 2


def test_a_call_that_is_tried_again_shows_its_inputs_once() -> None:
    failed, retried = call(0, [S, U1], []), call(50, [S, U1], [A1])
    assert transcript([failed, retried]) == ["system: Be brief.", "user: one?", "assistant: one."]


def test_a_history_that_lost_its_beginning_is_recognised() -> None:
    """A window that slides, and a summary in the place of what was left out."""
    first = call(0, [S, U1], [A1])
    second = call(100, [S, U1, A1, U2], [A2])
    slid = call(200, [S, U2, A2, said("user", "three?")], [])
    summed = call(300, [S, said("user", "summary"), A2, said("user", "four?")], [])
    assert transcript([first, second, slid, summed])[5:] == [
        "user: three?",
        "user: summary",
        "user: four?",
    ]


def test_parallel_calls_of_one_agent_do_not_forget_one_another() -> None:
    spans = [
        call(0, [S, U1], [A1]),
        call(1, [S, U2], [A2]),
        call(50, [S, U1, A1, said("user", "more?")], []),
        call(51, [S, U2, A2, said("user", "and more?")], []),
    ]
    assert transcript(spans)[-2:] == ["user: more?", "user: and more?"]


def test_an_agent_that_is_handed_a_conversation_does_not_tell_it_again() -> None:
    other = said("system", "You translate.")
    spans = [
        call(0, [S, U1], [wish("h", "transfer")], "triage"),
        call(50, [other, U1, wish("h", "transfer"), answered("h", "ok")], [A1], "translator"),
        call(
            100, [other, U1, wish("h", "transfer"), answered("h", "ok"), A1, U1], [A1], "translator"
        ),
    ]
    assert transcript(spans) == [
        "system: Be brief.",
        "user: one?",
        "assistant: transfer(h)",
        "system: You translate.",
        "tool: =ok",
        "assistant: one.",
        "user: one?",
        "assistant: one.",
    ]


def test_every_agent_shows_its_instructions() -> None:
    spans = [call(0, [S, U1], [A1], "a"), call(50, [said("system", "Other."), U2], [A2], "b")]
    assert transcript(spans) == [
        "system: Be brief.",
        "user: one?",
        "assistant: one.",
        "system: Other.",
        "user: two?",
        "assistant: two.",
    ]


def test_what_a_model_thought_is_missing_from_the_history_and_recognised_all_the_same() -> None:
    thought = {"type": "reasoning", "content": "Hm."}
    answer = {"role": "assistant", "parts": [thought, *A1["parts"]], "finish_reason": "stop"}
    assert transcript([call(0, [U1], [answer]), call(50, [U1, A1, U2], [A2])]) == [
        "user: one?",
        "assistant: ? one.",
        "user: two?",
        "assistant: two.",
    ]


def test_calls_that_the_events_of_one_span_tell_are_shown_by_their_own_times() -> None:
    def event(time: int, name: str, **body: Any) -> ContentEvent:
        return ContentEvent(time, name, {}, body)

    asked = event(1, "gen_ai.user.message", content="one?")
    answered = event(2, "gen_ai.choice", message={"content": "one."})
    history = event(3, "gen_ai.assistant.message", content="one.")
    again = event(3, "gen_ai.user.message", content="two?")
    bye = event(4, "gen_ai.choice", message={"content": "two."})
    events = (asked, answered, asked._replace(timestamp=3), history, again, bye)
    lines = Transcript().lines_of([SpanContent("t", "run", 0, 9, "agent", "a", events=events)])
    assert shown(lines) == ["user: one?", "assistant: one.", "user: two?", "assistant: two."]
    assert [line.timestamp for line in lines] == [1, 2, 3, 4]
    assert [line.ordinal for line in lines] == [0, 1, 2, 3]


def test_lines_are_in_the_order_of_time_and_carry_their_span() -> None:
    spans = [call(30, [U2], [A2], "b"), call(0, [U1], [A1], "a")]
    lines = Transcript().lines_of(spans)
    assert [(line.timestamp, line.span_id, line.ordinal, line.agent) for line in lines] == [
        (0, "llm-0", 0, "a"),
        (10, "llm-0", 1, "a"),
        (30, "llm-30", 0, "b"),
        (40, "llm-30", 1, "b"),
    ]
    assert lines[0].message == Message("user", (Text("one?"),))
