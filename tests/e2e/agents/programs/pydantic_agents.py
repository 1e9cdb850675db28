"""Agents of Pydantic AI, in every generation of what it emits, one with tools over MCP."""

import asyncio
import warnings
from typing import Any, Literal

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from e2e.agents.plans import BILLED_ELSEWHERE, Step, headers
from e2e.agents.programs.mcp_tools import call_tools
from e2e.agents.programs.telemetry import async_http_client, telemetry

Generation = Literal[2, 3, 4, 5, 6]
GENERATIONS: tuple[Generation, ...] = (2, 3, 4, 5, 6)


class BilledTestModel(TestModel):
    """Pydantic AI's own model for tests, which the provider keeps books about too."""

    def __init__(self, bills: str, told: dict[str, str]) -> None:
        super().__init__()
        self.bills = bills
        self.told = told
        self.client = async_http_client()

    async def request(self, *arguments: Any) -> ModelResponse:
        """Answer, and say what that took."""
        answer = await super().request(*arguments)
        usage = {"input": answer.usage.input_tokens, "output": answer.usage.output_tokens}
        bill = {"model": self.model_name, **usage}
        billed = await self.client.post(self.bills, json=bill, headers=self.told)
        billed.raise_for_status()
        return answer


class Program:
    """The topologies, one session each, told in one generation.

    Attributes:
        repeated: Whether agents repeat what their models used under the models' own names, as every
            release before 1.103 did, or under names of their own (`gen_ai.aggregated_usage`).
    """

    def __init__(self, url: str, name: str, generation: Generation, *, repeated: bool) -> None:
        self.name = name
        self.bills = f"{url}{BILLED_ELSEWHERE}"
        self.tell = Instrumentation(
            settings=InstrumentationSettings(
                version=generation, use_aggregated_usage_attribute_names=not repeated
            )
        )
        openai = AsyncOpenAI(
            base_url=f"{url}/v1", api_key="local", http_client=async_http_client(), max_retries=2
        )
        anthropic = AsyncAnthropic(base_url=url, api_key="local", http_client=async_http_client())
        self.openai = OpenAIProvider(openai_client=openai)
        self.anthropic = AnthropicProvider(anthropic_client=anthropic)

    def agent(self, name: str, model: str, session: str, *steps: Step, **more: Any) -> Any:
        """Make an agent whose model answers by a plan."""
        chosen: Model = (
            AnthropicModel(model, provider=self.anthropic)
            if model.startswith("claude")
            else OpenAIChatModel(model, provider=self.openai)
        )
        settings = ModelSettings(extra_headers=headers(session, name, *steps))
        return Agent(chosen, name=name, model_settings=settings, capabilities=[self.tell], **more)

    async def nested(self) -> None:
        """An agent has another one work for it, and that one a third."""
        session = f"{self.name}-nested"
        once = Step(tools=("delegate",)), Step()
        third = self.agent("third", "gpt-5-mini", session)
        second = self.agent("second", "claude-sonnet-4-5", session, *once)
        first = self.agent("first", "gpt-5", session, *once)

        @second.tool
        async def delegate(context: RunContext[None]) -> str:
            answer = await third.run("go on", usage=context.usage, conversation_id=session)
            return str(answer.output)

        @first.tool(name="delegate")
        async def delegate_first(context: RunContext[None]) -> str:
            answer = await second.run("go on", usage=context.usage, conversation_id=session)
            return str(answer.output)

        await first.run("begin", conversation_id=session)

    async def tools(self) -> None:
        """Two tools at once, of which one fails at first and is called again."""
        session = f"{self.name}-tools"
        both = Step(tools=("weather", "traffic"), cached=True)
        agent = self.agent("planner", "gpt-5-mini", session, both, Step(tools=("weather",)), Step())
        calls = []

        @agent.tool_plain(retries=2)
        async def weather() -> str:
            calls.append("weather")
            if len(calls) == 1:
                raise ModelRetry("the service is away")
            return "fine"

        @agent.tool_plain
        async def traffic() -> str:
            return "dense"

        await agent.run("how is Zürich?", conversation_id=session)
        assert len(calls) == 2

    async def hand_over(self) -> None:
        """Two agents and one conversation, one trace after the other."""
        session = f"{self.name}-handed-over"
        desk = self.agent("desk", "gpt-5-mini", session, Step(reasoning=True))
        billing = self.agent("billing", "claude-sonnet-4-5", session, Step(cached=True))
        first = await desk.run("my bill is wrong", conversation_id=session)
        await billing.run(
            "take over", message_history=first.all_messages(), conversation_id=session
        )

    async def streamed(self) -> None:
        """An answer that is read as it is made."""
        session = f"{self.name}-streamed"
        agent = self.agent("writer", "gpt-5-mini", session, Step(cached=True))
        async with agent.run_stream("write", conversation_id=session) as answer:
            assert await answer.get_output() == "done"

    async def refused(self) -> None:
        """An answer that the agent does not take: it asks again, and both are billed."""
        session = f"{self.name}-refused"
        agent = self.agent("careful", "gpt-5-mini", session, retries=3)
        answers = []

        @agent.output_validator
        def take(answer: str) -> str:
            answers.append(answer)
            if len(answers) == 1:
                raise ModelRetry("say more")
            return answer

        await agent.run("say something", conversation_id=session)
        assert len(answers) == 2

    async def tested(self) -> None:
        """The framework's own test model, which calls every tool."""
        session = f"{self.name}-tested"
        model = BilledTestModel(self.bills, headers(session, "tester"))
        agent = Agent(model, name="tester", capabilities=[self.tell])

        @agent.tool_plain
        async def weather() -> str:
            return "fine"

        await agent.run("how is Zürich?", conversation_id=session)

    async def run(self) -> None:
        """Run all at once, as a server of agents does."""
        await asyncio.gather(
            self.nested(),
            self.tools(),
            self.hand_over(),
            self.streamed(),
            self.refused(),
            self.tested(),
        )


async def run(url: str, name: str) -> None:
    """Run the topologies in every generation; once more with a span of the SDK's beneath each."""
    await asyncio.gather(
        call_tools(url, f"{name}-mcp"),
        *(
            Program(url, f"{name}-{number}", number, repeated=number % 2 == 0).run()
            for number in GENERATIONS
        ),
    )
    OpenAIInstrumentor().instrument()
    await Program(url, f"{name}-twice", 5, repeated=True).run()


def main(url: str, name: str) -> None:
    """Run every topology."""
    warnings.simplefilter("ignore")
    with telemetry():
        asyncio.run(run(url, name))
