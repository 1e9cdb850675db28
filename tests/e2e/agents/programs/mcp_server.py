"""A service of tools that is spoken to over MCP; one of them asks a model itself.

Usage: `python -m e2e.agents.programs.mcp_server <provider's URL> <session> <agent>`; what it is
billed is billed to that agent. It speaks on standard input and output, and ends with them.
"""

import asyncio
import sys

from mcp.server import MCPServer
from openai import AsyncOpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

from e2e.agents.plans import Step, headers
from e2e.agents.programs.telemetry import async_http_client, telemetry


def server(url: str, session: str, agent: str) -> MCPServer:
    """Make the service."""
    tools = MCPServer("tools")
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="local", http_client=async_http_client())

    @tools.tool()
    async def weather() -> str:
        """Tell the weather."""
        return "fine"

    @tools.tool()
    async def summarise() -> str:
        """Have a model say it in short."""
        answer = await client.chat.completions.create(
            model="meta-llama/Llama-3.1-70B",
            messages=[{"role": "user", "content": "in short?"}],
            extra_headers=headers(session, agent, Step()),
        )
        return str(answer.choices[0].message.content)

    return tools


def main() -> None:
    """Serve until nobody speaks any more."""
    with telemetry():
        OpenAIInstrumentor().instrument()
        asyncio.run(server(*sys.argv[1:]).run_stdio_async())


if __name__ == "__main__":
    main()
