"""`GET /api/v1/pipeline`: what became of the items, by signal and hour."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from msgspec import Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_libs.model import pipeline
from rak_libs.model.logs import LOGS
from rak_libs.model.metrics import POINT_TABLES
from rak_libs.model.profiles import CPU_PROFILES
from rak_libs.model.spans import SPANS
from rak_libs.model.time_text import MAX_NS, format_time
from rak_libs.model.time_window import DAY_NS, HOUR_NS
from rak_libs.runtime.settings import StorageSettings
from rak_services.query.answers import (
    PipelineHour,
    PipelineList,
    PipelinePartition,
    SilentReceiver,
    Unaccounted,
)
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.pipeline_account import BootState, HourAccount, Rows, Source, balance
from rak_services.query.pipeline_boots import Receiver, Witnesses
from rak_services.query.pipeline_sql import (
    Hours,
    freshness_sql,
    hours_sql,
    newest_status_sql,
    positions_sql,
    receivers_sql,
    rows_sql,
    sources_sql,
)
from rak_services.query.requests import GetPipeline, PipelineSignal
from rak_services.query.time_ranges import Range, StoredTime, resolve_range

_NS_PER_MS: Final = 1_000_000
_SILENT_INTERVALS: Final = 5
_SILENT_MARGIN_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Signal:
    """Where a signal's items are, and how many days they are kept there."""

    tables: Sequence[str]
    retention_days: Callable[[StorageSettings], int]


_SIGNALS: Final[Mapping[PipelineSignal, _Signal]] = {
    "spans": _Signal((SPANS.name,), lambda storage: storage.spans_retention_days),
    "metrics": _Signal(
        tuple(table.name for table in POINT_TABLES), lambda storage: storage.metrics_retention_days
    ),
    "logs": _Signal((LOGS.name,), lambda storage: storage.logs_retention_days),
    "profiles": _Signal((CPU_PROFILES.name,), lambda storage: storage.profiles_retention_days),
}


class HourPosition(Struct, frozen=True, array_like=True):
    """Where a page of hours ended, and the range that its relative times meant."""

    since_ns: StoredTime
    until_ns: StoredTime
    hour_ns: StoredTime
    signal: PipelineSignal


async def get_pipeline(store: Store, question: Question, request: GetPipeline) -> PipelineList:
    """Answer one page of the account, newest hour first, and where the writers are."""
    now_ns = store.now()
    since_ns, until_ns, after = _range(question, request, now_ns)
    signals = list(_SIGNALS) if request.signal is None else [request.signal]
    rows = store.page_rows(request.limit)
    listed = await store.pool.select(*hours_sql(signals, since_ns, until_ns, after, rows + 1))
    shown, cursor = listed[:rows], None
    if len(listed) > rows:
        hour_ns, signal = shown[-1]
        cursor = question.cursor_after(HourPosition(since_ns, until_ns, hour_ns, signal))
    first = min((hour for hour, _ in shown), default=since_ns)
    positions = await store.pool.select(*positions_sql(first))
    accounts = {}
    for signal in {signal for _, signal in shown}:
        hours = [hour for hour, of in shown if of == signal]
        asked = Hours(signal, min(hours), max(hours))
        accounts[signal] = await _account(store, asked, positions, now_ns)
    return PipelineList(
        items=[accounts[signal].hour(signal, hour) for hour, signal in shown],
        now=[_partition(row) for row in positions if request.signal in {None, row[0]}],
        next_cursor=cursor,
        complete=True,
    )


def _range(
    question: Question, request: GetPipeline, now_ns: int
) -> tuple[int, int, tuple[int, str] | None]:
    """Return the first begin of an hour, the end of the range and the end of the page before."""
    if request.cursor is not None:
        position = decode_cursor(request.cursor, question.digest, HourPosition)
        return position.since_ns, position.until_ns, (position.hour_ns, position.signal)
    period: Range = resolve_range(request, now_ns, default_ns=DAY_NS)
    since_ns = period.since_ns or 0
    until_ns = MAX_NS if period.until_ns is None else period.until_ns
    return since_ns - since_ns % HOUR_NS, until_ns, None


@dataclass(slots=True)
class _Said:
    """What receivers and writers say of one run of a receiver and principal in an hour."""

    items: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    dead_lettered: Counter[str] = field(default_factory=Counter)
    arrived_ms: int = 0

    def add(self, service: str, outcome: str, reason: str, items: int, at_ms: int) -> None:
        if (service, outcome) == (pipeline.RECEIVER, pipeline.REJECTED):
            self.rejected[reason] += items
        elif outcome == pipeline.DEAD_LETTERED:
            self.dead_lettered[reason] += items
        else:
            self.items[service, outcome] += items
        if service == pipeline.WRITER:
            self.arrived_ms = max(self.arrived_ms, at_ms)

    def source(self, state: BootState) -> Source:
        return Source(
            state=state,
            accepted=self.items[pipeline.RECEIVER, pipeline.ACCEPTED],
            failed=self.items[pipeline.RECEIVER, pipeline.FAILED],
            rejected=self.rejected,
            arrived=self.items[pipeline.WRITER, pipeline.ARRIVED],
            dead_lettered=self.dead_lettered,
            rejected_by_headers=self.items[pipeline.WRITER, pipeline.REJECTED],
        )


@dataclass(frozen=True, slots=True)
class _Account:
    """Everything that was read about the hours of one signal."""

    said: Mapping[int, Mapping[tuple[str, str], _Said]]
    rows: Mapping[int, Rows]
    freshness: Mapping[int, tuple[int, int]]
    witnesses: Witnesses

    def hour(self, signal: str, hour_ns: int) -> PipelineHour:
        """Return what is answered about one hour."""
        hour_ms = hour_ns // _NS_PER_MS
        said = self.said.get(hour_ns, {})
        states = {
            (boot, principal): self.witnesses.state_of(boot, hour_ms, each.arrived_ms)
            for (boot, principal), each in said.items()
        }
        settled = self.witnesses.settled(hour_ms, states.values())
        sources = [each.source(states[key]) for key, each in said.items()]
        claimed = sum(each.items[pipeline.WRITER, pipeline.STORED] for each in said.values())
        rows = replace(self.rows.get(hour_ns, Rows()), claimed=claimed)
        account = balance(sources, rows, settled=settled)
        boots = {boot: state for (boot, _), state in states.items()}
        gone = [self._silent(boot) for boot in self.witnesses.gone_in(hour_ms, boots)]
        return _answer(signal, hour_ns, account, gone, self.freshness.get(hour_ns), settled=settled)

    def _silent(self, boot: str) -> SilentReceiver:
        receiver = self.witnesses.receivers.get(boot, Receiver(boot, 0, 0, ended=False, release=""))
        return SilentReceiver(
            boot=boot,
            started_at=_time(receiver.started_ms),
            last_seen=_time(receiver.last_seen_ms),
            release=receiver.release,
        )


async def _account(store: Store, hours: Hours, positions: Sequence[Row], now_ns: int) -> _Account:
    signal = _SIGNALS[hours.signal]  # type: ignore[index] # only known signals are listed
    expired_day = now_ns // DAY_NS - signal.retention_days(store.storage)
    # Claims first: the rows that they are about are there when they are made.
    said = await store.pool.select(*sources_sql(hours))
    rows = await _rows(store, rows_sql(hours, signal.tables, expired_day))
    freshness = await store.pool.select(*freshness_sql(hours))
    receivers = await store.pool.select(*receivers_sql(hours.signal, hours.first))
    ((newest_ms,),) = await store.pool.select(*newest_status_sql(hours.first))
    witnesses = Witnesses(
        receivers={
            boot: Receiver(boot, started, last_seen, bool(ended), release)
            for boot, started, last_seen, ended, release in receivers
        },
        written_until_ms=[row[3] for row in positions if row[0] == hours.signal],
        newest_status_ms=newest_ms,
        silent_after_ms=_SILENT_INTERVALS * round(store.status_interval_seconds * 1000)
        + _SILENT_MARGIN_MS,
    )
    return _Account(
        said=_said_by_hour(said),
        rows=rows,
        freshness={hour: (median, most) for hour, median, most in freshness},
        witnesses=witnesses,
    )


async def _rows(store: Store, statement: tuple[str, Parameters]) -> Mapping[int, Rows]:
    """Hold claims against rows; what is not found is looked for twice.

    A batch may be stored and claimed between the engine's look at the rows and at the claims, but
    not in both looks.
    """
    found = await store.pool.select(*statement)
    rows = {hour: Rows(0, *counts) for hour, *counts in found}
    if not any(each.not_found for each in rows.values()):
        return rows
    again = await store.pool.select(*statement)
    return {
        hour: Rows(0, min(not_found, rows.get(hour, Rows()).not_found), *others)
        for hour, not_found, *others in again
    }


def _said_by_hour(found: Iterable[Row]) -> Mapping[int, Mapping[tuple[str, str], _Said]]:
    said: dict[int, dict[tuple[str, str], _Said]] = defaultdict(lambda: defaultdict(_Said))
    for hour, service, outcome, boot, principal, reason, items, at_ms in found:
        said[hour][boot, principal].add(service, outcome, reason, items, at_ms)
    return said


def _answer(
    signal: str,
    hour_ns: int,
    account: HourAccount,
    gone: list[SilentReceiver],
    freshness_ms: tuple[int, int] | None,
    *,
    settled: bool,
) -> PipelineHour:
    return PipelineHour(
        signal=signal,
        hour=format_time(hour_ns),
        settled=settled,
        received=account.received,
        accepted=account.accepted,
        rejected=sum(account.rejected.values()),
        rejected_by_reason=dict(sorted(account.rejected.items())),
        failed=account.failed,
        stored=account.stored,
        dead_lettered=sum(account.dead_lettered.values()),
        dead_lettered_by_reason=dict(sorted(account.dead_lettered.items())),
        waiting=account.waiting,
        expired=account.expired,
        duplicated=account.duplicated,
        unaccounted=account.unaccounted,
        unaccounted_by=Unaccounted(
            never_arrived=account.never_arrived,
            unexplained=account.unexplained,
            not_found=account.not_found,
            unreported=account.unreported,
        ),
        receivers_gone=gone,
        freshness_p50_ns=freshness_ms[0] * _NS_PER_MS if freshness_ms else None,
        freshness_max_ns=freshness_ms[1] * _NS_PER_MS if freshness_ms else None,
    )


def _partition(row: Row) -> PipelinePartition:
    signal, topic, partition, written_until, lag, oldest_unwritten, at, writer = row
    return PipelinePartition(
        signal=signal,
        topic=topic,
        partition=partition,
        lag=lag,
        oldest_unwritten=_time(oldest_unwritten),
        written_until=_time(written_until),
        as_of=format_time(at * _NS_PER_MS),
        writer=writer,
    )


def _time(milliseconds: int) -> Any:
    """A time as answers show it; None for one that is not known."""
    return format_time(milliseconds * _NS_PER_MS) if milliseconds else None
