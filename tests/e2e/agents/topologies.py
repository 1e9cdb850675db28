"""The shapes of traces that are made by hand; each one bills what it used."""

import time
from collections.abc import Callable

from e2e.agents.books import Books, Usage
from e2e.agents.traces_by_hand import SECOND, SPELLINGS, Attribute, Trace, later, rak, until_1_36

DAY = 24 * 3600 * SECOND
HOUR = 3600 * SECOND

HUNDRED = Usage(input=60, output=40)


def agent_attributes(name: str, session: str, usage: Usage | None = None) -> dict[str, Attribute]:
    """Tell a run of an agent, and what it says was used."""
    told: dict[str, Attribute] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": name,
        "gen_ai.conversation.id": session,
        "gen_ai.request.model": "gpt-5-mini",
    }
    if usage is not None:
        told["gen_ai.usage.input_tokens"] = usage.input
        told["gen_ai.usage.output_tokens"] = usage.output
    return told


def each_repeats_what_is_below(books: Books, begin: int) -> list[Trace]:
    """Agents that say 300, 100 and 100 of one another used 300 in all: not 200 and not 500."""
    trace = Trace(books, "hand-300-100-100", begin)
    whole = Usage(input=180, output=120)
    first = trace.add("invoke_agent first", agent_attributes("first", trace.session, whole))
    second = trace.add(
        "invoke_agent second", agent_attributes("second", trace.session, HUNDRED), first
    )
    third = trace.add(
        "invoke_agent third", agent_attributes("third", trace.session, HUNDRED), second
    )
    trace.bill(first, "gpt-5-mini", Usage(input=120, output=80), "first")
    trace.bill(third, "gpt-5-mini", HUNDRED, "third")
    return [trace]


def an_agent_without_children(books: Books, begin: int) -> list[Trace]:
    """An agent whose framework makes no span of a model's call."""
    trace = Trace(books, "hand-alone", begin)
    usage = Usage(input=4_321, output=987)
    alone = trace.add("invoke_agent alone", agent_attributes("alone", trace.session, usage))
    trace.bill(alone, "gpt-5-mini", usage, "alone")
    return [trace]


def every_spelling(books: Books, begin: int) -> list[Trace]:
    """The same agent told in every generation of names."""
    traces = []
    for number, (name, spell) in enumerate(SPELLINGS.items()):
        trace = Trace(books, f"hand-spelled-{name}", begin)
        usage = Usage(input=1_000 + number, output=100 + number)
        if name == "later":
            usage += Usage(input=800, cache_read=300, cache_write=200, output=70, reasoning=60)
        model = "claude-sonnet-4-5" if name == "later" else "gpt-5-mini"
        agent = trace.add(
            "agent.run", {"agent_name": f"speller-{name}", "session_id": trace.session}
        )
        call = trace.add("call_llm", spell(model, usage), agent)
        trace.bill(call, model, usage, f"speller-{name}")
        traces.append(trace)
    return traces


def only_a_sum(books: Books, begin: int) -> list[Trace]:
    """RAK's client that says how many tokens there were, and not of which kind."""
    trace = Trace(books, "hand-unsplit", begin)
    usage = Usage(unsplit=777)
    agent = trace.add(
        "agent.run", {"agent_name": "counter", "session_id": trace.session, "token_count": 777}
    )
    call = trace.add("llm.generate", {"llm_model": "gpt-5-mini", "token_count": 777}, agent)
    trace.bill(call, "gpt-5-mini", usage, "counter")
    return [trace]


def a_session_of_several_traces(books: Books, begin: int) -> list[Trace]:
    """A hand-over: each agent works in a trace of its own, for one user in one session."""
    traces = []
    for number, name in enumerate(("desk", "expert", "desk")):
        trace = Trace(books, "hand-session", begin + number * 60 * SECOND)
        usage = Usage(input=900 + number, output=90 + number)
        root = trace.add(
            "runner.run", {"session_id": trace.session, "user_id": "user-7"}, service="front"
        )
        agent = trace.add("agent.run", {"agent_name": name, "agent_type": "llm"}, root)
        call = trace.add("call_llm", rak("gpt-5-mini", usage), agent)
        trace.bill(call, "gpt-5-mini", usage, name, "user-7")
        traces.append(trace)
    return traces


def models_below_tools(books: Books, begin: int) -> list[Trace]:
    """Parallel tools that ask models themselves; one fails and is called again."""
    trace = Trace(books, "hand-tools", begin)
    agent = trace.add("agent.run", {"agent_name": "boss", "session_id": trace.session})
    for tool, failed in (("search", True), ("search", False), ("read", False)):
        called = trace.add(
            f"execute_tool {tool}",
            {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool},
            agent,
            failed=failed,
        )
        usage = Usage(input=700 + len(trace.spans), output=70)
        call = trace.add("chat gpt-5", later("gpt-5", usage), called)
        trace.bill(call, "gpt-5", usage, "boss")
    return [trace]


def two_days_two_prices(books: Books, begin: int) -> list[Trace]:
    """The price rose today; what was used yesterday stays as cheap as it was."""
    traces = []
    for day, moment in (("yesterday", begin - DAY), ("today", begin)):
        trace = Trace(books, f"hand-{day}", moment)
        usage = Usage(input=10_000, output=1_000, cache_read=4_000)
        told = later("gemini-2.5-pro", usage) | {"session.id": trace.session}
        call = trace.add("chat gemini-2.5-pro", told)
        trace.bill(call, "gemini-2.5-pro", usage, "")
        traces.append(trace)
    return traces


def a_model_without_a_price(books: Books, begin: int) -> list[Trace]:
    """Beside one that has a price: what is known of the cost is a lower bound."""
    trace = Trace(books, "hand-unpriced", begin)
    agent = trace.add("invoke_agent mixed", agent_attributes("mixed", trace.session))
    for model in ("home-made", "meta-llama/Llama-3.1-70B"):
        call = trace.add(f"chat {model}", until_1_36(model, HUNDRED), agent)
        trace.bill(call, model, HUNDRED, "mixed")
    return [trace]


def cached_beside_the_input(books: Books, begin: int) -> list[Trace]:
    """An instrumentation that passes on Anthropic's own counts, which leave out what was cached."""
    trace = Trace(books, "hand-cached-beside", begin, scope=("openlit.otel.tracing", "1.45.0"))
    usage = Usage(input=5_000, output=500, cache_read=3_000, cache_write=700)
    told: dict[str, Attribute] = {
        "session.id": trace.session,
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": usage.input - usage.cache_read - usage.cache_write,
        "gen_ai.usage.cache_read_input_tokens": usage.cache_read,
        "gen_ai.usage.cache_creation_input_tokens": usage.cache_write,
        "gen_ai.usage.output_tokens": usage.output,
    }
    call = trace.add("chat claude-sonnet-4-5", told)
    trace.bill(call, "claude-sonnet-4-5", usage, "")
    return [trace]


def thoughts_beside_the_output(books: Books, begin: int) -> list[Trace]:
    """Google's ADK of before 2: tools and agents lie below the call that chose them.

    Their tokens are no part of that call's, and thoughts none of what it tells as its output.
    """
    trace = Trace(books, "hand-adk", begin, scope=("gcp.vertex.agent", "1.20.0"))

    def call_llm(parent: bytes, agent: str, usage: Usage) -> bytes:
        told: dict[str, Attribute] = {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "gemini-2.5-pro",
            "gcp.vertex.agent.session_id": trace.session,
            "gcp.vertex.agent.invocation_id": "inv-adk",
            "gen_ai.usage.input_tokens": usage.input,
            "gen_ai.usage.output_tokens": usage.output - usage.reasoning,
            "gen_ai.usage.experimental.reasoning_tokens": usage.reasoning,
        }
        call = trace.add("call_llm", told, parent)
        trace.bill(call, "gemini-2.5-pro", usage, agent)
        return call

    def run(name: str, parent: bytes = b"") -> bytes:
        told: dict[str, Attribute] = {"gen_ai.operation.name": "invoke_agent"}
        return trace.add(f"invoke_agent {name}", told | {"gen_ai.agent.name": name}, parent)

    outer = call_llm(run("root-agent"), "root-agent", Usage(input=300, output=90, reasoning=30))
    tool: dict[str, Attribute] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "transfer_to_agent",
    }
    trace.add("execute_tool transfer_to_agent", tool, outer)
    inner = Usage(input=1_000, output=400, reasoning=100)
    call_llm(run("sub-agent", outer), "sub-agent", inner)
    return [trace]


Topology = Callable[[Books, int], list[Trace]]

TOPOLOGIES: tuple[Topology, ...] = (
    each_repeats_what_is_below,
    an_agent_without_children,
    every_spelling,
    only_a_sum,
    a_session_of_several_traces,
    models_below_tools,
    two_days_two_prices,
    a_model_without_a_price,
    cached_beside_the_input,
    thoughts_beside_the_output,
)


def children_before_their_parent(books: Books) -> tuple[Trace, Trace]:
    """A parent that is told last, as its span ends last, and its children of two hours ago.

    Returns:
        The children, and the parent that repeats what they used, in the same trace.
    """
    begin = time.time_ns() - 2 * HOUR
    early = Trace(books, "hand-late-parent", begin)
    parent = early.add(
        "invoke_agent late",
        agent_attributes("late", early.session, HUNDRED + HUNDRED),
        seconds=2 * 3600,
    )
    late = Trace(books, early.session, begin, trace_id=early.trace_id, spans=[early.spans.pop()])
    for _ in range(2):
        call = early.add("chat gpt-5-mini", later("gpt-5-mini", HUNDRED), parent)
        early.bill(call, "gpt-5-mini", HUNDRED, "late")
    return early, late
