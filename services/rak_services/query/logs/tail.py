"""`GET /api/v1/logs/tail`: records as they are stored, in server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html

A tail asks, again and again, for the records that the engine took up to a moment that no record can
join any more (`rak_services.query.snapshots`), so that each comes once, however late it is. The
`id` of an event is the place behind it.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

import msgspec

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.select import Row
from rak_libs.runtime.logs import get_logger
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import EventStream, Question, Store
from rak_services.query.logs.pages import read_page
from rak_services.query.logs.places import AS_STORED, TailKey, TailPlace
from rak_services.query.logs.record_answers import records_of
from rak_services.query.logs.record_sql import (
    Selection,
    keys_sql,
    row_key,
    row_mapping,
)
from rak_services.query.logs.requests import TailLogs
from rak_services.query.problems import InvalidParameters, invalid, problem_of
from rak_services.query.snapshots import take_snapshot
from rak_services.query.time_ranges import Range

POLL_SECONDS: Final = 1.0
KEEP_ALIVE_SECONDS: Final = 15.0
"""How long a stream may be silent; whatever is in between may give up a silent connection."""

_CLUSTER_LAG_MS: Final = 4_000
"""How much further behind than searches tails read a cluster: what they have passed they never look
at again, and one node does not see the INSERTs of the others."""

_RETRY_SECONDS: Final = 5.0
_MOST_RECORDS: Final = 500
_NS_PER_MS: Final = 1_000_000
_RECONNECT: Final = b"retry: 2000\n"
"""How long a browser waits before it connects again, in milliseconds."""

log = get_logger(__name__)


async def tail_logs(store: Store, question: Question, request: TailLogs) -> EventStream:
    """Begin a tail; what cannot be asked, or not now, is a problem and no stream."""
    place = _asked_place(question, request)
    # Also where it is not needed: an engine that cannot be asked is a problem, not a stream.
    snapshot = await _tail_snapshot(store)
    if place is None:
        start = None if request.start is None else request.start.resolve(store.now())
        begin = snapshot if start is None else start // _NS_PER_MS
        place = TailPlace(_before(begin), 0)
    store.streams.take()
    return EventStream(_Tail(store, question, request, place).events(), store.streams.give_back)


def _asked_place(question: Question, request: TailLogs) -> TailPlace | None:
    if not question.last_event_id:
        if request.cursor is None:
            return None
        return decode_cursor(request.cursor, question.digest, TailPlace)
    try:
        return decode_cursor(question.last_event_id, question.digest, TailPlace)
    except InvalidParameters:
        raise invalid("Last-Event-ID", "the id of an event of the same tail") from None


async def _tail_snapshot(store: Store) -> int:
    snapshot = await take_snapshot(store)
    return snapshot - _CLUSTER_LAG_MS if store.clustered else snapshot


def _before(stored_ms: int) -> TailKey:
    """Return a key that comes before those of all records stored from a moment on."""
    return (stored_ms, 0, 0, 0)


class _Tail:
    """One stream; `_place` is behind everything that was sent."""

    def __init__(
        self, store: Store, question: Question, request: TailLogs, place: TailPlace
    ) -> None:
        self._store = store
        self._question = question
        self._request = request
        self._place = place
        length = request.duration
        self._ends_ns = None if length is None else store.now() + int(length)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the stream until its time is over or the service ends."""
        # The place at once: a client that has had no event can go on from here, too.
        yield _RECONNECT + self._id() + b"\n"
        silent = 0.0
        while not self._store.streams.ending:
            over = self._ends_ns is not None and self._store.now() >= self._ends_ns
            wait, more, sent = POLL_SECONDS, False, b""
            try:
                sent, more = await self._poll()
            except ClickHouseError as error:
                log.warning("query.tail_poll_failed", code=error.code)
                wait, sent = _RETRY_SECONDS, _problem_event(error)
            if not sent and silent >= KEEP_ALIVE_SECONDS:
                sent = b": nothing new\n" + self._id() + b"\n"
            if sent:
                silent = 0.0
                yield sent
            if more:
                continue
            if over:
                return
            await self._store.streams.wait(wait)
            silent += wait

    async def _poll(self) -> tuple[bytes, bool]:
        """Return the events of what is new, and whether there is more of it."""
        pool, place = self._store.pool, self._place
        most = self._store.page_rows(_MOST_RECORDS)
        snapshot = await _tail_snapshot(self._store)
        selection = Selection(self._request, Range(None, None), snapshot)
        found = await pool.select(*keys_sql(selection, AS_STORED, place, most + 1))
        if not found:
            # Whatever is stored from now on is stamped later.
            self._place = max(place, TailPlace(_before(snapshot), 0))
            return b"", False
        rows = await read_page(pool.select, selection, AS_STORED, place, found[:most])
        events, self._place = await asyncio.to_thread(self._encoded, rows, place)
        return events, len(found) > len(rows)

    def _encoded(self, rows: Sequence[Row], place: TailPlace) -> tuple[bytes, TailPlace]:
        events = bytearray()
        for row, record in zip(rows, records_of(map(row_mapping, rows)), strict=True):
            place = place.next(row_key(row))
            cursor = self._question.cursor_after(place).encode()
            data = msgspec.json.encode(record)
            events += b"event: log\nid: %b\ndata: %b\n\n" % (cursor, data)
        return bytes(events), place

    def _id(self) -> bytes:
        return b"id: %b\n" % self._question.cursor_after(self._place).encode()


def _problem_event(error: ClickHouseError) -> bytes:
    return b"event: problem\ndata: %b\n\n" % problem_of(error).body()
