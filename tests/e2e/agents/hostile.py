"""Traces that tell nonsense beside something true; only what is true is billed."""

from e2e.agents.books import Books, Usage
from e2e.agents.topologies import HUNDRED, Topology, agent_attributes
from e2e.agents.traces_by_hand import SECOND, Attribute, Trace, later
from rak_libs.model.attribute_facts import bounded

DEPTH = 10_000
LONG = "hostile-" + "ü" * 50_000
NAMES = (
    "query",
    "meta-llama/Llama-3.1-70B",
    "50%2F50",
    "a b?c=d&e#f",
    'it\'s "quoted" \\ `so`',
    "new\nline\tand\x00nul\x7f\x1b[31m",
    "\u202eright to left\u200b\u2028",
    "\U0001d56cgent 🤖👩‍👩‍👧 e\u0301 \ufeff \ufffd \U0010ffff",
)
NO_COUNTS: tuple[Attribute, ...] = (2**63 - 1, -(2**63), -1, "many", "1e400", 0.5e300, True, ["7"])


def counts_that_are_none(books: Books, begin: int) -> list[Trace]:
    """Counts that no call can have used count as none, and their neighbours' as they are."""
    traces = []
    for number, count in enumerate(NO_COUNTS):
        trace = Trace(books, f"hostile-count-{number}", begin)
        agent = trace.add("invoke_agent odd", agent_attributes("odd", trace.session))
        kinds = ("input_tokens", "output_tokens", "cache_read.input_tokens", "reasoning_tokens")
        counts = dict.fromkeys([f"gen_ai.usage.{kind}" for kind in kinds], count)
        nonsense = {"gen_ai.response.time_to_first_chunk": float("nan"), "token_count": count}
        trace.add("chat", later("gpt-5-mini", Usage()) | counts | nonsense, agent)
        call = trace.add("chat", later("gpt-5-mini", HUNDRED), agent)
        trace.bill(call, "gpt-5-mini", HUNDRED, "odd")
        traces.append(trace)
    return traces


def a_very_deep_trace(books: Books, begin: int) -> list[Trace]:
    """Agents that call agents, each of which repeats what the one at the bottom used."""
    trace = Trace(books, "hostile-deep", begin - DEPTH * SECOND)
    span = b""
    told = agent_attributes("deep", trace.session, HUNDRED)
    for _ in range(DEPTH):
        span = trace.add("invoke_agent deep", told, span, seconds=0)
    trace.bill(span, "gpt-5-mini", HUNDRED, "deep")
    return [trace]


def parents_in_a_circle(books: Books, begin: int) -> list[Trace]:
    """Spans that are each other's parents: the first one stands above the others."""
    trace = Trace(books, "hostile-circle", begin)
    told = agent_attributes("circling", trace.session, HUNDRED)
    first = trace.add("invoke_agent circling", told)
    second = trace.add("invoke_agent circling", told, first)
    third = trace.add("invoke_agent circling", told, second)
    trace.spans[0][1].parent_span_id = third
    own_parent = trace.add("invoke_agent circling", told)
    trace.spans[-1][1].parent_span_id = own_parent
    for span in (third, own_parent):
        trace.bill(span, "gpt-5-mini", HUNDRED, "circling")
    return [trace]


def names_of_every_kind(books: Books, begin: int) -> list[Trace]:
    """Names that are hard on paths, on quotes and on eyes, for agents, tools, models and users."""
    traces = []
    for number, name in enumerate(NAMES):
        trace = Trace(books, f"hostile-name-{number} {name}", begin)
        told = agent_attributes(name, trace.session) | {"user.id": name}
        agent = trace.add(f"invoke_agent {name}", told)
        tool: dict[str, Attribute] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
        }
        called = trace.add(f"execute_tool {name}", tool, agent)
        call = trace.add(f"chat {name}", later(name, HUNDRED), called)
        trace.bill(call, name, HUNDRED, name, name)
        traces.append(trace)
    return traces


def names_of_a_hundred_kilobytes(books: Books, begin: int) -> list[Trace]:
    """They are known by their begin and a digest, so that lists of them have pages."""
    name = bounded(LONG)
    trace = Trace(books, name, begin)
    told = agent_attributes(LONG, LONG) | {"user.id": LONG}
    agent = trace.add("invoke_agent", told)
    call = trace.add("chat", later(LONG, HUNDRED), agent)
    trace.bill(call, name, HUNDRED, name, name)
    return [trace]


def messages_that_are_none(books: Books, begin: int) -> list[Trace]:
    """Messages that are no JSON, no messages, or not even text."""
    trace = Trace(books, "hostile-messages", begin)
    agent = trace.add("invoke_agent babbler", agent_attributes("babbler", trace.session))
    for told in ("{no json", "[1, null, {}]", '{"role": 7}', "[" * 5_000, "", 17, ["[]"], True):
        message: dict[str, Attribute] = {
            "gen_ai.input.messages": told,
            "gen_ai.output.messages": told,
            "gcp.vertex.agent.llm_request": told,
        }
        trace.add("chat", later("gpt-5-mini", Usage()) | message, agent)
        tool: dict[str, Attribute] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "noise",
            "gen_ai.tool.call.arguments": told,
            "gen_ai.tool.call.result": told,
        }
        trace.add("execute_tool noise", tool, agent)
    call = trace.add("chat", later("gpt-5-mini", HUNDRED), agent)
    trace.bill(call, "gpt-5-mini", HUNDRED, "babbler")
    return [trace]


HOSTILE: tuple[Topology, ...] = (
    counts_that_are_none,
    a_very_deep_trace,
    parents_in_a_circle,
    names_of_every_kind,
    names_of_a_hundred_kilobytes,
    messages_that_are_none,
)
