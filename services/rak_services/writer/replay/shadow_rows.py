import hashlib
import time
from collections.abc import Iterable
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from rak_libs.clickhouse.errors import (
    CLIENT_SIDE,
    TransientClickHouseError,
)
from rak_libs.clickhouse.insert import EncodedBlock, Inserter, encode_block
from rak_libs.model.table import BATCH_COLUMN, Table
from rak_libs.model.time_window import DAY_NS, HOUR_NS
from rak_services.writer.replay.messages import DecodedMessages, Piece
from rak_services.writer.signals import SignalTable

_RETRY_SECONDS: Final = 60.0
_ROUNDS: Final = 3


class ShadowRows:
    """Stores messages in a table so that each of their rows is there once.

    What a table holds is asked by message and day before anything is inserted, so the same
    messages may come any number of times, in any company. After every INSERT it is asked again: an
    engine that was killed may know a deduplication token whose rows it lost, and takes those rows
    under another one only.
    """

    def __init__(
        self, inserter: Inserter, table: Table, target: SignalTable, retention_days: int
    ) -> None:
        """Describe the table.

        Args:
            inserter: The engine.
            table: The table, with `_batch`.
            target: The live table that it is like.
            retention_days: How long rows are kept; older ones may go while they are written.
        """
        self._inserter = inserter
        self._table = table
        self._target = target
        self._retention_days = retention_days

    def store(self, messages: DecodedMessages) -> int:
        """Insert what is missing; returns how many rows that were.

        Raises:
            PermanentClickHouseError: ClickHouse refuses the rows.
            ClickHouseError: It failed for a minute, or the table is not as expected.
        """
        missing = self._missing(messages)
        inserted = sum(piece in missing for piece in messages.pieces)
        for round_ in range(_ROUNDS):
            if not missing:
                return inserted
            block = encode_block(self._table, messages.rows_of(missing))
            self._retrying()(self._insert, block, f"{_token(missing)}-{self._table.name}-{round_}")
            missing = self._missing(messages) & self._lasting(messages)
        raise TransientClickHouseError(
            CLIENT_SIDE, f"{self._table.name} lacks rows of {len(missing)} messages after INSERT"
        )

    def _insert(self, block: EncodedBlock, token: str) -> None:
        self._inserter.insert_block(block, {"insert_deduplication_token": token})

    def _missing(self, messages: DecodedMessages) -> frozenset[Piece]:
        wanted = frozenset(messages.pieces)
        if not wanted:
            return wanted
        rows = self._retrying()(self._inserter.execute, self._stored_query(messages))
        return wanted - {Piece(message, day) for message, day in rows}

    def _stored_query(self, messages: DecodedMessages) -> str:
        times = self._times(messages)
        numbers = ", ".join(map(str, {piece.message for piece in messages.pieces}))
        time_column = self._target.time_column
        day = f"intDiv(toUnixTimestamp64Nano({time_column}), {DAY_NS})"
        return (
            f"SELECT DISTINCT {BATCH_COLUMN.name}, {day} FROM {self._table.name} "  # noqa: S608 - names, numbers
            f"WHERE {BATCH_COLUMN.name} IN ({numbers}) "
            f"AND {time_column} >= fromUnixTimestamp64Nano({min(times)}) "
            f"AND {time_column} <= fromUnixTimestamp64Nano({max(times)})"
        )

    def _lasting(self, messages: DecodedMessages) -> frozenset[Piece]:
        """Pieces that the engine has no reason to have dropped yet."""
        limit = time.time_ns() - self._retention_days * DAY_NS + HOUR_NS
        timed = zip(messages.pieces, self._times(messages), strict=True)
        return frozenset(piece for piece, time_ns in timed if time_ns > limit)

    def _times(self, messages: DecodedMessages) -> list[int]:
        return self._target.times(messages.columns)

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(TransientClickHouseError),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            stop=stop_after_delay(_RETRY_SECONDS),
            reraise=True,
        )


def _token(pieces: Iterable[Piece]) -> str:
    """Name these rows: the same rows have the same token, whoever sends them."""
    text = ",".join(f"{message}/{day}" for message, day in sorted(pieces))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
