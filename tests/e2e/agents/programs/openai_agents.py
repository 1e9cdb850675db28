"""Agents of the OpenAI Agents SDK under OpenTelemetry's own instrumentations."""

import asyncio
from typing import Any

from agents import Agent, ModelSettings, RunConfig, Runner, function_tool
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from openai import AsyncOpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor

from e2e.agents.plans import Step, headers
from e2e.agents.programs.telemetry import async_http_client, telemetry


@function_tool
async def weather() -> str:
    """Tell the weather."""
    return "fine"


@function_tool
async def traffic() -> str:
    """Tell how the traffic is."""
    return "dense"


class Program:
    """The topologies, one session each."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.client = AsyncOpenAI(
            base_url=f"{url}/v1", api_key="local", http_client=async_http_client()
        )

    def agent(self, name: str, model: str, session: str, *steps: Step, **more: Any) -> Agent:
        """Make an agent whose model answers by a plan."""
        settings = ModelSettings(extra_headers=headers(session, name, *steps))
        chosen = OpenAIChatCompletionsModel(model, self.client)
        return Agent(name=name, model=chosen, model_settings=settings, **more)

    async def start(self, agent: Agent, session: str) -> None:
        """Run an agent, and whatever it hands over to, to the end."""
        await Runner.run(agent, "begin", run_config=RunConfig(group_id=session))

    async def handed_over(self) -> None:
        """One agent hands the conversation to another, which has two tools at once."""
        session = f"{self.name}-handed-over"
        both = Step(tools=("weather", "traffic"), cached=True)
        # Answers are counted over the whole conversation, whoever gave them.
        expert = self.agent(
            "expert", "gpt-5", session, Step(), both, Step(), tools=[weather, traffic]
        )
        over = Step(tools=("transfer_to_expert",), reasoning=True)
        await self.start(
            self.agent("desk", "gpt-5-mini", session, over, handoffs=[expert]), session
        )

    async def nested(self) -> None:
        """An agent has another one as its tool."""
        session = f"{self.name}-nested"
        reader = self.agent("reader", "meta-llama/Llama-3.1-70B", session)
        tool = reader.as_tool("read", "Reads.")
        once = Step(tools=("read",), arguments='{"input": "go on"}'), Step()
        await self.start(self.agent("writer", "gpt-5-mini", session, *once, tools=[tool]), session)


async def run(program: Program) -> None:
    """Run the topologies at once."""
    await asyncio.gather(program.handed_over(), program.nested())


def main(url: str, name: str) -> None:
    """Run every topology."""
    with telemetry():
        OpenAIInstrumentor().instrument()
        OpenAIAgentsInstrumentor().instrument(disable_openai_trace_export=True)
        asyncio.run(run(Program(url, name)))
