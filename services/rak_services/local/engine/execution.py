"""Runs one query of a client on its session and sends the answer."""

from contextlib import closing

from rak_libs.runtime.logs import get_logger
from rak_services.local.engine.blocks import check_row_count, split_blocks
from rak_services.local.engine.column_reader import Column, columns_of
from rak_services.local.engine.errors import Disconnected, EngineError, ProtocolViolation
from rak_services.local.engine.faults import Faults
from rak_services.local.engine.peer import Peer
from rak_services.local.engine.protocol import ClientPacket, ErrorCode
from rak_services.local.engine.query_packet import Query
from rak_services.local.engine.session import (
    EngineSession,
    encode_empty_block,
)
from rak_services.local.engine.spool import Spool, SpooledBlocks
from rak_services.local.engine.statement import InsertTarget, Kind, Statement, read_statement
from rak_services.local.engine.watcher import Reason, Watched, Watcher

_LOG = get_logger(__name__)
# Meant for the result, these would also cut the list of its columns.
_RESULT_LIMITS = frozenset({"max_result_rows", "max_result_bytes", "readonly"})


class Execution:
    """Answers queries on one connection.

    Args:
        peer: the client.
        session: the connection's own.
        spool: keeps the blocks of an INSERT until the last one is there.
        watcher: stops statements on Cancel, on a lost client and at shutdown.
        faults: for tests.
    """

    def __init__(
        self,
        peer: Peer,
        session: EngineSession,
        spool: Spool,
        watcher: Watcher,
        faults: Faults,
    ) -> None:
        self._peer = peer
        self._session = session
        self._spool = spool
        self._watcher = watcher
        self._faults = faults

    def answer(self, query: Query, label: str) -> None:
        """Runs a query to its end and sends everything that belongs to it.

        Raises:
            ProtocolViolation: the client's packets make no sense.
            Disconnected: the client left.
        """
        self._refuse_external_tables(query)
        _LOG.debug("engine.query_received", query_id=query.query_id, label=label)
        try:
            statement = read_statement(query.statement)
            if statement.target is not None:
                self._insert(query, statement.target, label)
            else:
                self._run(query, statement, label)
        except (ProtocolViolation, Disconnected):
            raise
        except EngineError as error:
            _LOG.info("engine.query_failed", label=label, code=error.code)
            self._peer.send_error(error)
        else:
            self._peer.send_end_of_stream()

    def _refuse_external_tables(self, query: Query) -> None:
        """Reads the empty block that follows every query."""
        packet = self._peer.reader.read_varint()
        if packet != ClientPacket.DATA:
            raise ProtocolViolation(
                ErrorCode.UNEXPECTED_PACKET_FROM_CLIENT,
                f"Unexpected packet {packet} from client after a query, expected Data",
            )
        if self._peer.read_block(compressed=query.compressed):
            raise ProtocolViolation(
                ErrorCode.NOT_IMPLEMENTED, "External tables are not served by this engine"
            )

    def _run(self, query: Query, statement: Statement, label: str) -> None:
        if self._peer.take_cancel():
            return
        with self._watcher.watch(self._peer.socket, label) as watched:
            try:
                self._send_result(query, statement, label, watched)
            except EngineError:
                if watched.reason is None or watched.reason is Reason.SHUTDOWN:
                    raise
        if watched.reason is Reason.DISCONNECT:
            raise Disconnected("the client left while its statement ran")

    def _send_result(
        self, query: Query, statement: Statement, label: str, watched: Watched
    ) -> None:
        if statement.kind is Kind.SETTING:
            self._session.run_setting(statement.text)
            return
        if statement.kind is Kind.SELECT:
            self._send_stream(query, statement.text, watched)
            return
        self._session.apply(query.settings, label)
        blocks = split_blocks(self._session.run(statement.text))
        if blocks:
            self._send_header(query, blocks[0].columns)
        elif statement.kind is Kind.ANSWER:
            self._send_header(query, self._session.answer_columns(statement.text))
        for block in blocks:
            self._peer.send_block(block.data, compressed=query.compressed)

    def _send_stream(self, query: Query, text: bytes, watched: Watched) -> None:
        self._session.apply(query.settings, watched.label)
        try:
            is_headed = self._send_blocks(query, text, watched)
        except _UnknownLayout:
            self._send_described_header(query, text, watched.label)
            self._session.apply(query.settings, watched.label)
            self._send_blocks(query, text, watched, is_headed=True)
        else:
            if not is_headed:
                self._send_described_header(query, text, watched.label)

    def _send_blocks(
        self, query: Query, text: bytes, watched: Watched, *, is_headed: bool = False
    ) -> bool:
        """Sends a result, its columns before it unless `is_headed`, and tells whether it did.

        Raises:
            _UnknownLayout: nothing is sent.
        """
        with closing(self._session.stream(text)) as stream:
            for block, rows in stream:
                if watched.reason is not None:
                    raise _cancelled()
                check_row_count(block, rows)
                if not is_headed:
                    self._send_header(query, _columns_of(block))
                    is_headed = True
                self._peer.send_block(block, compressed=query.compressed)
        return is_headed

    def _send_described_header(self, query: Query, text: bytes, label: str) -> None:
        """Asks the engine for the columns; as much work as a small SELECT itself."""
        unlimited = {
            name: value for name, value in query.settings.items() if name not in _RESULT_LIMITS
        }
        self._session.apply(unlimited, label)
        self._send_header(query, self._session.result_columns(text))

    def _send_header(self, query: Query, columns: list[Column]) -> None:
        """Sends a block of no rows: clients learn the columns from it, as from ClickHouse."""
        self._peer.send_block(encode_empty_block(columns), compressed=query.compressed)

    def _insert(self, query: Query, target: InsertTarget, label: str) -> None:
        self._session.apply({}, label)
        sample = encode_empty_block(self._session.insert_columns(target))
        self._session.apply(query.settings, label)
        self._peer.send_block(sample, compressed=query.compressed)
        with self._spool.open() as blocks:
            self._receive_blocks(query, blocks)
            # Without the client: from here on the INSERT is applied even if nobody waits for it.
            with self._watcher.watch(None, label):
                number = self._faults.before_commit()
                self._session.insert(target, blocks.path)
        self._faults.after_commit(number)

    def _receive_blocks(self, query: Query, blocks: SpooledBlocks) -> None:
        while True:
            packet = self._peer.reader.read_varint()
            if packet == ClientPacket.CANCEL:
                raise _cancelled()
            if packet != ClientPacket.DATA:
                raise ProtocolViolation(
                    ErrorCode.UNEXPECTED_PACKET_FROM_CLIENT,
                    f"Unexpected packet {packet} from client, expected Data",
                )
            block = self._peer.read_block(compressed=query.compressed)
            if not block:
                return
            blocks.append(block)


class _UnknownLayout(Exception):
    """A block does not tell its columns: where the first ones end is not known."""


def _columns_of(block: bytes) -> list[Column]:
    try:
        return columns_of(block)
    except (EngineError, IndexError, UnicodeDecodeError) as error:
        raise _UnknownLayout from error


def _cancelled() -> EngineError:
    return EngineError(ErrorCode.QUERY_WAS_CANCELLED, "Query was cancelled. (QUERY_WAS_CANCELLED)")
