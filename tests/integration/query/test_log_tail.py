"""`GET /api/v1/logs/tail`: every record once, in the order of storing, whoever leaves when."""

import contextlib
import http.client
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fleet
from integration.query.api_client import Api
from integration.query.conftest import query_service
from integration.query.known_logs import SECOND, KnownRecord, store
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import ClickHouseSettings, Config, QuerySettings
from rak_services.query.streams import MOST_STREAMS

WAIT_SECONDS = 20


@dataclass
class Event:
    """One event; `data` is None where the stream only names a place."""

    id: str
    name: str
    data: Any


class Tail:
    """A client of a tail, and what it last had."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self.connection = connection
        self.response = response
        self.last_id = ""

    def leave(self) -> None:
        self.response.close()
        self.connection.close()

    def events(self) -> Iterator[Event]:
        """Yield events until the stream ends."""
        fields: dict[str, str] = {}
        for line in self.response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
                continue
            self.last_id = fields.get("id", self.last_id)
            data = msgspec.json.decode(fields["data"]) if "data" in fields else None
            yield Event(self.last_id, fields.get("event", ""), data)
            fields = {}

    def bodies(self, count: int) -> list[Any]:
        """Return the bodies of the next records."""
        found: list[Any] = []
        for event in self.events():
            if event.data is not None:
                found.append(event.data["body"])
                if len(found) == count:
                    break
        return found


@contextlib.contextmanager
def tail(api: Api, asked: dict[str, str], last_id: str = "") -> Iterator[Tail]:
    """Begin a tail, or go on with one; it has begun when this returns."""
    address = urllib.parse.urlsplit(api.base).netloc
    connection = http.client.HTTPConnection(address, timeout=WAIT_SECONDS)
    headers = {"Last-Event-ID": last_id} if last_id else {}
    connection.request("GET", "/api/v1/logs/tail?" + urllib.parse.urlencode(asked), headers=headers)
    response = connection.getresponse()
    client = Tail(connection, response)
    try:
        assert response.status == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert next(client.events()).data is None
        yield client
    finally:
        client.leave()


def test_a_tail_sends_what_is_stored_from_now_on_however_late_it_is(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """In the order of storing; only what meets the filters."""
    now = time.time_ns()
    store(clickhouse, [KnownRecord(now, body="before", service="tailed")], now)
    with tail(api, {"service": "tailed", "severity": "WARN"}) as client:
        for number, (age, severity) in enumerate([(0, 17), (9, 13), (0, 9), (2, 21)]):
            record = KnownRecord(
                now - age * 86_400 * SECOND + number,
                body=number,
                service="tailed",
                severity=severity,
            )
            store(clickhouse, [record], now)
        assert client.bodies(3) == [0, 1, 3]


def test_a_client_that_comes_again_goes_on_where_it_was(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """Nothing is lost and nothing repeated: among equal records, and before the first event."""
    now = time.time_ns()
    asked = {"service": "resumed"}
    with tail(api, asked) as client:
        last_id = client.last_id
    store(clickhouse, [KnownRecord(now, body="equal", service="resumed")], now, times=4)
    rest = [KnownRecord(now + n, body=n, service="resumed") for n in range(3)]
    store(clickhouse, rest, now)
    found: list[Any] = []
    for count in (1, 2, 3, 1):
        with tail(api, asked, last_id) as client:
            found += client.bodies(count)
            last_id = client.last_id
    assert found == ["equal"] * 4 + [0, 1, 2]
    over = api.get("/api/v1/logs/tail", {**asked, "cursor": last_id, "duration": "0s"})
    assert b"event: log" not in over.body


def test_two_tails_have_all_that_is_written_meanwhile(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """One has it in pieces, leaving again and again; one INSERT is slow."""
    now = time.time_ns()
    asked = {"service": "busy"}
    slow = (
        "INSERT INTO logs (timestamp, service_name, body, severity_number) "
        "SELECT now64(9), 'busy', toString(100 + number + sleepEachRow(0.5)), 9 FROM numbers(2) "
        "SETTINGS max_block_size = 1"
    )

    def write() -> None:
        for number in range(20):
            records = [KnownRecord(now - number, body=str(number), service="busy")]
            store(clickhouse, records, now + number)

    def write_slowly() -> None:
        with connect(clickhouse) as client:
            client.execute(slow)

    expected = sorted(map(str, [*range(20), 100, 101]))
    with tail(api, asked) as steady:
        last_id = steady.last_id
        writers = [threading.Thread(target=each) for each in (write, write_slowly)]
        for writer in writers:
            writer.start()
        pieces: list[Any] = []
        while len(pieces) < len(expected):
            with tail(api, asked, last_id) as piece:
                pieces += piece.bodies(min(5, len(expected) - len(pieces)))
                last_id = piece.last_id
        assert sorted(steady.bodies(len(expected))) == sorted(pieces) == expected
        for writer in writers:
            writer.join()


def test_a_tail_with_a_duration_ends_with_all_that_was_stored_until_then(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """`start` is a time of storing: what came before it is left out."""
    now = time.time_ns()
    records = [
        KnownRecord(now - 20 * 86_400 * SECOND + n, body=n, service="old") for n in range(600)
    ]
    store(clickhouse, records, now)
    asked = {"service": "old", "duration": "0s"}
    with tail(api, {**asked, "start": "now-1m"}) as client:
        events = [event for event in client.events() if event.data is not None]
    assert [event.data["body"] for event in events] == list(range(600))
    with tail(api, {**asked, "start": str(time.time_ns())}) as client:
        assert list(client.events()) == []


@pytest.mark.parametrize("header", ["nonsense", "WyJhYmMiLFtdXQ"])
def test_a_place_of_another_tail_is_refused(api: Api, header: str) -> None:
    """It names the header, as it would the parameter."""
    address = urllib.parse.urlsplit(api.base).netloc
    connection = http.client.HTTPConnection(address, timeout=WAIT_SECONDS)
    connection.request("GET", "/api/v1/logs/tail", headers={"Last-Event-ID": header})
    response = connection.getresponse()
    assert response.status == 400
    assert msgspec.json.decode(response.read())["parameter"] == "Last-Event-ID"
    connection.close()


def test_only_as_many_tails_as_there_may_be_and_none_outlives_its_client_or_the_service(
    config: Config, tmp_path: Path
) -> None:
    """One too many is told so; a place is free when its client has left; SIGTERM ends the rest."""
    with query_service(config, tmp_path, QuerySettings()) as (api, service):
        asked = {"service": "many"}
        with contextlib.ExitStack() as open_tails:
            clients = [open_tails.enter_context(tail(api, asked)) for _ in range(MOST_STREAMS)]
            refused = api.get("/api/v1/logs/tail", asked)
            assert (refused.status, refused.json["title"]) == (429, "Too many tails")
            assert int(refused.headers["Retry-After"]) > 0
            assert f"query_streams {MOST_STREAMS}.0" in api.get("/metrics").body.decode()
            clients.pop().leave()
            fleet.wait_until(
                lambda: api.get("/api/v1/logs/tail", {"duration": "0s"}).status == 200,
                "the place of the client that left is free",
            )
            assert service.terminate() == 0
            for client in clients[:3]:
                assert [event.name for event in client.events()] == []
                assert client.response.isclosed(), "the stream ended as one should"


def test_the_engine_s_query_ends_when_the_client_of_a_tail_leaves(
    endless: Config, clickhouse: ClickHouseSettings, tmp_path: Path
) -> None:
    """It is in the middle of a question that takes hours."""
    running = (
        "SELECT count() FROM system.processes "
        "WHERE current_database = 'endless' AND query LIKE '%FROM logs%'"
    )
    limits = QuerySettings(max_query_time_seconds=600)
    with query_service(endless, tmp_path, limits) as (api, _), connect(clickhouse) as client:
        with tail(api, {"start": "0"}):
            fleet.wait_until(lambda: client.execute(running) == [(1,)], "a poll runs")
        fleet.wait_until(lambda: client.execute(running) == [(0,)], "it has ended")
