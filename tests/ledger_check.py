"""Compares a ledger with what ClickHouse holds: per request, per partition, per table."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from clickhouse_driver import Client

from ledger import Entry, Ledger, Outcome
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import ClickHouseSettings

_COUNTED = """
    SELECT
        producer,
        intDiv(sequence, {per_request}) AS request,
        partition,
        count(),
        uniqExact(sequence),
        countIf(wrong)
    FROM ({stored})
    GROUP BY producer, request, partition
"""


@dataclass
class Findings:
    """What a ledger and the tables say about each other, in items unless said otherwise.

    Attributes:
        acknowledged: Told to be accepted.
        ambiguous: Of these, told so after an attempt without a definite answer.
        stored: Rows.
        repeated: Rows beyond one of ambiguous and unanswered items: their agents sent them twice.
        lost: Acknowledged and not stored.
        duplicated: Rows beyond one of items acknowledged at the first attempt.
        never_sent: Rows that no producer sent.
        altered: Rows whose checksum does not fit.
        disagreeing: What other tables say otherwise: of spans, traces by day that begin or end
            otherwise in `trace_times`; of points, those without their exemplar; of profiles, those
            whose stack is not known.
        partitions: What was lost and duplicated, by ClickHouse partition.
    """

    acknowledged: int = 0
    ambiguous: int = 0
    stored: int = 0
    repeated: int = 0
    lost: int = 0
    duplicated: int = 0
    never_sent: int = 0
    altered: int = 0
    disagreeing: int = 0
    partitions: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> dict[str, object]:
        """What must not be: empty when every promise was kept."""
        promises = ("lost", "duplicated", "never_sent", "altered", "disagreeing")
        faults = {name: count for name, count in asdict(self).items() if name in promises and count}
        return faults | ({"partitions": dict(self.partitions)} if self.partitions else {})


@dataclass(frozen=True, slots=True)
class _Stored:
    rows: int
    items: int


def check(ledger: Ledger, settings: ClickHouseSettings) -> Findings:
    """Compare everything a ledger recorded with one database."""
    client = connect(settings)
    try:
        return _compare(ledger, client)
    finally:
        client.disconnect()


def _compare(ledger: Ledger, client: Client) -> Findings:
    findings = Findings()
    stored: dict[tuple[str, int, str], _Stored] = {}
    sql = _COUNTED.format(per_request=ledger.per_request, stored=ledger.items.stored)
    for producer, request, partition, rows, items, altered in client.execute(
        sql.format(name=ledger.name)
    ):
        stored[producer, request, partition] = _Stored(rows, items)
        findings.stored += rows
        findings.altered += altered
    for entry in ledger.entries():
        if entry.outcome is not Outcome.UNANSWERED:
            findings.acknowledged += entry.count
        if entry.outcome is Outcome.AMBIGUOUS:
            findings.ambiguous += entry.count
        for partition, expected in _expected(ledger, entry):
            request = entry.first // ledger.per_request
            found = stored.pop((entry.producer, request, partition), _Stored(0, 0))
            _judge(findings, entry.outcome, partition, expected, found)
    findings.never_sent += sum(each.rows for each in stored.values())
    for sql in ledger.items.disagreeing:
        ((wrong,),) = client.execute(sql.format(name=ledger.name))
        findings.disagreeing += wrong
    return findings


def _expected(ledger: Ledger, entry: Entry) -> Iterator[tuple[str, int]]:
    sequences = range(entry.first, entry.first + entry.count)
    yield from Counter(map(ledger.partition, sequences)).items()


def _judge(
    findings: Findings, outcome: Outcome, partition: str, expected: int, found: _Stored
) -> None:
    findings.never_sent += max(0, found.items - expected)
    missing = max(0, expected - found.items)
    if missing and outcome is not Outcome.UNANSWERED:
        findings.lost += missing
        findings.partitions[f"{partition} lost"] += missing
    extra = found.rows - found.items
    if outcome is Outcome.FIRST_ATTEMPT:
        findings.duplicated += extra
        if extra:
            findings.partitions[f"{partition} duplicated"] += extra
    else:
        findings.repeated += extra
