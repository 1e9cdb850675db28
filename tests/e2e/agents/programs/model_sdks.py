"""The SDKs of OpenAI and Anthropic, called by a program under an instrumentation of its choice.

The instrumentation's name begins the ids of all sessions. Agents and tools are told by
OpenTelemetry's own library.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from anthropic import Anthropic
from openai import OpenAI
from opentelemetry.trace import Tracer
from opentelemetry.util.genai.handler import get_telemetry_handler

from e2e.agents.plans import Step, headers
from e2e.agents.programs.telemetry import http_client, telemetry

QUESTION = {"role": "user", "content": "what is the weather in Zürich?"}
PLAIN = Step()
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("weather", "traffic")
]


def instrument_before() -> None:
    """Take what followed the conventions of 1.30; it tells neither cached nor reasoning tokens."""
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()


def instrument_today() -> None:
    """Take OpenTelemetry's own of today."""
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    AnthropicInstrumentor().instrument()


def instrument_openllmetry() -> None:
    """Take OpenLLMetry's."""
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    AnthropicInstrumentor().instrument()


INSTRUMENTATIONS: dict[str, Callable[[], None]] = {
    "before": instrument_before,
    "today": instrument_today,
    "openllmetry": instrument_openllmetry,
}


class Program:
    """The topologies, one session each."""

    def __init__(self, url: str, name: str, tracer: Tracer) -> None:
        self.openai = OpenAI(base_url=f"{url}/v1", api_key="local", http_client=http_client())
        self.anthropic = Anthropic(base_url=url, api_key="local", http_client=http_client())
        self.name = name
        self.tracer = tracer

    @contextmanager
    def session(self, topic: str) -> Iterator[str]:
        """Open a span of the program's own that names the session, and no agent."""
        session = f"{self.name}-{topic}"
        with self.tracer.start_as_current_span("handle", attributes={"session.id": session}):
            yield session

    def ask(self, topic: str, model: str, step: Step = PLAIN, failures: Any = ()) -> None:
        """Ask OpenAI's API once; the SDK comes again after failures."""
        with self.session(topic) as session:
            self.openai.chat.completions.create(
                model=model,
                messages=[QUESTION],
                extra_headers=headers(session, "", step, failures=failures),
            )

    def stream(self, topic: str, model: str, step: Step) -> None:
        """Have OpenAI's answer as it is made, its usage at the end."""
        with self.session(topic) as session:
            parts = self.openai.chat.completions.create(
                model=model,
                messages=[QUESTION],
                stream=True,
                stream_options={"include_usage": True},
                extra_headers=headers(session, "", step),
            )
            assert [part for part in parts if part.usage]

    def embed(self, topic: str) -> None:
        """Have a text embedded."""
        with self.session(topic) as session:
            self.openai.embeddings.create(
                model="text-embedding-3-small",
                input=["a text"],
                extra_headers=headers(session, ""),
            )

    def message(self, topic: str, step: Step, failures: Any = ()) -> None:
        """Ask Anthropic's API once."""
        with self.session(topic) as session:
            self.anthropic.messages.create(
                model="claude-sonnet-4-5",
                max_tokens=1000,
                messages=[QUESTION],
                extra_headers=headers(session, "", step, failures=failures),
            )

    def stream_message(self, topic: str, step: Step) -> None:
        """Have Anthropic's answer as it is made."""
        with self.session(topic) as session:
            parts = self.anthropic.messages.create(
                model="claude-sonnet-4-5",
                max_tokens=1000,
                messages=[QUESTION],
                stream=True,
                extra_headers=headers(session, "", step),
            )
            assert [part for part in parts if part.type == "message_stop"]

    def agent(self, topic: str) -> None:
        """Run an agent that has two tools called at once."""
        session = f"{self.name}-{topic}"
        plan = headers(session, "planner", Step(tools=("weather", "traffic")), Step())
        with get_telemetry_handler().invoke_local_agent(
            agent_name="planner", request_model="gpt-5-mini", conversation_id=session
        ):
            messages: list[Any] = [QUESTION]
            calls = self._turn(messages, plan).tool_calls or []
            with ThreadPoolExecutor(2) as pool:
                done = [pool.submit(copy_context().run, _tool, c.function.name) for c in calls]
                results = [each.result() for each in done]
            for call, result in zip(calls, results, strict=True):
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
            assert self._turn(messages, plan).content

    def _turn(self, messages: list[Any], plan: dict[str, str]) -> Any:
        answer = self.openai.chat.completions.create(
            model="gpt-5-mini", messages=messages, tools=TOOLS, extra_headers=plan
        )
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        return message


def _tool(name: str) -> str:
    with get_telemetry_handler().tool(name):
        return f"{name} is fine"


def main(url: str, name: str) -> None:
    """Run every topology that the instrumentation can tell of."""
    with telemetry() as tracer:
        INSTRUMENTATIONS[name]()
        program = Program(url, name, tracer)
        told = name != "before"
        program.ask("plain", "gpt-5-mini")
        program.ask("retried", "gpt-5-mini", failures=(429, 500))
        program.ask("llama", "meta-llama/Llama-3.1-70B")
        program.ask("unpriced", "home-made")
        program.stream("streamed", "gpt-5-mini", Step(cached=told))
        program.embed("embedded")
        program.agent("agent")
        if told:
            program.ask("cached", "gpt-5-mini", Step(cached=True))
            program.ask("reasoning", "gpt-5", Step(reasoning=True, cached=True))
            program.message("message", PLAIN)
            program.message("message-retried", PLAIN, failures=(529,))
            program.message("message-read", Step(cached=True))
            program.message("message-written", Step(cached=True, written=True))
        if name == "today":
            # OpenLLMetry adds the first event's count of output to the whole one, a token too many.
            program.stream_message("message-streamed", Step(cached=True, written=True))
