"""Answers that say "do not send this again": each SDK sends once, and what was good is stored."""

from collections.abc import Mapping

import pytest

from e2e.clients.client_runs import GRPC, Client, Runs, Scenario, clients, ran
from e2e.clients.recording_proxy import RecordingProxy
from fleet import Fleet, lag_is_zero, select, wait_until
from prometheus_text import metric
from rak_libs.runtime.settings import Config

EVERY_CLIENT = clients()
SPANS = 20
EXPIRED = 5
TOO_MANY = 500
"""Spans whose request is larger than the receiver takes, and still one request."""

SECONDS = 3
"""What an export may take: room for a wrong second attempt, and not for many."""

SPECIFIED_CODES = "CANCELLED,DEADLINE_EXCEEDED,ABORTED,OUT_OF_RANGE,UNAVAILABLE,DATA_LOSS"
RETRIES_WHAT_IS_TOO_LARGE = Client("python", GRPC)
"""It takes RESOURCE_EXHAUSTED without RetryInfo for retryable, against the specification."""

SILENT_ABOUT_REJECTED_SPANS = {
    # They do not read the answer of a request that succeeded.
    Client("python", GRPC),
    Client("python", "http/protobuf"),
    # It takes the count only as a number, and in OTLP's JSON it is a string.
    Client("rust", "http/json"),
}


@pytest.fixture(scope="module")
def counted_before(receiver: Config) -> Mapping[str, float]:
    """The receiver's own count of refused requests, by transport."""
    return {transport: refused(transport, receiver) for transport in ("grpc", "http")}


def refused(transport: str, receiver: Config) -> float:
    port = receiver.server.otlp_admin_port
    return metric(port, "ingest_requests_total", transport=transport, outcome="refused")


@pytest.fixture(scope="module")
def damaged(counted_before: Mapping[str, float], proxy: RecordingProxy) -> Runs:
    """Every client, the last byte of its requests cut off."""
    arguments = ("--spans", "2")
    scenario = Scenario("damaged", proxy.endpoints, arguments, SECONDS, headers=("x-damage=yes",))
    return scenario.run_all(EVERY_CLIENT)


@pytest.fixture(scope="module")
def oversized(proxy: RecordingProxy) -> Runs:
    """Every client, with a request that is small enough only as long as it is compressed."""
    arguments = ("--spans", str(TOO_MANY))
    return Scenario("large", proxy.endpoints, arguments, SECONDS).run_all(EVERY_CLIENT)


@pytest.fixture(scope="module")
def partly_expired(proxy: RecordingProxy, started: Fleet) -> Runs:
    """Every client, with some spans older than spans are kept."""
    arguments = ("--spans", str(SPANS), "--expired", str(EXPIRED))
    runs = Scenario("expired", proxy.endpoints, arguments, SECONDS).run_all(EVERY_CLIENT)
    wait_until(lambda: lag_is_zero(started), "everything is written")
    return runs


@pytest.mark.parametrize("client", EVERY_CLIENT, ids=str)
def test_a_request_that_cannot_be_decoded_is_sent_once(
    client: Client, damaged: Runs, proxy: RecordingProxy
) -> None:
    run = ran(damaged, client)
    expected = "INVALID_ARGUMENT" if client.protocol == GRPC else "400"
    assert proxy.answers(run.service) == [expected]


def test_the_receiver_counted_as_many_undecodable_requests_as_were_sent(
    damaged: Runs, counted_before: Mapping[str, float], proxy: RecordingProxy, receiver: Config
) -> None:
    for transport in ("grpc", "http"):
        sent = [
            attempt
            for client in EVERY_CLIENT
            if client.transport == transport
            for attempt in proxy.attempts[f"damaged-{client}"]
        ]
        assert refused(transport, receiver) - counted_before[transport] == len(sent) > 0


@pytest.mark.parametrize(
    "client", [each for each in EVERY_CLIENT if each != RETRIES_WHAT_IS_TOO_LARGE], ids=str
)
def test_a_request_that_is_too_large_is_sent_once(
    client: Client, oversized: Runs, proxy: RecordingProxy
) -> None:
    run = ran(oversized, client)
    expected = "RESOURCE_EXHAUSTED" if client.protocol == GRPC else "413"
    assert proxy.answers(run.service) == [expected]


def test_pythons_grpc_exporter_repeats_what_is_too_large_unless_it_is_told_the_codes(
    oversized: Runs, proxy: RecordingProxy
) -> None:
    run = ran(oversized, RETRIES_WHAT_IS_TOO_LARGE)
    assert len(proxy.attempts[run.service]) > 1
    assert set(proxy.answers(run.service)) == {"RESOURCE_EXHAUSTED"}

    told = {"OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": SPECIFIED_CODES}
    arguments = ("--spans", str(TOO_MANY))
    scenario = Scenario("told", proxy.endpoints, arguments, SECONDS, environ=told)
    run = scenario.start(RETRIES_WHAT_IS_TOO_LARGE).wait()
    assert proxy.answers(run.service) == ["RESOURCE_EXHAUSTED"]


@pytest.mark.parametrize("client", EVERY_CLIENT, ids=str)
def test_a_request_of_which_some_spans_are_rejected_is_sent_once_and_the_rest_is_stored(
    client: Client, partly_expired: Runs, proxy: RecordingProxy, started: Fleet
) -> None:
    run = ran(partly_expired, client)
    expected = "OK" if client.protocol == GRPC else "200"
    assert proxy.answers(run.service) == [expected]
    numbers = (
        "SELECT attributes_int['number'] FROM telemetry.spans "
        f"WHERE service_name = '{run.service}' ORDER BY ALL"
    )
    assert select(started, numbers) == [(number,) for number in range(EXPIRED, SPANS)]


@pytest.mark.parametrize("client", EVERY_CLIENT, ids=str)
def test_the_reason_for_rejected_spans_is_in_the_log_of_the_sdks_that_read_it(
    client: Client, partly_expired: Runs
) -> None:
    run = ran(partly_expired, client)
    if client in SILENT_ABOUT_REJECTED_SPANS:
        assert (run.flushed, run.reports) == (True, "")
    else:
        assert f"rejected {EXPIRED} of {SPANS} spans: {EXPIRED} time_expired" in run.reports
