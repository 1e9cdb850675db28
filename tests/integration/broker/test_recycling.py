"""The embedded broker's memory stays bounded while everything acknowledged is read once or more."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from structlog.testing import capture_logs

from contract.broker.brokers import (
    EmbeddedBroker,
    Reader,
    free_port,
    next_offsets,
    publishing,
    reading,
    run,
    until,
)
from rak_libs.kafka.admin import connect
from rak_libs.kafka.errors import PartitionLost, TransientKafkaError
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import OTLP_SPANS, dead_letter_topic
from rak_libs.runtime.settings import Config, LocalSettings, ServerSettings
from rak_services.local.broker_recycling import BrokerRecycler

MEBIBYTE = 1024 * 1024
GROUP = "rak-writer-spans"
VOLUME = int(os.environ.get("RAK_TEST_VOLUME_BYTES", str(200 * MEBIBYTE)))
LIMIT = int(os.environ.get("RAK_TEST_BROKER_LIMIT_BYTES", str(64 * MEBIBYTE)))


class Refused(Exception):
    """The receiver tells the agent to come again later."""


class Receiver:
    """What the recycler sees of a receiver: a gate, a count, and the three admin routes."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._held_until = 0.0
        self.port = free_port()
        self.in_flight = 0
        self.holds = 0

    @property
    def held(self) -> bool:
        return time.monotonic() < self._held_until

    async def export(self, value: bytes) -> None:
        if self.held:
            raise Refused
        self.in_flight += 1
        try:
            await self._publisher.publish(OTLP_SPANS, value, [])
        finally:
            self.in_flight -= 1

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = (await reader.readline()).decode().split()
        while (await reader.readline()).strip():
            pass
        url = urlsplit(target)
        if (method, url.path) == ("POST", "/hold"):
            self._held_until = time.monotonic() + float(parse_qs(url.query)["seconds"][0])
            self.holds += 1
        elif (method, url.path) == ("POST", "/release"):
            self._held_until = 0.0
        body = json.dumps({"held": self.held, "in_flight": self.in_flight}).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def receiving(publisher: Publisher) -> AsyncIterator[Receiver]:
    receiver = Receiver(publisher)
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", receiver.port)
    async with server:
        yield receiver


@contextlib.asynccontextmanager
async def background(*coroutines: object) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]  # type: ignore[arg-type]
    try:
        yield
        for task in tasks:
            assert not task.done() or task.exception() is None, task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def configuration(broker: EmbeddedBroker, receiver: Receiver, patience: float = 1.0) -> Config:
    return Config(
        # One receiver stands for both.
        server=ServerSettings(otlp_admin_port=receiver.port, pprof_admin_port=receiver.port),
        kafka=broker.settings,
        local=LocalSettings(broker_memory_bytes=LIMIT, drain_timeout_seconds=patience),
    )


async def send(receiver: Receiver, names: list[bytes], size: int = 0) -> None:
    """Send as an agent does, again and again until it is accepted; random bytes fill to `size`."""
    for name in names:
        value = name + os.urandom(max(0, size - len(name)))
        while True:
            try:
                await receiver.export(value)
                break
            except (Refused, TransientKafkaError):
                await asyncio.sleep(0.05)


async def write(reader: Reader) -> None:
    """Do as a writer does: note every record's name, then commit."""
    while True:
        polled = await reader.consumer.poll(200)
        for records in polled.values():
            reader.records += [record._replace(value=record.value[:16]) for record in records]
        with contextlib.suppress(PartitionLost, TransientKafkaError):
            await reader.consumer.commit(next_offsets(polled))


async def watch(broker: EmbeddedBroker, seen: list[int]) -> None:
    process = psutil.Process(broker.pid)
    while True:
        seen.append(process.memory_info().rss)
        await asyncio.sleep(0.05)


async def happens(done: Callable[[], bool], seconds: float = 60) -> None:
    await until(done, seconds, asyncio.sleep, delay=0.05)


def events(logs: list[dict[str, object]], name: str) -> int:
    return sum(line["event"] == name for line in logs)


async def prepare(broker: EmbeddedBroker) -> None:
    async with connect(broker.settings) as admin:
        await admin.ensure()


def test_every_message_is_accounted_for_across_recycles_under_continuous_sending(
    broker: EmbeddedBroker,
) -> None:
    """Four agents send random bytes; none is lost, none is read twice, dead letters stay."""
    size = 256 * 1024
    names = [b"%015d|" % number for number in range(VOLUME // size)]
    dead_letters = dead_letter_topic(OTLP_SPANS)

    async def scenario() -> None:
        await prepare(broker)
        stop, seen = asyncio.Event(), [0]
        async with (
            publishing(broker.settings) as publisher,
            receiving(publisher) as receiver,
            reading(broker.settings, OTLP_SPANS, group=GROUP) as reader,
        ):
            await publisher.publish(dead_letters, b"kept", [])
            recycler = BrokerRecycler(configuration(broker, receiver), lambda: broker.pid)
            async with background(recycler.run(stop), write(reader), watch(broker, seen)):
                await asyncio.gather(*(send(receiver, names[i::4], size) for i in range(4)))
                await happens(
                    lambda: len(reader.records) >= len(names), 60 + VOLUME / (4 * MEBIBYTE)
                )
                # The last messages may have begun one more recycle, which ends with a release.
                await happens(lambda: not receiver.held, 60)
                stop.set()
            assert receiver.holds > 0
            async with connect(broker.settings) as admin:
                assert sum((await admin.end_offsets([dead_letters])).values()) == 1
        assert sorted(reader.values) == names
        assert max(seen) < 2 * LIMIT + 64 * MEBIBYTE
        print(f"{VOLUME // MEBIBYTE} MiB, broker at most {max(seen) // MEBIBYTE} MiB")

    with capture_logs() as logs:
        run(scenario(), seconds=60 + VOLUME / (4 * MEBIBYTE))
    recycled = events(logs, "broker.recycled")
    assert recycled >= VOLUME // (2 * LIMIT)
    print(f"{recycled} recycles")


async def fill(publisher: Publisher, size: int) -> list[bytes]:
    values = [os.urandom(MEBIBYTE) for _ in range(size // MEBIBYTE)]
    for value in values:
        await publisher.publish(OTLP_SPANS, value, [])
    return values


def test_nothing_is_deleted_and_receivers_stay_held_while_something_is_not_written(
    broker: EmbeddedBroker,
) -> None:
    """Without a writer there is a loud line each time the patience is over; then one comes."""

    async def scenario() -> None:
        await prepare(broker)
        async with publishing(broker.settings) as publisher, receiving(publisher) as receiver:
            values = await fill(publisher, LIMIT + 16 * MEBIBYTE)
            recycler = BrokerRecycler(
                configuration(broker, receiver, patience=0.3), lambda: broker.pid
            )
            async with background(recycler.run(asyncio.Event())):
                await happens(lambda: events(logs, "broker.recycling_waits") >= 3)
                assert receiver.held
                with pytest.raises(Refused):
                    await receiver.export(b"refused")
                async with connect(broker.settings) as admin:
                    ends = sum((await admin.end_offsets([OTLP_SPANS])).values())
                assert ends == len(values)
                async with reading(broker.settings, OTLP_SPANS, group=GROUP) as reader:
                    while not events(logs, "broker.recycled"):
                        await reader.poll()
                assert sorted(reader.values) == sorted(values)
                assert not receiver.held
                assert broker.resident_bytes < LIMIT

    with capture_logs() as logs:
        run(scenario())


def test_a_request_inside_the_receiver_is_waited_for(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        await prepare(broker)
        async with (
            publishing(broker.settings) as publisher,
            receiving(publisher) as receiver,
            reading(broker.settings, OTLP_SPANS, group=GROUP) as reader,
        ):
            await fill(publisher, LIMIT + 16 * MEBIBYTE)
            receiver.in_flight += 1
            recycler = BrokerRecycler(
                configuration(broker, receiver, patience=0.3), lambda: broker.pid
            )
            async with background(recycler.run(asyncio.Event()), write(reader)):
                await happens(lambda: events(logs, "broker.recycling_waits") >= 2)
                assert broker.resident_bytes > LIMIT
                receiver.in_flight -= 1
                await happens(lambda: bool(events(logs, "broker.recycled")))

    with capture_logs() as logs:
        run(scenario())


def test_consumers_that_do_not_notice_are_restarted(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the consumer is gone when the topics are made again; restarting brings it back."""
    monkeypatch.setattr("rak_services.local.broker_recycling._NOTICE_SECONDS", 0.0)

    async def scenario() -> None:
        await prepare(broker)
        restarted: list[Reader] = []
        async with (
            contextlib.AsyncExitStack() as stack,
            publishing(broker.settings) as publisher,
            receiving(publisher) as receiver,
        ):
            values = await fill(publisher, LIMIT + 16 * MEBIBYTE)
            async with reading(broker.settings, OTLP_SPANS, group=GROUP) as reader:
                await reader.read(len(values))

            async def restart() -> None:
                if not restarted:
                    restarted.append(
                        await stack.enter_async_context(
                            reading(broker.settings, OTLP_SPANS, group=GROUP)
                        )
                    )
                    await stack.enter_async_context(background(write(restarted[0])))

            recycler = BrokerRecycler(configuration(broker, receiver), lambda: broker.pid, restart)
            async with background(recycler.run(asyncio.Event())):
                await happens(lambda: bool(events(logs, "broker.recycled")))
                await send(receiver, [b"after"])
                await happens(lambda: bool(restarted[0].values))
            assert restarted[0].values == [b"after"]

    with capture_logs() as logs:
        run(scenario())
    assert events(logs, "broker.consumers_restarted") >= 1


def test_memory_that_is_not_in_the_data_topics_is_reported_and_receivers_go_on(
    broker: EmbeddedBroker,
) -> None:
    async def scenario() -> None:
        await prepare(broker)
        async with publishing(broker.settings) as publisher, receiving(publisher) as receiver:
            for _ in range(LIMIT // MEBIBYTE + 16):
                await publisher.publish(dead_letter_topic(OTLP_SPANS), os.urandom(MEBIBYTE), [])
            recycler = BrokerRecycler(configuration(broker, receiver), lambda: broker.pid)
            async with background(recycler.run(asyncio.Event())):
                await happens(lambda: bool(events(logs, "broker.memory_not_in_data_topics")))
                assert not receiver.held
            async with connect(broker.settings) as admin:
                ends = await admin.end_offsets([dead_letter_topic(OTLP_SPANS)])
            assert sum(ends.values()) == LIMIT // MEBIBYTE + 16

    with capture_logs() as logs:
        run(scenario())


def test_a_broker_that_is_down_is_left_alone(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        async with publishing(broker.settings) as publisher, receiving(publisher) as receiver:
            stop = asyncio.Event()
            recycler = BrokerRecycler(configuration(broker, receiver), lambda: None)
            running = asyncio.create_task(recycler.run(stop))
            await asyncio.sleep(0.5)
            stop.set()
            await running
            assert receiver.holds == 0

    run(scenario())
