"""Work of agents that tests know: spans of sessions, the ledger made of them, and what is answered.

`Work.activity` is the specification of what sessions and users sum up to, in plain Python: it knows
nothing of SQL, and of the ledger only what a span's own attributes say.
"""

import contextlib
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import Config
from rak_services.derive.config import ledger_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.accounting import Rules
from rak_services.derive.ledger.accounts import Accounts
from rak_services.derive.ledger.prices import load_prices
from rak_services.derive.ledger.upkeep import LedgerUpkeep

LLAMA = "meta-llama/Llama-3.1-70B"
MODELS = ("m-small", LLAMA, "m-unknown")
PRICES = {"m-small": (Decimal(2), Decimal(8)), LLAMA: (Decimal("0.35"), Decimal("0.4"))}
"""Dollars for a million tokens of input, of output."""

SESSIONS = ("s-1", "team/β/one", "a%2Fb", "query", "100% wahr? & mehr", "s-2")
USERS = ("ann", "bob/δ", "")
AGENTS = ("planner", "o'brien/2")
TOOLS = ("search", "sh/run")


def settle(config: Config, folder: Path) -> None:
    """Return when the ledger counts everything that is stored, with `PRICES`."""
    path = folder / "prices.toml"
    rows = "".join(
        f'[[price]]\nmodel = "{model}"\ninput = "{into}"\noutput = "{out}"\n'
        for model, (into, out) in PRICES.items()
    )
    path.write_text(f'currency = "USD"\n{rows}')
    stored_ms = time.time_ns() // 1_000_000
    with contextlib.closing(Inserter(config.clickhouse)) as engine:
        rules = Rules(load_prices(str(path)))
        limits = ledger_limits(config)
        upkeep = LedgerUpkeep(Accounts(engine, rules, limits, lambda: False, CrashPoints()))
        while upkeep.cycle().seen_until_ms <= stored_ms:
            pass


@dataclass(frozen=True)
class Turn:
    """One trace of a session: an agent's run, its calls of a model and of tools, and a query."""

    session: str
    user: str
    agent: str
    spans: tuple[KnownSpan, ...]

    @property
    def trace_id(self) -> str:
        return self.spans[0].trace_id

    @property
    def start(self) -> int:
        return min(span.start for span in self.spans)

    @property
    def end(self) -> int:
        return max(span.end for span in self.spans)

    def of(self, operation: str) -> list[KnownSpan]:
        """Return the spans of an operation."""
        return [span for span in self.spans if span.name.startswith(operation)]


def make_turn(
    choose: random.Random, start: int, session: str, user: str, invocation: str = ""
) -> Turn:
    """Return a trace whose root alone says which session and user it is of."""
    trace_id, ids = choose.randbytes(16).hex(), (choose.randbytes(8).hex() for _ in range(9))
    agent, service = choose.choice(AGENTS), choose.choice(["alpha", "gamma/δ"])
    names = {"session.id": session, "user.id": user, "invocation_id": invocation}
    root = KnownSpan(
        trace_id,
        next(ids),
        start,
        duration=3 * SECOND,
        service=service,
        name=f"invoke_agent {agent}",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": agent,
            **{key: text for key, text in names.items() if text},
        },
    )
    spans = [root]
    for number in range(choose.randint(1, 3)):
        model = choose.choice(MODELS)
        spans.append(
            KnownSpan(
                trace_id,
                next(ids),
                start + (number + 1) * 1_000_000,
                duration=choose.randrange(1, SECOND),
                parent=root.span_id,
                service=service,
                name=f"chat {model}",
                kind="CLIENT",
                status=choose.choice(["UNSET", "ERROR"]),
                attributes={
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": model,
                    "gen_ai.usage.input_tokens": choose.randrange(5_000),
                    "gen_ai.usage.output_tokens": choose.randrange(500),
                },
            )
        )
    tool = choose.choice(TOOLS)
    spans.append(
        KnownSpan(
            trace_id,
            next(ids),
            start + 10_000_000,
            parent=root.span_id,
            service=service,
            name=f"execute_tool {tool}",
            status=choose.choice(["OK", "ERROR"]),
            attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool},
        )
    )
    spans.append(
        KnownSpan(
            trace_id,
            next(ids),
            start + 11_000_000,
            parent=spans[-1].span_id,
            service="db",
            name="SELECT",
            attributes={"db.system": "x"},
        )
    )
    return Turn(session, user, agent, tuple(spans))


@dataclass
class Work:
    """Turns of sessions within an hour, stored, and in the ledger."""

    turns: list[Turn]
    start: int
    end: int

    @property
    def period(self) -> dict[str, str]:
        """The parameters of its time range."""
        return {"start": str(self.start), "end": str(self.end)}

    def activity(self, of: Callable[[Turn], str]) -> dict[str, dict[str, Any]]:
        """Return what is answered of each session or user, but for its own fields."""
        groups: defaultdict[str, list[Turn]] = defaultdict(list)
        for turn in self.turns:
            groups[of(turn)].append(turn)
        groups.pop("", None)
        return {key: activity_of(turns) for key, turns in groups.items()}


def activity_of(turns: Sequence[Turn]) -> dict[str, Any]:
    """Return what some turns sum up to."""
    spans = [span for turn in turns for span in turn.spans]
    return {
        "first_seen": format_time(min(turn.start for turn in turns)),
        "last_seen": format_time(max(turn.end for turn in turns)),
        "traces": len(turns),
        "spans": len(spans),
        "errors": sum(span.status == "ERROR" for span in spans),
        "services": sorted({span.service for span in spans}),
        "agents": sorted({turn.agent for turn in turns}),
        "models": sorted({span.name.removeprefix("chat ") for span in spans_of(turns, "chat")}),
        "tools": sorted({span.name.split(" ", 1)[1] for span in spans_of(turns, "execute_tool")}),
        "agent_runs": len(turns),
        "llm_calls": len(spans_of(turns, "chat")),
        "tool_calls": len(spans_of(turns, "execute_tool")),
        **spending_of(spans),
    }


def spans_of(turns: Iterable[Turn], operation: str) -> list[KnownSpan]:
    """Return the spans of an operation in some turns."""
    return [span for turn in turns for span in turn.of(operation)]


def spending_of(spans: Iterable[KnownSpan]) -> dict[str, Any]:
    """Return what the calls of models among some spans used and cost."""
    into = out = unpriced = 0
    cost = Decimal(0)
    for span in spans:
        used = span.attributes.get("gen_ai.usage.input_tokens", 0)
        made = span.attributes.get("gen_ai.usage.output_tokens", 0)
        into, out = into + used, out + made
        price = PRICES.get(span.attributes.get("gen_ai.request.model", ""))
        if price is None:
            unpriced += used + made
        else:
            cost += (used * price[0] + made * price[1]) / 1_000_000
    return {
        "input_tokens": into,
        "output_tokens": out,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "unsplit_tokens": 0,
        "cost": money(cost),
        "unpriced_tokens": unpriced,
    }


def money(amount: Decimal) -> str:
    """Return an amount as answers show it."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def make_work(config: Config, folder: Path, start: int) -> Work:
    """Store 60 turns of sessions over an hour, the first of them twice, and settle the ledger."""
    choose = random.Random(1_011)
    turns = [
        make_turn(
            choose,
            start + choose.randrange(3_500 * SECOND),
            session,
            choose.choice(USERS),
            invocation=choose.choice(["i/1", "i-2", ""]),
        )
        for session, _ in itertools.product(SESSIONS, range(10))
    ]
    now = time.time_ns()
    store(config.clickhouse, request_of(span for turn in turns for span in turn.spans), now)
    store(config.clickhouse, request_of(span for turn in turns[:5] for span in turn.spans), now)
    settle(config, folder)
    return Work(turns, start, start + 3_600 * SECOND)
