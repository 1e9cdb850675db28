"""The transcript of what pydantic-ai itself tells, in every format that it has.

An agent calls two tools at once, one of which runs another agent, and then goes on in a second run.
"""

import asyncio
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.test import TestModel

from rak_services.query.sessions.messages import Part, Text, ToolCall, ToolResult
from rak_services.query.sessions.span_content import SpanContent
from rak_services.query.sessions.transcript import Transcript

OPERATIONS = {"invoke_agent": "agent", "chat": "llm", "execute_tool": "tool"}


def two_runs(version: int) -> Sequence[ReadableSpan]:
    """Return the spans of both runs."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings = InstrumentationSettings(tracer_provider=provider, version=version)  # type: ignore[arg-type]
    helper = Agent(TestModel(), name="helper", instructions="Help.")
    boss = Agent(TestModel(call_tools=["weather", "ask"]), name="boss", instructions="Obey.")
    helper.instrument = boss.instrument = settings

    @boss.tool_plain
    def weather(city: str) -> dict[str, str]:
        return {"city": city, "sky": "grey"}

    @boss.tool_plain
    async def ask(question: str) -> str:
        return str((await helper.run(f"about {question}")).output)

    async def talk() -> None:
        first = await boss.run("hello")
        await boss.run("and again", message_history=first.all_messages())

    # `run_sync` leaves its event loop open.
    asyncio.run(talk())
    return exporter.get_finished_spans()


def content_of(span: ReadableSpan, agents: dict[int, str]) -> SpanContent:
    attributes = dict(span.attributes or {})
    assert span.context
    operation = OPERATIONS.get(str(attributes.get("gen_ai.operation.name", "")), "")
    parent = span.parent.span_id if span.parent else 0
    agent = attributes.get("gen_ai.agent.name") or attributes.get("agent_name")
    agents[span.context.span_id] = str(agent or agents.get(parent, ""))
    return SpanContent(
        trace_id=f"{span.context.trace_id:032x}",
        span_id=f"{span.context.span_id:016x}",
        timestamp=span.start_time or 0,
        end=span.end_time or 0,
        operation=operation or ("tool" if span.name == "running tool" else ""),
        agent=agents[span.context.span_id],
        tool_name=str(attributes.get("gen_ai.tool.name", "")),
        tool_call_id=str(attributes.get("gen_ai.tool.call.id", "")),
        attributes=attributes,
    )


def words(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case ToolCall():
            return f"{part.name}({part.arguments})"
        case ToolResult():
            return f"{part.name}={part.result}"
        case _:
            return "?"


@pytest.mark.filterwarnings("ignore:Instrumentation format versions")
@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_a_run_of_agents_is_told_once_and_goes_on_in_the_next(version: int) -> None:
    agents: dict[int, str] = {}
    traces: dict[str, list[SpanContent]] = {}
    for span in sorted(two_runs(version), key=lambda span: span.start_time or 0):
        content = content_of(span, agents)
        traces.setdefault(content.trace_id, []).append(content)
    transcript = Transcript()
    first, second = (
        [
            (line.agent, line.message.role, words(part))
            for line in transcript.lines_of(spans)
            for part in line.message.parts
        ]
        for spans in traces.values()
    )
    answer = '{"weather":{"city":"a","sky":"grey"},"ask":"success (no tool calls)"}'
    # The tools run at once: which of them ends first is not said.
    assert sorted(first[4:-1]) == [
        ("boss", "tool", "ask=success (no tool calls)"),
        ("boss", "tool", "weather={'city': 'a', 'sky': 'grey'}"),
        ("helper", "assistant", "success (no tool calls)"),
        ("helper", "system", "Help."),
        ("helper", "user", "about a"),
    ]
    assert first[:4] == [
        ("boss", "system", "Obey."),
        ("boss", "user", "hello"),
        ("boss", "assistant", "weather({'city': 'a'})"),
        ("boss", "assistant", "ask({'question': 'a'})"),
    ]
    assert first[-1] == ("boss", "assistant", answer)
    assert second == [("boss", "user", "and again"), ("boss", "assistant", answer)]
