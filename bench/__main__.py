"""`make bench`: CPU per span and throughput of the receiver and the writer, as one table.

Machines differ and are noisy: compare figures of one run with each other, not across machines.
"""

import argparse
import os
import platform

from bench import (
    agent_queries,
    delivery,
    freshness,
    ledger,
    logs,
    metrics,
    metrics_query,
    profiles,
    receiver,
    rollups,
    session_queries,
    writer,
)

BENCHES = {
    "receiver": receiver.run,
    "writer": writer.run,
    "logs": logs.run,
    "metrics": metrics.run,
    "profiles": profiles.run,
    "delivery": delivery.run,
    "freshness": freshness.run,
    "rollups": rollups.run,
    "metrics_query": metrics_query.run,
    "ledger": ledger.run,
    "agent_queries": agent_queries.run,
    "session_queries": session_queries.run,
}


def main() -> None:
    """Run the chosen benches, all by default, and print their rows."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], default=[])
    names = parser.parse_args().names or list(BENCHES)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"Python {platform.python_version()}")  # fmt: skip
    for name in names:
        print(f"\n{name}")
        for what, setting, value, unit in BENCHES[name]():
            print(f"  {what:<38} {setting:<32} {value:>12,.2f} {unit}")


if __name__ == "__main__":
    main()
