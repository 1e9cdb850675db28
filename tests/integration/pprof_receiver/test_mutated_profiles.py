"""Profiles that a hostile or broken client made of good ones, over the receiver's own socket.

Whatever comes is answered with a status that the documentation names, never with a failure of the
receiver; and what is accepted, the writer can store.
"""

import asyncio
import gzip
import http.client
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Final, NamedTuple

import psutil
import pytest

from integration.pprof_receiver.agents import PATHS, PprofReceiver
from profile_generation import profiles
from rak_libs.clickhouse.insert import encode_block
from rak_libs.kafka.topics import PPROF_PROFILES
from rak_libs.model.message import Message
from rak_libs.model.time_window import time_window
from rak_services.writer.signals import SIGNALS
from request_mutations import BYTE_MUTATIONS, PROTOBUF_MUTATIONS
from round_trips import drawn
from topic_reading import read_whole_topic

REQUESTS: Final = int(os.environ.get("RAK_TEST_MUTATIONS", "10000"))
SEEDS: Final = 200
AT_ONCE: Final = 4
MEBIBYTE: Final = 1024 * 1024
GROWTH_BYTES: Final = 64 * MEBIBYTE
STATUSES: Final = {200, 400, 413}
BOUNDARY: Final = b"a1b2"


class Sent(NamedTuple):
    """One request."""

    way: str
    path: str
    body: bytes


class Client:
    """Sends on connections that stay open, one a thread."""

    def __init__(self, receiver: PprofReceiver) -> None:
        self._port = receiver.config.server.pprof_port
        self._of_thread = local()
        self._connections: list[http.client.HTTPConnection] = []
        self.outcomes: Counter[tuple[str, int]] = Counter()

    def send(self, sent: Sent) -> None:
        """Send one request; fails with it where its answer is none of those that are promised."""
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._of_thread.connection = connection
            self._connections.append(connection)
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
        headers = headers if sent.way == "form" else {}
        connection.request("POST", sent.path, sent.body, headers)
        answer = connection.getresponse()
        text = answer.read()
        self.outcomes[sent.way, answer.status] += 1
        assert answer.status in STATUSES, f"{text!r} to {sent}"

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def drawn_profiles() -> list[bytes]:
    """Draw valid profiles, as many as the mutations begin with."""
    found = drawn(profiles(time_ns=time.time_ns()), SEEDS)
    return [profile.SerializeToString() for profile in found]


def form_of(body: bytes) -> bytes:
    head = b'Content-Disposition: form-data; name="profile"; filename="p"\r\n\r\n'
    return b"--" + BOUNDARY + b"\r\n" + head + body + b"\r\n--" + BOUNDARY + b"--\r\n"


def mutated(chance: random.Random, known: Sequence[bytes]) -> Sent:
    """Change a profile once or twice; half of the time before, else after it was packed."""
    body, other = chance.choice(known), chance.choice(known)
    way = chance.choice(["raw", "raw", "raw", "gzip", "form"])
    path = f"/pprof/{chance.choice(PATHS)}"
    inside = way == "raw" or chance.random() < 0.5
    pack = {"raw": bytes, "gzip": lambda raw: gzip.compress(raw, 1), "form": form_of}[way]
    if not inside:
        body, other = pack(body), pack(other)
    for _ in range(chance.choice([1, 1, 2])):
        mutation = chance.choice(PROTOBUF_MUTATIONS if inside else BYTE_MUTATIONS)
        body = mutation(body, other, chance.getrandbits(32), chance.getrandbits(32))
    return Sent(way, path, pack(body) if inside else body)


@pytest.fixture(scope="module")
def client(receiver: PprofReceiver) -> Iterator[Client]:
    opened = Client(receiver)
    yield opened
    opened.close()


def test_no_mutation_of_a_profile_makes_the_receiver_fail(
    receiver: PprofReceiver, client: Client
) -> None:
    """Resident memory does not grow by 64 MiB once a fifth of the requests is through."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance, known = random.Random(seed), drawn_profiles()
    process = psutil.Process(receiver.service.pid)

    def send(requests: int) -> None:
        plans: Iterator[Sent] = (mutated(chance, known) for _ in range(requests))
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for _ in threads.map(client.send, plans):
                pass

    send(REQUESTS // 5)
    warm = process.memory_info().rss
    send(REQUESTS - REQUESTS // 5)
    growth = process.memory_info().rss - warm
    print(f"RSS grew by {growth / MEBIBYTE:.1f} MiB, {dict(client.outcomes)}")
    assert client.outcomes.total() == REQUESTS
    assert growth < GROWTH_BYTES
    assert receiver.metric('ingest_buffer_size{signal="all"}') == 0


def test_whatever_was_accepted_can_be_stored(receiver: PprofReceiver, client: Client) -> None:
    """Every published profile becomes a row of its own, in blocks that fit the tables."""
    signal = SIGNALS["profiles"]
    rows = signal.new_rows()
    records = asyncio.run(read_whole_topic(receiver.config.kafka, PPROF_PROFILES))
    accepted = sum(n for (_, status), n in client.outcomes.items() if status == 200)
    assert len(records) >= accepted > REQUESTS // 20, client.outcomes
    for record in records:
        message = Message(record.value, record.timestamp, record.headers)
        window = time_window(
            receiver.config.storage.profiles_retention_days, record.timestamp * 1_000_000
        )
        try:
            rejected = signal.decode(message, window, rows)
        except Exception as error:
            raise AssertionError(f"accepted, but not decodable: {record.value.hex()}") from error
        assert not rejected, record.value.hex()
    assert sum(signal.items_per_table(rows).values()) == len(records)
    for each in signal.tables:
        encode_block(each.table, rows.tables[each.table.name])
