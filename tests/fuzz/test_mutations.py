"""Mutated requests of metrics and logs break no promise, nor do profiles; `make fuzz` looks on."""

import os
import time
from collections.abc import Callable
from typing import Final

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS
from log_generation import log_requests
from metric_generation import metric_requests
from profile_generation import profiles
from rak_libs.otlp.otlp_json import request_to_json
from request_mutations import JSON_MUTATIONS, PROTOBUF_MUTATIONS, Mutation

PER_TARGET: Final = int(os.environ.get("RAK_TEST_MUTATIONS", "400")) // 10
STRATEGIES: Final[dict[str, Callable[[int], st.SearchStrategy[Message]]]] = {
    "metrics": metric_requests,
    "logs": log_requests,
    "profiles": lambda time_ns: profiles(time_ns=time_ns),
}
TARGETS_OF_MESSAGES: Final = (
    "metrics-protobuf",
    "metrics-json",
    "logs-protobuf",
    "logs-json",
    "profiles",
)

Plans = list[list[tuple[Mutation, int, int]]]

numbers = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("target", TARGETS_OF_MESSAGES)
def test_what_is_accepted_of_a_mutated_request_is_stored(target: str) -> None:
    is_json = target.endswith("json")
    check = TARGETS[target]
    strategy = STRATEGIES[target.partition("-")[0]](time.time_ns())
    mutations = st.sampled_from(JSON_MUTATIONS if is_json else PROTOBUF_MUTATIONS)
    steps = st.lists(st.tuples(mutations, numbers, numbers), max_size=2)

    @settings(
        max_examples=PER_TARGET,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy, strategy, st.lists(steps, min_size=5, max_size=5))
    def mutate(first: Message, second: Message, plans: Plans) -> None:
        body, other = (
            request_to_json(each) if is_json else each.SerializeToString()
            for each in (first, second)
        )
        for plan in plans:
            mutated = body
            for mutation, place, choice in plan:
                mutated = mutation(mutated, other, place, choice)
            check(mutated)

    mutate()
