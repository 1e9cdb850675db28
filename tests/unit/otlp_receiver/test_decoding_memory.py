from rak_services.otlp_receiver.decoding_memory import decoding_bytes
from rak_services.otlp_receiver.encodings import Encoding

MEBIBYTE = 1024 * 1024


def test_text_is_charged_by_its_size() -> None:
    assert decoding_bytes(b"x" * 2 * MEBIBYTE, Encoding.PROTOBUF) == 16 * MEBIBYTE
    assert decoding_bytes(b"x" * 2 * MEBIBYTE, Encoding.JSON) == 16 * MEBIBYTE


def test_a_body_of_empty_messages_is_charged_what_these_become() -> None:
    attributes = b"\x4a\x00" * MEBIBYTE
    assert decoding_bytes(attributes, Encoding.PROTOBUF) == (16 + 64) * MEBIBYTE
    assert decoding_bytes(b"{}," * MEBIBYTE, Encoding.JSON) == (24 + 320) * MEBIBYTE
