"""Entries of the ledger that tests know, and in plain Python what they sum up to.

They have no spans: rak-derive never computes their traces again.
"""

import contextlib
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.ledger import LEDGER, TOKEN_KINDS, slot_of
from rak_libs.model.time_text import SECOND_NS, format_time
from rak_libs.runtime.settings import Config
from rak_services.derive.config import ledger_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.accounting import Rules
from rak_services.derive.ledger.accounts import Accounts
from rak_services.derive.ledger.columns import batch_of
from rak_services.derive.ledger.prices import load_prices
from rak_services.derive.ledger.rows import Entry

LLAMA = "meta-llama/Llama-3.1-70B"
SERVICES = ("alpha", "gamma/δ")
AGENTS = ("planner", "o'brien/2", "query", "")
MODELS = (LLAMA, "gpt-4o", "a%2Fb", "")
TOOLS = ("search", "sh/run", "100% wahr?", "検索 δ+")
_NOTHING = {name: "" if kind is str else 0 for name, kind in Entry.__annotations__.items()}

Entries = Sequence[Entry]


def entry(**facts: Any) -> Entry:
    """Return an entry of which some facts are chosen and all others are nothing."""
    kinds = {"span_kind": "INTERNAL", "status_code": "UNSET"}
    began = slot_of(facts["timestamp"])
    return Entry(**{**_NOTHING, **kinds, "slot": began, **facts})


def draw_entries(seed: int, start: int, seconds: int, number: int) -> list[Entry]:
    """Return entries of every operation that began within some seconds."""
    draw = random.Random(seed)
    return [_draw(draw, start + draw.randrange(seconds * SECOND_NS)) for _ in range(number)]


def _draw(draw: random.Random, began: int) -> Entry:
    operation = draw.choice(["agent", "agent", "llm", "llm", "tool", "embedding", "retrieval", ""])
    model = draw.choice(MODELS) if operation in {"llm", "embedding"} or draw.random() < 0.1 else ""
    own = {kind: draw.choice([0, draw.randrange(5_000)]) for kind in TOKEN_KINDS}
    own |= {"cost": draw.randrange(10**10), "unpriced_tokens": draw.choice([0, 0, 7])}
    spends = operation in {"llm", "embedding"} or draw.random() < 0.1
    own = {name: amount if spends else 0 for name, amount in own.items()}
    return entry(
        trace_id=draw.randbytes(16).hex(),
        span_id=draw.randbytes(8).hex(),
        timestamp=began,
        duration_ns=draw.choice([0, draw.randrange(1, 10**10), draw.randrange(1, 10**6)]),
        service_name=draw.choice(SERVICES),
        caller_service=draw.choice(["", "web", "alpha"]),
        span_name=draw.choice(["work", "GET /", operation]),
        span_kind=draw.choice(["SERVER", "CLIENT", "INTERNAL"]),
        status_code=draw.choice(["UNSET", "OK", "ERROR"]),
        operation=operation,
        counted=int(operation != "" and draw.random() < 0.8),
        retry=int(operation in {"tool", "llm"} and draw.random() < 0.3),
        invocation_id=draw.choice(["i/1", "i-2", ""]),
        session_id=draw.choice(["s-1", "a%2Fb", ""]),
        user_id=draw.choice(["ann", "bob/δ", ""]),
        agent_name=draw.choice(AGENTS),
        llm_model=model,
        llm_system=draw.choice(["openai", "together", ""]) if model else "",
        tool_name=draw.choice(TOOLS) if operation == "tool" else "",
        finish_reason=draw.choice(["stop", "length", ""]) if operation == "llm" else "",
        time_to_first_token_ns=draw.choice([0, draw.randrange(10**9)]) if model else 0,
        resource_cpu_micros=draw.randrange(10**6),
        resource_memory_bytes=draw.randrange(10**9),
        resource_memory_peak=draw.randrange(10**9),
        **own,
        **{f"total_{name}": amount + draw.randrange(9) for name, amount in own.items()},
    )


def store_entries(config: Config, entries: Entries, gone: Entries) -> None:
    """Store entries, and some that were there before and are no more, and sum them up.

    A third of them had other values before; summaries were computed of those too.
    """
    before = [row._replace(duration_ns=1, input_tokens=10**9) for row in entries[::3]]
    now = time.time_ns() // 1_000_000
    versions = [((*before, *gone), now - 2, 0), (entries, now - 1, 0), (gone, now - 1, 1)]
    slots = {row.slot for row in (*entries, *gone)}
    with contextlib.closing(Inserter(config.clickhouse)) as engine:
        rules, limits = Rules(load_prices("")), ledger_limits(config)
        accounts = Accounts(engine, rules, limits, lambda: False, CrashPoints())
        for rows, seen_until, deleted in versions:
            engine.insert(LEDGER, batch_of(LEDGER, rows, seen_until, deleted), {})
            accounts.sum_up(slots)


def grouped(entries: Iterable[Entry], key: Callable[[Entry], Any]) -> dict[Any, list[Entry]]:
    """Return entries by a key."""
    groups: defaultdict[Any, list[Entry]] = defaultdict(list)
    for row in entries:
        groups[key(row)].append(row)
    return groups


def spent(entries: Entries, prefix: str = "") -> dict[str, Any]:
    """Return the tokens and the money of some entries."""
    amounts = {
        name: sum(getattr(row, prefix + name) for row in entries)
        for name in (*TOKEN_KINDS, "cost", "unpriced_tokens")
    }
    cost = f"{Decimal(amounts['cost']).scaleb(-12):f}"
    amounts["cost"] = cost.rstrip("0").rstrip(".") if "." in cost else cost
    return amounts


def went(calls: Entries) -> dict[str, Any]:
    """Return what became of some calls and how long they took, but for quantiles."""
    errors = sum(row.status_code == "ERROR" for row in calls)
    total = sum(row.duration_ns for row in calls)
    return {
        "errors": errors,
        "error_rate": errors / len(calls) if calls else None,
        "duration_avg_ns": total // len(calls) if calls else None,
    }


def used(entries: Entries, calls: Entries) -> dict[str, Any]:
    """Return what is told of the use of something."""
    errors = sum(row.status_code == "ERROR" for row in calls)
    return {"calls": len(calls), "errors": errors, **spent(entries)}


def agent_runs(entries: Iterable[Entry]) -> list[Entry]:
    return [row for row in entries if row.counted and row.operation == "agent"]


def model_calls(entries: Iterable[Entry]) -> list[Entry]:
    return [row for row in entries if row.counted and row.operation in {"llm", "embedding"}]


def tool_calls(entries: Iterable[Entry]) -> list[Entry]:
    return [row for row in entries if row.counted and row.operation == "tool"]


def of_models(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries that are about models: by name, by what they are, or by tokens."""
    return [
        row
        for row in entries
        if row.llm_model
        or row.operation in {"llm", "embedding"}
        or any(getattr(row, kind) for kind in TOKEN_KINDS)
    ]


def _seen(entries: Entries) -> str:
    return format_time(max(row.timestamp for row in entries))


def agent_row(name: str, entries: Entries) -> dict[str, Any]:
    runs = agent_runs(entries)
    return {
        "agent_name": name,
        "services": sorted({row.service_name for row in entries}),
        "runs": len(runs),
        **went(runs),
        **spent(entries),
        "resource_cpu_micros": sum(row.resource_cpu_micros for row in runs),
        "resource_memory_bytes": sum(row.resource_memory_bytes for row in runs),
        "resource_memory_peak": max((row.resource_memory_peak for row in runs), default=0),
        "last_seen": _seen(entries),
    }


def model_row(name: str, entries: Entries) -> dict[str, Any]:
    calls = model_calls(entries)
    first = [row.time_to_first_token_ns for row in calls if row.time_to_first_token_ns]
    return {
        "llm_model": name,
        "llm_systems": sorted({row.llm_system for row in entries} - {""}),
        "services": sorted({row.service_name for row in entries}),
        "agents": sorted({row.agent_name for row in entries}),
        "calls": len(calls),
        "retries": sum(row.retry for row in calls),
        **went(calls),
        **spent(entries),
        "first_token_calls": len(first),
        "first_token_avg_ns": sum(first) // len(first) if first else None,
        "finish_reasons": Counter(row.finish_reason for row in calls if row.finish_reason),
        "unpriced_calls": sum(row.unpriced_tokens > 0 for row in calls),
        "last_seen": _seen(entries),
    }


def tool_row(name: str, calls: Entries) -> dict[str, Any]:
    return {
        "tool_name": name,
        "services": sorted({row.service_name for row in calls}),
        "agents": sorted({row.agent_name for row in calls}),
        "calls": len(calls),
        "retries": sum(row.retry for row in calls),
        **went(calls),
        **spent(calls, "total_"),
        "resource_cpu_micros": sum(row.resource_cpu_micros for row in calls),
        "last_seen": _seen(calls),
    }


def dependency_row(names: tuple[str, str], calls: Entries) -> dict[str, Any]:
    return {
        "caller_service": names[0],
        "service_name": names[1],
        "calls": len(calls),
        **went(calls),
        "last_seen": _seen(calls),
    }


def is_quantile(estimate: int | None, values: Iterable[int], level: float) -> bool:
    """Whether an estimate lies within 1 % of one of the values that a quantile falls between."""
    ordered = sorted(values)
    if not ordered:
        return estimate is None
    low = ordered[math.floor(level * (len(ordered) - 1))]
    high = ordered[min(math.ceil(level * len(ordered)), len(ordered) - 1)]
    return estimate is not None and low * 0.989 - 1 <= estimate <= high * 1.011 + 1
