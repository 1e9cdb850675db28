"""An agent of Pydantic AI whose tools are another service's (`mcp_server`), called over MCP."""

import os
import sys

from mcp import Client, StdioServerParameters
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from e2e.agents.plans import TOOL_SERVICE, Step, headers
from e2e.agents.programs.telemetry import async_http_client

SERVER = "e2e.agents.programs.mcp_server"


async def call_tools(url: str, session: str) -> None:
    """Have the agent call both tools at once, each in the service that this starts."""
    provider = OpenAIProvider(
        openai_client=AsyncOpenAI(
            base_url=f"{url}/v1", api_key="local", http_client=async_http_client()
        )
    )
    both = Step(tools=("weather", "summarise"))
    settings = ModelSettings(extra_headers=headers(session, "caller", both, Step(cached=True)))
    tell = Instrumentation(settings=InstrumentationSettings())
    agent = Agent(
        OpenAIChatModel("gpt-5-mini", provider=provider),
        name="caller",
        model_settings=settings,
        capabilities=[tell],
    )
    service = StdioServerParameters(
        command=sys.executable,
        args=["-m", SERVER, url, session, "caller"],
        env={**os.environ, "OTEL_SERVICE_NAME": TOOL_SERVICE},
    )
    async with Client(service) as tools:

        @agent.tool_plain
        async def weather() -> str:
            return str(await tools.call_tool("weather"))

        @agent.tool_plain
        async def summarise() -> str:
            return str(await tools.call_tool("summarise"))

        await agent.run("how is Zürich?", conversation_id=session)
