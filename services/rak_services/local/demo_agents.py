"""Who works in the demo: agents, their models and tools, and what they are asked."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agent:
    """One simulated agent: its service, its model and the tools that it may call.

    Attributes:
        questions: What users begin a session with.
        caches: Whether its provider reads part of the input from a cache.
        cached_beside: Whether the provider counts that part beside the input (Anthropic), or as
            part of it (everybody else).
    """

    name: str
    kind: str
    service: str
    model: str
    system: str
    tools: tuple[str, ...]
    questions: tuple[str, ...] = ()
    caches: bool = False
    cached_beside: bool = False


RESEARCHER = Agent(
    "researcher", "llm", "rak-research", "gemini-2.5-pro", "gcp.vertex_ai",
    ("web_search", "fetch_page", "summarise"),
    ("What changed in HTTP/3?", "Who makes sodium batteries?"),
)  # fmt: skip
CODER = Agent(
    "coder", "llm", "rak-code", "claude-sonnet-4-5", "anthropic",
    ("read_file", "run_tests", "apply_patch"),
    ("Why is the build red?", "Rename this method."),
    caches=True, cached_beside=True,
)  # fmt: skip
SUPPORT = Agent(
    "support", "workflow", "rak-support", "gpt-5-mini", "openai",
    ("lookup_order", "refund", "send_mail"),
    ("Where is my parcel?", "I was charged twice."),
    caches=True,
)  # fmt: skip
SUMMARISER = Agent(
    "summariser", "llm", "rak-summary", "meta-llama/Llama-3.1-70B", "together_ai", ()
)  # fmt: skip
"""Works for the others, in a service of its own."""

AGENTS = (RESEARCHER, CODER, SUPPORT)
"""Those who users talk to."""

TAKES_OVER = {SUPPORT.name: CODER, CODER.name: RESEARCHER}
"""Who goes on with a session that an agent cannot end."""

EMBEDDING_MODEL = "text-embedding-3-small"
EMBEDDING_SYSTEM = "openai"
EMBEDS = RESEARCHER.name
"""The agent that looks texts up by their meaning."""
