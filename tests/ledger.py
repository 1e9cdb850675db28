"""What agents were told, kept on disk, and what is stored, compared with it item by item.

Every item carries its producer, its sequence number there and a checksum (`ledger_items`). A
request holds items of three days, so that each INSERT touches three ClickHouse partitions. What
was told about a request is on disk before the next one is sent: it survives the test as well.
"""

import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from fleet import wait_until
from ledger_items import SPANS, Items

DAYS = 3
DAY_NS = 24 * 3600 * 10**9
RETRYABLE = frozenset({429, 502, 503, 504})
ANSWER_SECONDS = 30.0
GIVE_UP_SECONDS = 120.0
RETRY_SECONDS = 0.2


class Outcome(StrEnum):
    """What a producer knows about one request.

    A first-attempt acknowledgement is one that no earlier attempt can have stored as well. An
    acknowledgement is ambiguous when an earlier attempt ended without a definite answer: a
    connection that broke, or a 503, after which the message may still reach the queue.
    """

    FIRST_ATTEMPT = "first-attempt"
    AMBIGUOUS = "ambiguous"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: `count` items from `first` on, and what its producer was told."""

    producer: str
    first: int
    count: int
    outcome: Outcome


class Ledger:
    """Producers that send at a bounded rate, each with a file of what it was told.

    Attributes:
        name: The service name of every item; the ledger's own among all that share a database.
        folder: Where the producers' files are, one line of JSON a request.
        per_request: Items of one request.
        items: What is sent.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        url: str,
        *,
        items: Items = SPANS,
        producers: int = 8,
        per_request: int | None = None,
        per_second: int | None = None,
        total: int | None = None,
    ) -> None:
        """Describe the producers; `start` lets them send.

        Args:
            name: The ledger's own among all that share a database.
            folder: Created; the producers' files go there.
            url: The receiver's address for HTTP, `http://host:port`.
            items: What is sent.
            producers: Threads that send.
            per_request: Items of one request, None for what suits them.
            per_second: Of all producers together, at most, likewise.
            total: Items that all producers together send, None for until `stop`.
        """
        self.name = name
        self.folder = folder
        self.per_request = per_request or items.per_request
        self.items = items
        self._url = url + items.path.format(name=name)
        self._now_ns = time.time_ns()
        rate = per_second or items.per_second
        self._seconds_per_request = producers * self.per_request / rate
        self._requests_each = None if total is None else total // producers // self.per_request
        self._stopping = threading.Event()
        self._acknowledged = Counter[str]()
        self._failure: Exception | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._threads = [
            threading.Thread(target=self._produce, args=(f"producer-{number}",))
            for number in range(producers)
        ]

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every producer finish the request it has begun; a failure of one is raised."""
        self._stopping.set()
        self.join()

    def join(self) -> None:
        """Wait for all producers to end; a failure of one is raised."""
        for thread in self._threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    @property
    def acknowledged(self) -> int:
        """Items acknowledged so far."""
        return sum(self._acknowledged.values())

    def wait_acknowledged(self, items: int, seconds: float = 90) -> None:
        """Wait for as many items more, which a failure of a producer ends at once."""
        goal = self.acknowledged + items

        def probe() -> bool:
            if self._failure is not None:
                raise self._failure
            return self.acknowledged >= goal

        wait_until(probe, f"{items} items more are acknowledged", seconds=seconds)

    def entries(self) -> Iterator[Entry]:
        """Read back what every producer was told."""
        for path in sorted(self.folder.glob("*.jsonl")):
            with path.open() as lines:
                for line in lines:
                    fields = json.loads(line)
                    yield Entry(**{**fields, "outcome": Outcome(fields["outcome"])})

    def request(self, producer: str, first: int, count: int) -> bytes:
        """Encode the items `first` to `first + count` of one producer."""
        times = {sequence: self.time_ns(sequence) for sequence in range(first, first + count)}
        return self.items.encode(self.name, producer, times)

    def time_ns(self, sequence: int) -> int:
        """The time of an item: today, yesterday or the day before, in turn."""
        return self._now_ns - sequence % DAYS * DAY_NS + sequence // DAYS * 1_000

    def partition(self, sequence: int) -> str:
        """Name of the ClickHouse partition that an item belongs to (`_partition_id`)."""
        seconds = self.time_ns(sequence) // 10**9
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d")

    def record(self, *entries: Entry) -> None:
        """Put what one producer was told on disk; each producer writes a file of its own."""
        with (self.folder / f"{entries[0].producer}.jsonl").open("a") as file:
            for entry in entries:
                file.write(json.dumps(asdict(entry)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        for entry in entries:
            if entry.outcome is not Outcome.UNANSWERED:
                self._acknowledged[entry.producer] += entry.count

    def _produce(self, producer: str) -> None:
        started = time.monotonic()
        number = 0
        try:
            while not self._stopping.is_set() and number != self._requests_each:
                first = number * self.per_request
                outcome = self._send(self.request(producer, first, self.per_request))
                self.record(Entry(producer, first, self.per_request, outcome))
                number += 1
                ahead = number * self._seconds_per_request - (time.monotonic() - started)
                self._stopping.wait(max(0.0, ahead))
        except Exception as error:  # noqa: BLE001  handed to the test by stop() and join()
            self._failure = error

    def _send(self, body: bytes) -> Outcome:
        """Send one request until it is acknowledged, as an agent does.

        Raises:
            urllib.error.HTTPError: An answer that must not be retried.
        """
        request = urllib.request.Request(self._url, data=body, method="POST")
        request.add_header("Content-Type", "application/x-protobuf")
        outcome = Outcome.FIRST_ATTEMPT
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
                    return outcome
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in RETRYABLE:
                    raise
                outcome = Outcome.AMBIGUOUS
            except OSError as error:
                if not _never_connected(error):
                    outcome = Outcome.AMBIGUOUS
            time.sleep(RETRY_SECONDS)
        return Outcome.UNANSWERED


def _never_connected(error: OSError) -> bool:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, ConnectionRefusedError)
