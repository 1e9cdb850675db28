"""What a program asks the local provider to play, sent with its requests as a header."""

import msgspec

PLAN_HEADER = "x-plan"
SESSION_HEADER = "x-session"
AGENT_HEADER = "x-agent"
USER_HEADER = "x-user"

TOOL_SERVICE = "tool-service"
"""The service whose tools are called over MCP."""

BILLED_ELSEWHERE = "/bills"
"""Where a model that answers inside the program says what it used, to have it in the books."""


class Step(msgspec.Struct, frozen=True):
    """One answer of a model.

    Attributes:
        tools: Tools that it calls, all at once; without any it says something.
        arguments: Of every call, as JSON.
        cached: Whether part of the input is read from the provider's cache.
        written: Whether part of the input is written to the provider's cache (Anthropic).
        reasoning: Whether part of the output is spent on reasoning (OpenAI).
    """

    tools: tuple[str, ...] = ()
    arguments: str = "{}"
    cached: bool = False
    written: bool = False
    reasoning: bool = False


class Plan(msgspec.Struct, frozen=True):
    """The answers of a conversation.

    Attributes:
        steps: The answers, one after the other; the last one is given for ever.
        failures: HTTP statuses to answer first, before any of the steps, once for a session.
    """

    steps: tuple[Step, ...] = (Step(),)
    failures: tuple[int, ...] = ()

    def header(self) -> str:
        """Return the plan as the value of its header."""
        return msgspec.json.encode(self).decode()


def headers(
    session: str, agent: str, *steps: Step, failures: tuple[int, ...] = ()
) -> dict[str, str]:
    """Return what tells the provider whose requests they are and what to play."""
    plan = Plan(steps or (Step(),), failures)
    return {SESSION_HEADER: session, AGENT_HEADER: agent, PLAN_HEADER: plan.header()}
