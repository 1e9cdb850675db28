"""A small fleet of simulated agents, sent through the real OpenTelemetry SDK.

Each session makes one trace, shaped as RAK's client makes it: `runner.run` over `agent.run`, under
it model calls (`call_llm` or `llm.generate`) and `execute_tool` spans, some of which make an
`http.request`. Span names and attribute names are the client's own. Beside it go a line of log for
each call of a tool, runs and tokens as metrics, and two profiles of each agent's process: CPU time,
whose samples carry the ids of their spans, and memory.
"""

import argparse
import itertools
import random
import shlex
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from rak_services.local.demo_telemetry import Telemetry

_NANOSECONDS = 1_000_000_000
_MILLISECOND = 1_000_000

# A tool computes in these functions, for these shares of its time.
_TOOL_WORK = (("parse", 0.5), ("rank", 0.25), ("parse.decode_utf8", 0.125))
_MODEL_WORK = (("render_prompt", 0.01), ("parse_answer", 0.03))
_BYTES_PER_MILLISECOND = 4_096
_CPU_PERIOD_NS = 10_000_000


@dataclass(frozen=True, slots=True)
class Agent:
    """One simulated agent: its service, its model and the tools that it may call."""

    name: str
    kind: str
    service: str
    model: str
    system: str
    tools: tuple[str, ...]


AGENTS = (
    Agent("researcher", "llm", "rak-research", "gemini-2.5-pro", "gcp.vertex_ai",
          ("web_search", "fetch_page", "summarise")),
    Agent("coder", "llm", "rak-code", "claude-sonnet-4-5", "anthropic",
          ("read_file", "run_tests", "apply_patch")),
    Agent("support", "workflow", "rak-support", "gpt-5-mini", "openai",
          ("lookup_order", "refund", "send_mail")),
)  # fmt: skip


Work = tuple[tuple[str, float], ...]


class Clock:
    """Simulated time: spans lie in the last minutes without the demo taking minutes."""

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns

    def advance(self, milliseconds: float) -> None:
        """Move the clock on."""
        self.now_ns += int(milliseconds * _MILLISECOND)


class Session:
    """One session of one agent, told as one trace."""

    def __init__(
        self, agent: Agent, telemetry: Telemetry, chance: random.Random, clock: Clock
    ) -> None:
        self.agent = agent
        self.telemetry = telemetry
        self.chance = chance
        self.clock = clock
        self.trace_id = ""
        self.failed = False
        self.context = {
            "invocation_id": f"inv-{uuid.UUID(int=chance.getrandbits(128))}",
            "session_id": f"sess-{chance.randrange(100, 1000)}",
            "user_id": f"user-{chance.randrange(1, 20)}",
        }

    @contextmanager
    def span(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: AttributeValue
    ) -> Iterator[Span]:
        """Open a span in simulated time; `a__b` in a keyword stands for `a.b`."""
        keyed = {key.replace("__", "."): value for key, value in attributes.items()}
        with self.telemetry.tracer.start_as_current_span(
            name,
            kind=kind,
            attributes={**self.context, **keyed},
            start_time=self.clock.now_ns,
            end_on_exit=False,
        ) as span:
            yield span
            span.end(self.clock.now_ns)

    def run(self) -> None:
        """Play the session."""
        app = {"app_name": self.agent.service}
        with self.span("runner.run", SpanKind.SERVER, **app) as root:
            self.trace_id = f"{root.get_span_context().trace_id:032x}"
            with self.span(
                "agent.run", agent_name=self.agent.name, agent_type=self.agent.kind
            ) as agent_span:
                for turn in range(self.chance.randrange(1, 4)):
                    self.call_model(turn)
                    self.execute_tool(turn)
                self.call_model(9)
                if self.failed:
                    agent_span.set_status(Status(StatusCode.ERROR, "a tool failed"))
            self.clock.advance(1)
        outcome = "error" if self.failed else "ok"
        self.telemetry.runs.add(1, {"agent_name": self.agent.name, "outcome": outcome})

    def compute(self, span: Span, caller: str, work: Work, began_ns: int) -> None:
        """Say in the profiles where the time of a span, up to now, went."""
        elapsed_ns = self.clock.now_ns - began_ns
        for function, share in work:
            stack = ("main", "agent.run", caller, *function.split("."))
            cpu_ns = int(elapsed_ns * share)
            self.telemetry.cpu.add(stack, [cpu_ns // _CPU_PERIOD_NS, cpu_ns], span)
            allocated = cpu_ns // _MILLISECOND * _BYTES_PER_MILLISECOND
            self.telemetry.heap.add(stack, [1, allocated, 0, allocated // 8])

    def call_model(self, turn: int) -> None:
        """One model call with its token counts, as `call_llm` or `llm.generate`."""
        name = self.chance.choice(["call_llm", "llm.generate"])
        with self.span(
            name,
            SpanKind.CLIENT,
            agent_name=self.agent.name,
            gen_ai__operation__name="chat",
            gen_ai__provider__name=self.agent.system,
            gen_ai__system=self.agent.system,
            gen_ai__request__model=self.agent.model,
            gcp__vertex__agent__event_id=f"event-{turn}",
        ) as span:
            began_ns = self.clock.now_ns
            self.clock.advance(self.chance.uniform(300, 2500))
            self.compute(span, name, _MODEL_WORK, began_ns)
            prompt, answer = self.chance.randrange(200, 6000), self.chance.randrange(20, 900)
            for kind, tokens in (("input", prompt), ("output", answer)):
                self.telemetry.tokens.record(
                    tokens,
                    {"gen_ai.request.model": self.agent.model, "gen_ai.token.type": kind},
                )
            span.set_attribute("gen_ai.response.model", self.agent.model)
            span.set_attribute("gen_ai.usage.input_tokens", prompt)
            span.set_attribute("gen_ai.usage.output_tokens", answer)
            span.set_attribute("token_count", prompt + answer)
            span.set_attribute("gen_ai.response.finish_reasons", ["stop"])
            span.add_event(
                "gen_ai.choice", {"index": 0, "finish_reason": "stop"}, self.clock.now_ns
            )

    def execute_tool(self, turn: int) -> None:
        """One tool call, sometimes over HTTP, sometimes failing."""
        tool = self.chance.choice(self.agent.tools)
        with self.span(
            "execute_tool",
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name=tool,
            gen_ai__tool__call__id=f"call-{turn}-{self.chance.randrange(10_000)}",
            agent_name=self.agent.name,
        ) as span:
            if self.chance.random() < 0.5:
                with self.span(
                    "http.request",
                    SpanKind.CLIENT,
                    http__request__method="GET",
                    url__full=f"https://example.org/{tool}",
                    http__response__status_code=200,
                ):
                    self.clock.advance(self.chance.uniform(20, 400))
            began_ns = self.clock.now_ns
            self.clock.advance(self.chance.uniform(5, 200))
            self.compute(span, tool, _TOOL_WORK, began_ns)
            if self.chance.random() < 0.15:
                self.failed = True
                span.record_exception(TimeoutError(f"{tool} timed out"), None, self.clock.now_ns)
                span.set_status(Status(StatusCode.ERROR, f"{tool} timed out"))
                self.telemetry.say(f"{tool} timed out", SeverityNumber.ERROR, self.clock.now_ns)
            else:
                self.telemetry.say(f"{tool} is done", SeverityNumber.INFO, self.clock.now_ns)


def send(endpoint: str, pprof_endpoint: str, sessions: int, seed: int) -> list[Session]:
    """Play the sessions of all agents and send them over OTLP gRPC, and their profiles over HTTP.

    Args:
        endpoint: `http://host:port` of the receiver's gRPC port.
        pprof_endpoint: `http://host:port` of the pprof receiver.
        sessions: How many traces to make.
        seed: Makes the same sessions again, at another time.

    Returns:
        The sessions as played; everything was accepted.

    Raises:
        RuntimeError: a receiver did not accept everything.
    """
    chance = random.Random(seed)  # noqa: S311  simulated agents need no secrets
    processes = {agent.service: Telemetry(agent.service, endpoint) for agent in AGENTS}
    start_ns = time.time_ns() - 5 * 60 * _NANOSECONDS
    clock = Clock(start_ns)
    played = []
    for agent in itertools.islice(itertools.cycle(AGENTS), sessions):
        session = Session(agent, processes[agent.service], chance, clock)
        session.run()
        clock.advance(chance.uniform(10, 1000))
        played.append(session)
    accepted = [telemetry.flush() for telemetry in processes.values()]
    if not all(accepted):
        raise RuntimeError(f"the receiver at {endpoint} did not accept everything")
    try:
        for telemetry in processes.values():
            telemetry.flush_profiles(pprof_endpoint, start_ns, clock.now_ns)
    except OSError as error:
        raise RuntimeError(
            f"the receiver at {pprof_endpoint} did not accept a profile ({error})"
        ) from error
    return played


def questions(query_url: str, session: Session) -> list[str]:
    """The `curl` lines that show what arrived, most general first, and whether all did."""
    base = f"{query_url}/api/v1"
    identity = session.context["session_id"]
    urls = [
        f"{base}/services",
        f"{base}/services/operations?service={session.agent.service}",
        f"{base}/traces?limit=5",
        f"{base}/traces?agent={session.agent.name}&order=-duration&limit=3",
        f"{base}/traces?status=ERROR",
        f"{base}/traces?session={identity}",
        f"{base}/traces/{session.trace_id}",
        f"{base}/traces/{session.trace_id}?format=otlp",
        f"{base}/traces/{session.trace_id}/logs",
        f"{base}/logs?severity=ERROR&limit=5",
        f"{base}/metrics",
        f"{base}/metrics/query?name=agent.runs&agg=increase&by=service_name&step=1h",
        f"{base}/profiles/flamegraph?tool={session.agent.tools[0]}&format=folded",
        f"{base}/traces/{session.trace_id}/profile?format=folded",
        f"{base}/profiles/hotspots?service={session.agent.service}&limit=5",
        f"{base}/memory?service={session.agent.service}",
        f"{base}/pipeline",
    ]
    return [f"curl -s {shlex.quote(url)}" for url in urls]


def main() -> None:
    """Send the demo and print the questions that show it."""
    parser = argparse.ArgumentParser(prog="rak-demo", description="Send simulated agents.")
    parser.add_argument("--endpoint", default="http://127.0.0.1:4317", help="OTLP over gRPC")
    parser.add_argument("--pprof", default="http://127.0.0.1:4319", help="pprof over HTTP")
    parser.add_argument("--query", default="http://127.0.0.1:8080", help="the query service")
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        played = send(arguments.endpoint, arguments.pprof, arguments.sessions, arguments.seed)
    except RuntimeError as error:
        print(f"{error}; is `make run` up?", file=sys.stderr)
        sys.exit(1)
    failed = sum(session.failed for session in played)
    print(f"Sent {len(played)} traces of {len(AGENTS)} agents, {failed} of them with an error.")
    print("Ask for them (each answer is there within seconds):\n")
    print("\n".join(questions(arguments.query, played[-1])))


if __name__ == "__main__":
    main()
