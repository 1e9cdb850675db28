"""Letters as people and programs read them."""

import json

from rak_services.writer.dlq.markers import Step
from rak_services.writer.dlq.report import letter_text, letters_json, letters_table
from unit.writer.dlq.letter_records import book_of, letter_record, marker_record

LETTERS = book_of(
    letter_record((2, 17), b"payload", "time_expired", items=3),
    letter_record((0, 4), error_class="UndecodableMessage", time_ns=2 * 10**9),
).letters()


def test_a_table_has_a_line_for_each_letter() -> None:
    head, expired, undecodable = letters_table(LETTERS).splitlines()
    assert head.split() == (
        ["TOPIC", "ID", "TIME", "REASON", "ERROR", "FROM", "ITEMS", "BYTES", "COPIES", "STATE"]
    )
    assert expired == (
        "otlp_spans.dlq  2:17  1970-01-01T00:00:01Z  time_expired  -                   "
        "otlp_spans/1/9      3      7       1  open"
    )
    assert undecodable == (
        "otlp_spans.dlq  0:4   1970-01-01T00:00:02Z  undecodable   UndecodableMessage  "
        "otlp_spans/1/9      ?      1       1  open"
    )


def test_json_has_an_object_for_each_letter() -> None:
    first, second = json.loads(letters_json(LETTERS))
    assert first == {
        "topic": "otlp_spans.dlq",
        "id": "2:17",
        "time": "1970-01-01T00:00:01.000000000Z",
        "reason": "time_expired",
        "error_class": "",
        "source_topic": "otlp_spans",
        "source_partition": 1,
        "source_offset": 9,
        "items": 3,
        "bytes": 7,
        "copies": 1,
        "state": "open",
    }
    assert second["items"] is None


def test_a_letter_is_shown_with_its_headers_and_its_history() -> None:
    record = letter_record((0, 0))
    key = book_of(record).letters()[0].key
    marker = marker_record((0, 1), Step.CLAIMED, key, "ann")
    (letter,) = book_of(record, marker).letters()
    lines = letter_text(letter, record.headers).splitlines()
    assert lines[0] == "otlp_spans.dlq 0:0"
    assert "  state     claimed" in lines
    assert "  rak-source-offset: 9" in lines
    assert lines[-1] == "  1970-01-01T00:00:06Z claimed by ann@host"


def test_a_header_cannot_reach_the_terminal() -> None:
    record = letter_record((0, 0))
    hostile = record._replace(headers=(*record.headers, ("x\x1b[2J", b"\x1b]0;title\x07\xff")))
    text = letter_text(book_of(hostile).letters()[0], hostile.headers)
    assert "  x\\x1b[2J: \\x1b]0;title\\x07\\xff" in text.splitlines()
