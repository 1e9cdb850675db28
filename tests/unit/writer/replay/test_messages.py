"""Messages of a range become rows that say which message they are from."""

from rak_libs.model.time_window import DAY_NS
from rak_services.writer.identity import identify
from rak_services.writer.replay.messages import Piece, decode_messages, is_full, shadow_of
from rak_services.writer.signals import SIGNALS
from unit.writer.span_messages import NOW_MS, record, value_of

SPANS = SIGNALS["spans"]
(TARGET,) = SPANS.tables
DAY_MS = 24 * 3600 * 1000
TODAY = NOW_MS // DAY_MS


def test_every_row_carries_the_message_that_it_is_from() -> None:
    first, second = record(5, value_of(["a", "b"])), record(6, value_of(["c"]))
    decoded = decode_messages([first, second], SPANS, TARGET, 30)
    numbers = [identify(first, 5).number] * 2 + [identify(second, 6).number]
    assert decoded.columns.columns["_batch"] == numbers
    assert decoded.columns.columns["span_name"] == ["a", "b", "c"]
    assert decoded.pieces == [Piece(number, TODAY) for number in numbers]


def test_a_message_has_a_piece_for_each_day() -> None:
    decoded = decode_messages([record(5, value_of(["a"], NOW_MS - 3 * DAY_MS))], SPANS, TARGET, 30)
    assert decoded.pieces == [Piece(decoded.pieces[0].message, TODAY - 3)]
    assert decoded.columns.columns["timestamp"] == [NOW_MS * 10**6 - 3 * DAY_NS]


def test_the_rows_of_some_pieces_can_be_had_alone() -> None:
    messages = [record(offset, value_of([f"span {offset}"])) for offset in range(4)]
    decoded = decode_messages(messages, SPANS, TARGET, 30)
    kept = decoded.rows_of(frozenset({decoded.pieces[1], decoded.pieces[3]}))
    assert kept.rows == 2
    assert kept.columns["span_name"] == ["span 1", "span 3"]


def test_what_a_writer_refuses_is_counted_and_leaves_no_row() -> None:
    messages = [
        record(5, b"\xff"),
        record(6, value_of(["old", "older"], NOW_MS - 40 * DAY_MS)),
        record(7, value_of(["good"])),
    ]
    decoded = decode_messages(messages, SPANS, TARGET, 30)
    assert decoded.refused == {"undecodable": 1, "time_expired": 2}
    assert (decoded.columns.rows, len(decoded.pieces)) == (1, 1)


def test_messages_are_together_until_they_are_many_or_large() -> None:
    small, large = record(0, b"v"), record(0, bytes(1024 * 1024))
    assert not is_full([])
    assert not is_full([small] * 1_999)
    assert is_full([small] * 2_000)
    assert not is_full([large] * 7)
    assert is_full([large] * 8)


def test_a_shadow_table_has_the_columns_and_the_message() -> None:
    shadow = shadow_of(TARGET.table, "spans_shadow")
    assert shadow.name == "spans_shadow"
    assert shadow.stored_columns == TARGET.table.stored_columns
