"""How the demo's sessions tell what happens: spans in simulated time, and profiles beside them."""

import random
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import AttributeValue

from rak_services.local.demo_agents import Agent
from rak_services.local.demo_telemetry import Telemetry

_MILLISECOND = 1_000_000
_BYTES_PER_MILLISECOND = 4_096
_CPU_PERIOD_NS = 10_000_000

Work = tuple[tuple[str, float], ...]
"""Functions, `.` between one and the one that it calls, with their shares of a span's time."""


class Clock:
    """Simulated time: spans lie in the last minutes without the demo taking minutes."""

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns

    def advance(self, milliseconds: float) -> None:
        """Move the clock on."""
        self.now_ns += int(milliseconds * _MILLISECOND)


class Telling:
    """Tells one session through the processes of its agents.

    Attributes:
        processes: The telemetry of each service.
        chance: What everything is drawn from.
        clock: The simulated time.
        context: What every span names: the session and the user.
        invocation: The turn's, which its spans name too.
    """

    def __init__(
        self, processes: Mapping[str, Telemetry], chance: random.Random, clock: Clock
    ) -> None:
        self.processes = processes
        self.chance = chance
        self.clock = clock
        self.context = {
            "session_id": f"sess-{uuid.uuid4()}",
            "user_id": f"user-{chance.randrange(1, 20)}",
        }
        self.invocation = ""
        self._spent: list[Counter[str]] = []

    @contextmanager
    def span(
        self,
        agent: Agent,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        **attributes: AttributeValue,
    ) -> Iterator[Span]:
        """Open a span in simulated time; `a__b` in a keyword stands for `a.b`."""
        keyed = {key.replace("__", "."): value for key, value in attributes.items()}
        with self.processes[agent.service].tracer.start_as_current_span(
            name,
            kind=kind,
            attributes={**self.context, "invocation_id": self.invocation, **keyed},
            start_time=self.clock.now_ns,
            end_on_exit=False,
        ) as span:
            yield span
            span.end(self.clock.now_ns)

    @contextmanager
    def agent_run(self, agent: Agent) -> Iterator[Span]:
        """Open a run of an agent, which says at its end what was used below it."""
        spent: Counter[str] = Counter()
        self._spent.append(spent)
        with self.span(agent, "agent.run", agent_name=agent.name, agent_type=agent.kind) as span:
            yield span
            span.set_attributes(dict(spent))
        self._spent.pop()
        self.spend(spent)

    def spend(self, used: Mapping[str, int]) -> None:
        """Note what was used in the agent's run that is open, if there is one."""
        if self._spent:
            self._spent[-1].update(used)

    def compute(self, agent: Agent, span: Span, caller: str, work: Work, began_ns: int) -> None:
        """Say in the profiles where the time of a span, up to now, went."""
        process = self.processes[agent.service]
        elapsed_ns = self.clock.now_ns - began_ns
        for function, share in work:
            stack = ("main", "agent.run", caller, *function.split("."))
            cpu_ns = int(elapsed_ns * share)
            process.cpu.add(stack, [cpu_ns // _CPU_PERIOD_NS, cpu_ns], span)
            allocated = cpu_ns // _MILLISECOND * _BYTES_PER_MILLISECOND
            process.heap.add(stack, [1, allocated, 0, allocated // 8])
