"""A payload is shown as what it is, and with what a writer would make of it now."""

import json

from rak_services.writer.dlq.payload import hex_dump, payload_text, verdict
from rak_services.writer.signals import SIGNALS
from unit.writer.span_messages import NOW_MS, value_of

SPANS = SIGNALS["spans"]
NOW_NS = NOW_MS * 1_000_000


def test_what_can_be_read_is_shown_as_otlp_json() -> None:
    shown = json.loads(payload_text("otlp_spans", value_of(["a span"])))
    (span,) = shown["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["name"] == "a span"
    assert span["traceId"] == (b"t" * 16).hex()


def test_what_cannot_be_read_is_shown_as_bytes() -> None:
    text = payload_text("otlp_spans", b"\xff\x1b[2J no request")
    assert text == ("00000000  ff 1b 5b 32 4a 20 6e 6f 20 72 65 71 75 65 73 74  ..[2J no request")


def test_bytes_that_only_look_like_a_request_are_shown_as_bytes() -> None:
    """A parser takes them for fields that it does not know."""
    assert payload_text("otlp_spans", b"\x12\x03abc").startswith("00000000  12 03 61")


def test_a_dump_shows_256_bytes() -> None:
    lines = hex_dump(bytes(1_000)).splitlines()
    assert len(lines) == 17
    assert lines[15].startswith("000000f0")
    assert lines[16] == "… 744 bytes more"


def test_the_verdict_is_a_writers() -> None:
    day_ns = 24 * 3600 * 10**9
    good = value_of(["a", "b"])
    assert verdict(SPANS, 30, good, NOW_NS) == "2 rows stored"
    assert verdict(SPANS, 30, good, NOW_NS + 40 * day_ns) == (
        "0 rows stored, 2 refused as time_expired"
    )
    assert verdict(SPANS, 60, good, NOW_NS + 40 * day_ns) == "2 rows stored"
    assert verdict(SPANS, 30, b"\xff", NOW_NS).startswith("refused whole: UndecodableMessage")
