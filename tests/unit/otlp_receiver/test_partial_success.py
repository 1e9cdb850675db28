from rak_services.otlp_receiver.partial_success import _EXPLANATIONS, rejection_message
from rak_services.otlp_receiver.signals import traces


def test_nothing_is_said_when_nothing_was_rejected() -> None:
    assert rejection_message("spans", 5, {}) == ""
    assert not traces(30).response(0, "").HasField("partial_success")  # type: ignore[attr-defined]


def test_every_reason_is_named_with_its_count() -> None:
    message = rejection_message("spans", 7, {"time_zero": 2, "span_id": 1})
    assert message == (
        "rejected 3 of 10 spans: "
        "1 span_id (the span id is not 8 bytes or all zero); 2 time_zero (the time is not set)"
    )


def test_the_longest_message_stays_short() -> None:
    rejected = dict.fromkeys(_EXPLANATIONS, 10**9)
    assert len(rejection_message("spans", 10**9, rejected)) < 1024
