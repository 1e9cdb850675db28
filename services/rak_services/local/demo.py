"""A small fleet of simulated agents, sent through the real OpenTelemetry SDK.

Users talk to agents in sessions of several turns, each of which makes a trace (`demo_session`).
Beside the traces go a line of log for each call of a tool, runs and tokens as metrics, and two
profiles of each agent's process: CPU time, whose samples carry the ids of their spans, and memory.
"""

import argparse
import itertools
import random
import shlex
import sys
import time

from rak_services.local.demo_agents import AGENTS, SUMMARISER
from rak_services.local.demo_session import Session
from rak_services.local.demo_telemetry import Telemetry
from rak_services.local.demo_telling import Clock

_NANOSECONDS = 1_000_000_000
_SESSION_SECONDS = 20
"""Twice what a session takes on average, so that the last one ends before now."""


def send(endpoint: str, pprof_endpoint: str, sessions: int, seed: int) -> list[Session]:
    """Play the sessions of all agents and send them over OTLP gRPC, and their profiles over HTTP.

    Args:
        endpoint: `http://host:port` of the receiver's gRPC port.
        pprof_endpoint: `http://host:port` of the pprof receiver.
        sessions: How many to play; each is of one to three turns.
        seed: Makes the same sessions again, at another time.

    Returns:
        The sessions as played; everything was accepted.

    Raises:
        RuntimeError: a receiver did not accept everything.
    """
    chance = random.Random(seed)  # noqa: S311  simulated agents need no secrets
    services = [agent.service for agent in (*AGENTS, SUMMARISER)]
    processes = {service: Telemetry(service, endpoint) for service in services}
    start_ns = time.time_ns() - (60 + sessions * _SESSION_SECONDS) * _NANOSECONDS
    clock = Clock(start_ns)
    played = []
    for agent in itertools.islice(itertools.cycle(AGENTS), sessions):
        session = Session(agent, processes, chance, clock)
        session.run()
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
    agent, trace_id = session.agent, session.trace_ids[-1]
    identity = session.context["session_id"]
    urls = [
        f"{base}/services",
        f"{base}/services/operations?service={agent.service}",
        f"{base}/services/dependencies",
        f"{base}/traces?limit=5",
        f"{base}/traces?agent={agent.name}&order=-duration&limit=3",
        f"{base}/traces?status=ERROR",
        f"{base}/traces/{trace_id}",
        f"{base}/traces/{trace_id}?format=otlp",
        f"{base}/traces/{trace_id}/logs",
        f"{base}/traces/{trace_id}/ledger",
        f"{base}/agents?order=-cost",
        f"{base}/agents/{agent.name}",
        f"{base}/llm",
        f"{base}/llm/{SUMMARISER.model}",
        f"{base}/tools/{agent.tools[0]}",
        f"{base}/sessions?order=-cost&limit=3",
        f"{base}/sessions/{identity}",
        f"{base}/users",
        f"{base}/invocations/{session.invocation}",
        f"{base}/logs?severity=ERROR&limit=5",
        f"{base}/metrics",
        f"{base}/metrics/query?name=agent.runs&agg=increase&by=service_name&step=1h",
        f"{base}/profiles/flamegraph?tool={agent.tools[0]}&format=folded",
        f"{base}/traces/{trace_id}/profile?format=folded",
        f"{base}/profiles/hotspots?service={agent.service}&limit=5",
        f"{base}/memory?service={agent.service}",
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
    traces = sum(len(session.trace_ids) for session in played)
    errors = sum(session.errors for session in played)
    print(f"Sent {len(played)} sessions in {traces} traces, {errors} of them with an error.")
    print(
        "Ask for them (each answer is there within seconds; of agents and cost, within a minute):\n"
    )
    print("\n".join(questions(arguments.query, played[-1])))


if __name__ == "__main__":
    main()
