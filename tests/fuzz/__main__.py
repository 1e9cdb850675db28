"""`make fuzz`: one target under atheris for some seconds, starting from its corpus.

Inputs that reach new code go to the folder of findings; one that breaks a promise is kept there as
`crash-…`, `timeout-…` or `oom-…` and ends the run with an error. `python -m fuzz.minimise` makes a
new corpus of what was found.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import atheris
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings

with atheris.instrument_imports(
    include=["rak_libs.otlp", "rak_libs.pprof", "rak_libs.receiving", "rak_services.otlp_receiver"]
):
    from fuzz.targets import ENCODINGS, TARGETS
    from rak_libs.otlp.otlp_json import request_to_json

from compressions import COMPRESSIONS
from log_generation import log_requests
from metric_generation import metric_requests
from otlp_generation import requests
from profile_generation import profiles
from request_mutations import BYTE_MUTATIONS, JSON_MUTATIONS, PROTOBUF_MUTATIONS, Mutation

CORPUS: Final = Path(__file__).parent / "corpus"
MAX_INPUT_BYTES: Final = 4 * 1024
ANSWER_SECONDS: Final = 2
SEEDS: Final = 50
MUTATIONS: Final[dict[str, tuple[Mutation, ...]]] = {
    "protobuf": PROTOBUF_MUTATIONS,
    "json": JSON_MUTATIONS,
    "profiles": PROTOBUF_MUTATIONS,
    "content": BYTE_MUTATIONS,
}
"""By the last word of a target's name."""

STRATEGIES: Final = {
    "metrics": metric_requests,
    "logs": log_requests,
    "profiles": lambda time_ns: profiles(time_ns=time_ns),
}
"""By the first word of a target's name; those of traces, and the contents of bodies, name none."""


def drawn_requests(target: str) -> list[Message]:
    """Draw valid requests of a target from the strategy that all property tests share."""
    drawn: list[Message] = []
    strategy = STRATEGIES.get(target.partition("-")[0], requests)

    @settings(
        max_examples=SEEDS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy(time.time_ns()))
    def draw(request: Message) -> None:
        drawn.append(request)

    draw()
    return drawn


def seeds(target: str) -> Iterator[bytes]:
    """Give valid inputs of a target."""
    for request in drawn_requests(target):
        body = request.SerializeToString()
        if target.endswith("json"):
            yield request_to_json(request)
        elif target.endswith(("protobuf", "profiles")):
            yield body
        else:
            for number, encoding in enumerate(ENCODINGS):
                yield bytes([number]) + COMPRESSIONS.get(encoding, bytes)(body)


def main() -> None:
    """Do what the arguments say; does not return."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--findings", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=200)
    arguments = parser.parse_args()
    findings = arguments.findings / arguments.target
    findings.mkdir(parents=True, exist_ok=True)
    fuzz(arguments.target, CORPUS / arguments.target, findings, arguments.seconds)


def fuzz(target: str, corpus: Path, findings: Path, seconds: int) -> None:
    """Look for inputs that break the target's promises; does not return."""
    known = list(seeds(target))
    for number, seed in enumerate(known):
        (findings / f"seed-{number}").write_bytes(seed)

    def mutate(body: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(body, max_size))
        mutation = chance.choice(MUTATIONS[target.rpartition("-")[2]])
        place, choice = chance.getrandbits(32), chance.getrandbits(32)
        return mutation(body, chance.choice(known), place, choice)[:max_size]

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-timeout={ANSWER_SECONDS}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
    ]
    command = [sys.argv[0], *options, str(findings), str(corpus)]
    atheris.Setup(command, TARGETS[target], custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
