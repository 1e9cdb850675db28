"""INSERT of column batches through clickhouse-driver: its protocol and compression, our columns."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from clickhouse_driver import Client
from clickhouse_driver.block import BlockInfo, RowOrientedBlock
from clickhouse_driver.compression import get_compressor_cls
from clickhouse_driver.defines import DEFAULT_COMPRESS_BLOCK_SIZE
from clickhouse_driver.protocol import ClientPacketTypes
from clickhouse_driver.streams.compressed import CompressedBlockOutputStream
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str

from rak_libs.clickhouse.column_encoding import encoder_of
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.errors import SchemaError, translated
from rak_libs.model.batch import ColumnBatch, ColumnValues
from rak_libs.model.table import BATCH_COLUMN, Column, Table
from rak_libs.runtime.settings import ClickHouseSettings

MAX_STATEMENT_BYTES: Final = 64 * 1024 * 1024
"""The longest statement that `Inserter.stream` sends; half a million ids, about a third of it."""

NO_SUCH_COLUMN: Final = 16
TYPE_MISMATCH: Final = 53

INSERT_SETTINGS: Final[Mapping[str, Any]] = {
    # On by default since 26.x: the server would answer before the rows are written.
    "async_insert": 0,
    # A retry that the table knows by its token still reaches the views, whose tables may not.
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # A Distributed table would answer before any shard has the rows.
    "distributed_foreground_insert": 1,
    # One block stays one part per partition, whatever its size.
    "max_insert_threads": 1,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
}


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """One block of one table as it goes over the wire; about a fifth of its columns' size.

    Attributes:
        table: The table that the columns belong to.
        rows: The number of rows.
        data: The Native block in one LZ4 frame with its checksum.
    """

    table: Table
    rows: int
    data: bytes


class _BlockOutputStream(CompressedBlockOutputStream):  # type: ignore[misc] # the driver has no types
    """The driver's compressed stream of blocks, filled from flat columns."""

    def write(self, table_and_batch: tuple[Table, ColumnBatch, int]) -> None:
        table, batch, batch_number = table_and_batch
        stored = table.stored_columns
        BlockInfo().write(self.fout)
        write_varint(len(stored), self.fout)
        write_varint(batch.rows, self.fout)
        for column in table.columns:
            self._write_column(column, batch.columns[column.name], batch.rows)
        if table.by_batch:
            self._write_column(BATCH_COLUMN, [batch_number] * batch.rows, batch.rows)
        self.finalize()

    def _write_column(self, column: Column, values: ColumnValues, rows: int) -> None:
        write_binary_str(column.name, self.fout)
        write_binary_str(column.type, self.fout)
        if rows:
            encoder = encoder_of(column.type)
            encoder.write_prefix(self.fout)
            encoder.write_values(values, self.fout)


def encode_block(table: Table, batch: ColumnBatch, batch_number: int = 0) -> EncodedBlock:
    """Encode and compress a batch, once for every attempt to insert it.

    Args:
        table: The table that the columns belong to.
        batch: The rows.
        batch_number: What `BATCH_COLUMN` holds in a table that has it; 0 for rows of no batch.

    Raises:
        PermanentClickHouseError: A value does not fit its column, or a column is missing or has
            another number of rows than the batch.
    """
    output = BytesIO()
    with translated():
        for column in table.columns:
            if column.name not in batch.columns:
                raise ValueError(f"the batch has no column {column.name}")
            rows = _row_count(batch.columns[column.name])
            if rows != batch.rows:
                raise ValueError(f"column {column.name} has {rows} rows instead of {batch.rows}")
        compressor = get_compressor_cls("lz4")
        stream = _BlockOutputStream(compressor, DEFAULT_COMPRESS_BLOCK_SIZE, output, context=None)
        stream.write((table, batch, batch_number))
    return EncodedBlock(table, batch.rows, output.getvalue())


def _row_count(values: ColumnValues) -> int:
    return len(values if isinstance(values, list) else values.offsets)


class Inserter:
    """Inserts blocks; usable from many threads, each with a connection of its own."""

    def __init__(
        self, settings: ClickHouseSettings, midway: Callable[[], None] = lambda: None
    ) -> None:
        """Connect to nothing yet; `midway` is called when half of a block is on its way."""
        self._settings = settings
        self._midway = midway
        self._local = threading.local()
        self._clients: list[Client] = []
        self._inserting: set[Client] = set()
        self._idle: list[Client] = []
        self._lock = threading.Lock()

    def insert(
        self, table: Table, batch: ColumnBatch, settings: Mapping[str, Any], query_id: str = ""
    ) -> None:
        """Encode a batch and insert it as `insert_block` does."""
        self.insert_block(encode_block(table, batch), settings, query_id)

    def insert_block(
        self, block: EncodedBlock, settings: Mapping[str, Any], query_id: str = ""
    ) -> None:
        """Insert one block with one INSERT; returns when the server has written it.

        Args:
            block: What to insert; a block without rows does nothing.
            settings: Engine settings besides `INSERT_SETTINGS`, such as a deduplication token.
            query_id: The server's name for the query; '' lets the server choose.

        Raises:
            TransientClickHouseError: Worth another attempt. The rows may have been written all
                the same when the connection broke after they were sent.
            PermanentClickHouseError: The server refuses these rows.
            SchemaError: The table is missing, refuses this user, or has other columns.
        """
        if not block.rows:
            return
        client = self._client()
        columns = ", ".join(f"`{column.name}`" for column in block.table.stored_columns)
        statement = f"INSERT INTO {block.table.name} ({columns}) VALUES"
        with (
            self._under_way(client),
            translated(),
            client.disconnect_on_error(statement, {**INSERT_SETTINGS, **settings}),
        ):
            connection = client.connection
            connection.send_query(statement, query_id=query_id)
            connection.send_external_tables(None)
            _check_sample(block.table, client.receive_sample_block())
            write_varint(ClientPacketTypes.DATA, connection.fout)
            write_binary_str("", connection.fout)
            half = len(block.data) // 2
            connection.fout.write(block.data[:half])
            connection.fout.flush()
            self._midway()
            connection.fout.write(block.data[half:])
            connection.fout.flush()
            connection.send_data(RowOrientedBlock())
            client.receive_end_of_insert_query()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement of the program's own on the thread's connection.

        Returns:
            Its rows; none for a statement without a result.

        Raises:
            ClickHouseError: One of its subclasses.
        """
        client = self._client()
        with self._under_way(client), translated():
            rows = client.execute(sql)
        return rows if isinstance(rows, list) else []

    def stream(self, sql: str, settings: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield a SELECT's rows as they come, over a connection that nothing else uses meanwhile.

        Args:
            sql: The statement, of at most `MAX_STATEMENT_BYTES`.
            settings: Engine settings that go with it.

        Raises:
            ClickHouseError: One of its subclasses, also in the middle of the rows.
        """
        client = self._streaming_client()
        sent = {"max_query_size": MAX_STATEMENT_BYTES, **settings}
        finished = False
        try:
            with self._under_way(client), translated():
                yield from client.execute_iter(sql, settings=sent)
            finished = True
        finally:
            if finished:
                self._idle.append(client)
            else:
                client.disconnect()
                with self._lock:
                    self._clients = [each for each in self._clients if each is not client]

    def _streaming_client(self) -> Client:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        client = connect(self._settings)
        with self._lock:
            self._clients.append(client)
        return client

    def close(self) -> None:
        """Disconnect every thread's client.

        An insert that is under way is cut off: it fails as transient, or connects again when it
        had sent nothing yet; closing once more when it has ended disconnects it.
        """
        with self._lock:
            for client in self._clients:
                if client in self._inserting:
                    _cut_off(client)
                else:
                    client.disconnect()
            self._clients = [each for each in self._clients if each in self._inserting]
            self._idle.clear()
            self._local = threading.local()

    @contextlib.contextmanager
    def _under_way(self, client: Client) -> Iterator[None]:
        with self._lock:
            self._inserting.add(client)
        try:
            yield
        finally:
            with self._lock:
                self._inserting.discard(client)

    def _client(self) -> Client:
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = connect(self._settings)
            with self._lock:
                self._clients.append(client)
        return client


def _cut_off(client: Client) -> None:
    """End what another thread waits for; that thread closes the connection by itself."""
    connected = client.connection.socket
    if connected is not None:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


def _check_sample(table: Table, sample: Any) -> None:
    """Compare the columns that the server expects with the table's."""
    live = dict(sample.columns_with_types)
    for column in table.stored_columns:
        if column.name not in live:
            raise SchemaError(NO_SUCH_COLUMN, f"{table.name} has no column {column.name}")
        if live[column.name] != column.type:
            raise SchemaError(
                TYPE_MISMATCH,
                f"{table.name}.{column.name} is {live[column.name]}, expected {column.type}",
            )
