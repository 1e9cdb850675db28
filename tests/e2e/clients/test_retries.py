"""A receiver that first answers 503 and UNAVAILABLE: what each SDK makes of our own answers."""

import itertools
import urllib.request
from collections.abc import Collection

import pytest

from e2e.clients.builds import ToolchainMissing
from e2e.clients.client_runs import GRPC, Client, Run, Running, Runs, Scenario, clients, ran
from e2e.clients.recording_proxy import RecordingProxy
from fleet import Fleet, lag_is_zero, select, wait_until
from prometheus_text import metric
from rak_libs.runtime.settings import Config

SPANS = 20
HELD_SECONDS = 300
SECONDS = 60
"""What an export may take; the defaults of 10 s are too near to a busy machine's start of 11
programs."""

EVERY_CLIENT = clients()
WITHOUT_RETRIES = Client("javascript", GRPC)
"""The one SDK that has no retries over gRPC."""

DEAF_TO_RETRY_INFO = Client("python", GRPC)
"""It looks for RetryInfo where no server puts it, and waits as long as it thinks best."""

FLUSHES_FIVE_SECONDS = "rust"
"""Its SDK waits for a flush no longer, though the export goes on."""


def refusals(receiver: Config) -> dict[str, float]:
    """Return the receiver's own count of retryable answers, by transport."""
    port, name = receiver.server.otlp_admin_port, "ingest_requests_total"
    return {
        transport: metric(port, name, transport=transport, outcome="retryable")
        for transport in ("grpc", "http")
    }


def post(receiver: Config, path: str) -> None:
    url = f"http://127.0.0.1:{receiver.server.otlp_admin_port}{path}"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST")):
        pass


@pytest.fixture(scope="module")
def runs(started: Fleet, receiver: Config, proxy: RecordingProxy) -> Runs:
    """Every client, started while the receiver was held, which ended when each had been refused."""
    held = Scenario("held", proxy.endpoints, ("--spans", str(SPANS)), SECONDS)
    post(receiver, f"/hold?seconds={HELD_SECONDS}")
    try:
        # Those that give up first come last; the two whose programs start slowly come together.
        running = start_and_see_refused(("go",), held, proxy)
        running |= start_and_see_refused(("python", "javascript"), held, proxy)
        running |= start_and_see_refused(("rust",), held, proxy)
    finally:
        post(receiver, "/release")
    finished = {
        client: each.wait() if isinstance(each, Running) else each
        for client, each in running.items()
    }
    wait_until(lambda: lag_is_zero(started), "everything is written")
    return finished


def start_and_see_refused(
    languages: Collection[str], scenario: Scenario, proxy: RecordingProxy
) -> dict[Client, Running | ToolchainMissing]:
    """Start the clients of some languages; returns when each has been refused once."""
    running: dict[Client, Running | ToolchainMissing] = {}
    for client in EVERY_CLIENT:
        if client.language in languages:
            try:
                running[client] = scenario.start(client)
            except ToolchainMissing as error:
                running[client] = error
    services = [each.service for each in running.values() if isinstance(each, Running)]
    refused = f"{services} are refused"
    wait_until(lambda: all(proxy.attempts[name] for name in services), refused, seconds=60)
    return running


def stored(service: str, started: Fleet) -> int:
    """Count a service's spans as they are stored; one that was stored twice counts twice."""
    sql = f"SELECT count() FROM telemetry.spans WHERE service_name = '{service}'"
    return int(select(started, sql)[0][0])


@pytest.mark.parametrize(
    "client", [each for each in EVERY_CLIENT if each != WITHOUT_RETRIES], ids=str
)
def test_what_was_refused_for_now_is_sent_again_until_it_is_accepted_and_then_no_more(
    client: Client, runs: Runs, proxy: RecordingProxy, started: Fleet
) -> None:
    run = ran(runs, client)
    *refused, accepted = proxy.attempts[run.service]
    assert refused
    assert all(attempt.retryable for attempt in refused)
    assert accepted.accepted
    assert run.flushed or client.language == FLUSHES_FIVE_SECONDS
    assert stored(run.service, started) == SPANS


@pytest.mark.parametrize(
    "client",
    [each for each in EVERY_CLIENT if each not in {WITHOUT_RETRIES, DEAF_TO_RETRY_INFO}],
    ids=str,
)
def test_no_attempt_comes_before_the_time_that_the_receiver_asked_for(
    client: Client, runs: Runs, proxy: RecordingProxy
) -> None:
    attempts = proxy.attempts[ran(runs, client).service]
    for refused, following in itertools.pairwise(attempts):
        assert refused.asked_seconds is not None
        assert following.began - refused.answered >= refused.asked_seconds - 0.05


def test_an_sdk_without_retries_loses_its_spans_and_says_so(
    runs: Runs, proxy: RecordingProxy, started: Fleet
) -> None:
    run = ran(runs, WITHOUT_RETRIES)
    assert proxy.answers(run.service) == ["UNAVAILABLE"]
    assert not run.flushed
    assert "the receiver takes nothing for a moment" in run.reports
    assert stored(run.service, started) == 0


def test_the_receiver_counted_as_many_refusals_as_were_recorded(
    runs: Runs, proxy: RecordingProxy, receiver: Config
) -> None:
    recorded = {"grpc": 0, "http": 0}
    for client, run in runs.items():
        if isinstance(run, Run):
            attempts = proxy.attempts[run.service]
            recorded[client.transport] += sum(attempt.retryable for attempt in attempts)
    assert refusals(receiver) == recorded
