"""The account through every real part: to the item, and what a crash or a deletion takes is shown.

The tests follow each other on Apache Kafka and one fleet, and each looks at what it changes; the
last one asks a fleet on the embedded broker.
"""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fleet
from ledger_items import LOGS, METRICS, PROFILES
from prometheus_text import metric
from rak_libs.clickhouse.connection import connect
from rak_libs.kafka.admin import delete_topics
from rak_libs.kafka.consumer import PartitionConsumer
from rak_libs.kafka.publisher import Publisher, Stored
from rak_libs.kafka.topics import (
    DATA_TOPICS,
    OTLP_SPANS,
    PIPELINE,
    PPROF_PROFILES,
    TOPICS,
    dead_letter_topic,
)
from rak_libs.runtime.settings import Config, KafkaSettings
from traffic import numbered_request

INTERVAL = 0.2
DAY_NS = 86_400 * 10**9


@dataclass
class Account:
    """A fleet of single services, and what its account says."""

    config: Config
    folder: Path
    running: contextlib.ExitStack
    writer: fleet.Service

    def start_writer(self) -> None:
        """Run a writer after the one before has ended."""
        service = fleet.service("rak-writer", self.config, self.folder)
        self.writer = self.running.enter_context(service)
        self.writer.wait_ready(self.config.server.writer_admin_port)

    def post(self, request: bytes, port: int | None = None, path: str = "/v1/traces") -> None:
        port = port or self.config.server.otlp_http_port
        fleet.post_traces(f"http://127.0.0.1:{port}{path}", request)

    def publish(self, topic: str, *values: bytes) -> list[Stored]:
        """Publish messages as another producer does: without headers of ours."""

        async def send() -> list[Stored]:
            publisher = Publisher(self.config.kafka, "test")
            await publisher.start()
            stored = [await publisher.publish(topic, value, []) for value in values]
            await publisher.stop(5)
            return stored

        return asyncio.run(send())

    def read(self, topic: str) -> list[bytes]:
        """Read the first records of a topic, of every partition: what two seconds bring."""

        async def read() -> list[bytes]:
            group = f"test-{time.monotonic_ns()}"
            consumer = PartitionConsumer(
                self.config.kafka, group=group, topics=[topic], client_id="t"
            )
            found: list[bytes] = []
            ends_at: float | None = None
            while ends_at is None or time.monotonic() < ends_at:
                got = await consumer.poll(200)
                found += [record.value for records in got.values() for record in records]
                if got and ends_at is None:
                    ends_at = time.monotonic() + 2
            await consumer.stop()
            return found

        return asyncio.run(read())

    def are_written(self, topic: str, stored: list[Stored]) -> bool:
        """Tell whether a writer says that it is past these messages."""
        with connect(self.config.clickhouse) as client:
            reached = dict(
                client.execute(
                    "SELECT partition, max(first_offset) FROM pipeline"
                    f" WHERE outcome = 'position' AND topic = '{topic}' GROUP BY partition"
                )
            )
        return all(each.offset < reached.get(each.partition, 0) for each in stored)

    @contextlib.contextmanager
    def service(
        self, script: str, *arguments: str, **server: object
    ) -> Iterator[tuple[fleet.Service, Config]]:
        """Run one more service, on ports of its own where `server` names them."""
        server_settings = msgspec.structs.replace(self.config.server, **server)
        config = msgspec.structs.replace(self.config, server=server_settings)
        folder = self.folder / f"{script}-{time.monotonic_ns()}"
        with fleet.service(script, config, folder, arguments) as process:
            yield process, config

    def answer(self) -> Any:
        port = self.config.server.query_api_port
        return fleet.get_json(f"http://127.0.0.1:{port}/api/v1/pipeline?start=now-2h")

    def numbers(self) -> Counter[str]:
        """Every number of the account, over its hours: a test may run across one."""
        total: Counter[str] = Counter()
        for hour in self.answer()["items"]:
            total.update(_numbers(hour))
        return total

    def gone(self) -> set[str]:
        return {each["boot"] for hour in self.answer()["items"] for each in hour["receivers_gone"]}

    @contextlib.contextmanager
    def changing(self, **changes: int) -> Iterator[None]:
        """Expect what happens inside to change these numbers by so much, and no others."""
        before = self.numbers()
        yield
        wanted = {name.replace("__", "."): number for name, number in changes.items()}

        def changed() -> dict[str, int]:
            now = self.numbers()
            return {name: now[name] - before[name] for name in now if now[name] != before[name]}

        def probe() -> bool:
            found = changed()
            assert found == wanted
            return True

        fleet.wait_until(probe, f"the account changes by {wanted}", seconds=40)


def _numbers(hour: dict[str, Any]) -> dict[str, int]:
    found = {name: value for name, value in hour.items() if isinstance(value, int)}
    for name, value in hour.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": number for key, number in value.items()}
    for name in ("settled", "freshness_p50_ns", "freshness_max_ns"):
        found.pop(name, None)
    return found


@pytest.fixture(scope="module")
def account(
    shared_kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    ports = fleet.Ports()
    kafka = msgspec.structs.replace(shared_kafka, session_timeout_seconds=3.0)
    often = {"status_interval_seconds": INTERVAL, "batch_stretch_seconds": 0.2}
    config = fleet.fleet_config(ports, folder, server=often)
    config = msgspec.structs.replace(config, kafka=kafka)
    asyncio.run(delete_topics(kafka, TOPICS))
    with contextlib.ExitStack() as running:
        running.enter_context(fleet.engine(folder, ports.engine))
        fleet.migrate(config, folder)
        for script, port in (
            ("rak-otlp-receiver", ports.otlp_admin),
            ("rak-query", ports.query),
            ("rak-writer", ports.writer_admin),
        ):
            service = running.enter_context(fleet.service(script, config, folder))
            service.wait_ready(port)
        yield Account(config, folder, running, service)


def request_of(first: int, good: int, bad: int = 0, age_ns: int = 0) -> bytes:
    request = numbered_request("accounted", first, good + bad)
    for span in request.resource_spans[0].scope_spans[0].spans[good:]:
        span.trace_id = b"short"
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.start_time_unix_nano -= age_ns
    return request.SerializeToString()


def test_what_is_received_is_stored_set_aside_or_refused(account: Account) -> None:
    """Over a receiver, and straight to the topic as a Collector writes: to the item."""
    with account.changing(
        received=155 + 7 + 1 + 3,
        accepted=150 + 7 + 1 + 3,
        rejected=5,
        rejected_by_reason__trace_id=5,
        stored=150 + 7,
        dead_lettered=4,
        dead_lettered_by_reason__undecodable=1,
        dead_lettered_by_reason__time_expired=3,
    ):
        account.post(request_of(0, 100))
        account.post(request_of(100, 50, bad=3))
        account.post(request_of(200, 0, bad=2))
        expired = request_of(400, 3, age_ns=40 * DAY_NS)
        account.publish(OTLP_SPANS, request_of(300, 7), b"\xffpoison", expired)


def test_where_the_writers_are(account: Account) -> None:
    """Nothing waits, in any partition of any topic, and every partition is known."""

    def written() -> bool:
        now = account.answer()["now"]
        partitions = {(each["topic"], each["partition"]) for each in now}
        assert partitions == {(topic, n) for topic in DATA_TOPICS for n in range(4)}
        assert [each for each in now if each["topic"] == OTLP_SPANS and each["lag"]] == []
        return all(each["written_until"] for each in now)

    fleet.wait_until(written, "every partition is written")


def test_fresh_items_are_told(account: Account) -> None:
    latest = next(hour for hour in account.answer()["items"] if hour["signal"] == "spans")
    assert 0 < latest["freshness_p50_ns"] <= latest["freshness_max_ns"] < 60 * 10**9


def test_a_deleted_row_is_missed(account: Account) -> None:
    changing = account.changing(stored=-1, unaccounted=1, unaccounted_by__not_found=1)
    with changing, connect(account.config.clickhouse) as client:
        client.execute(
            "ALTER TABLE spans DELETE WHERE attributes_int['number'] = 42"
            " SETTINGS mutations_sync = 1"
        )


def test_points_of_every_kind_log_records_and_profiles_are_accounted_for(
    account: Account,
) -> None:
    now_ns = time.time_ns()
    with account.changing(received=75, accepted=75, stored=75):
        account.publish(
            PPROF_PROFILES,
            *(PROFILES.encode("accounted", "agent", {n: now_ns - n}) for n in range(5)),
        )
        for items, count in ((METRICS, 40), (LOGS, 30)):
            body = items.encode("accounted", "agent", {n: now_ns - n for n in range(count)})
            account.post(body, path=items.path)
    for table in ("metric_exponential_histograms", "logs", "cpu_profiles"):
        missing = account.changing(stored=-1, unaccounted=1, unaccounted_by__not_found=1)
        with missing, connect(account.config.clickhouse) as client:
            client.execute(
                f"ALTER TABLE {table} DELETE WHERE timestamp ="
                f" (SELECT min(timestamp) FROM {table}) SETTINGS mutations_sync = 1"
            )


def test_status_records_that_are_read_again_change_nothing(account: Account) -> None:
    """The oldest last, and one that is none."""
    records = account.read(PIPELINE)
    assert len(records) > 10
    before = account.numbers()
    stored = account.publish(PIPELINE, *reversed(records), b"no status record")
    fleet.wait_until(lambda: account.are_written(PIPELINE, stored), "the records are written")
    assert account.numbers() == before
    port = account.config.server.writer_admin_port
    assert metric(port, "ingest_dead_letters_total", topic=dead_letter_topic(PIPELINE)) == 1


def test_a_killed_receiver_leaves_what_it_never_reported(account: Account) -> None:
    """Killed between two status records: its items are stored, and told as unaccounted."""
    ports = fleet.Ports()
    own: dict[str, Any] = {
        "otlp_grpc_port": ports.otlp_grpc,
        "otlp_http_port": ports.otlp_http,
        "otlp_admin_port": ports.otlp_admin,
        "status_interval_seconds": 3600.0,
    }
    with account.service("rak-otlp-receiver", **own) as (receiver, _):
        receiver.wait_ready(ports.otlp_admin)
        boot = boot_of(receiver)
        with account.changing(
            stored=10,
            unaccounted=12,
            unaccounted_by__unreported=12,
            rejected=2,
            rejected_by_reason__unreported=2,
        ):
            account.post(request_of(600, 10, bad=2), ports.otlp_http)
            receiver.kill()
    assert account.gone() == {boot}


def test_a_batch_that_is_written_again_is_accounted_for_once(account: Account) -> None:
    """Its writer dies after the account and before the commit; its successor forms it again."""
    account.writer.terminate()
    arguments = ("--signal", "spans", "--crash-at", "before-commit")
    with account.changing(received=20, accepted=20, stored=20):
        with account.service("rak-writer", *arguments) as (dying, _):
            dying.wait_ready(account.config.server.writer_admin_port)
            account.post(request_of(700, 20))
            assert dying.process.wait(timeout=60) == -signal.SIGKILL
        account.start_writer()


def test_the_embedded_brokers_account_adds_up(started: fleet.Fleet) -> None:
    """Whatever the fleet has been sent so far, and forty spans more."""
    account = started.config.server.query_api_port
    fleet.post_traces(started.otlp_http_url, request_of(0, 40, bad=2))

    def adds_up() -> bool:
        hours = fleet.get_json(f"http://127.0.0.1:{account}/api/v1/pipeline?start=now-2h")["items"]
        total = sum((Counter(_numbers(hour)) for hour in hours), Counter())
        assert total["stored"] >= 40
        assert total["rejected"] >= 2
        assert (total["waiting"], total["unaccounted"], total["duplicated"]) == (0, 0, 0)
        return total["received"] == sum(
            total[name] for name in ("stored", "dead_lettered", "rejected")
        )

    fleet.wait_until(adds_up, "the account adds up")


def boot_of(service: fleet.Service) -> str:
    lines = map(msgspec.json.decode, service.output().splitlines())
    return next(str(line["boot"]) for line in lines if line["event"] == "receiver.listening")
