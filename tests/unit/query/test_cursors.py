"""Cursors are opaque, exact and fit one question only."""

from base64 import urlsafe_b64encode
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from rak_services.query.cursors import decode_cursor, encode_cursor, question_digest
from rak_services.query.problems import InvalidParameters


class Place(Struct, frozen=True, array_like=True):
    number: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    text: str


@given(st.integers(0, 2**63 - 1), st.text())
@settings(deadline=None)
def test_a_position_comes_back_exactly(number: int, text: str) -> None:
    cursor = encode_cursor("digest", Place(number, text))
    assert decode_cursor(cursor, "digest", Place) == Place(number, text)
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.one_of(st.text(), st.binary().map(lambda raw: urlsafe_b64encode(raw).decode())))
@settings(deadline=None)
def test_no_text_breaks_the_decoder(text: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        decode_cursor(text, "digest", Place)
    assert caught.value.problems[0].parameter == "cursor"


@pytest.mark.parametrize(
    "raw",
    [b'["digest",[-1,""]]', b'["digest",[9223372036854775808,""]]', b'["digest",["1",""]]', b"[]"],
)
def test_values_of_another_type_or_range_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidParameters):
        decode_cursor(urlsafe_b64encode(raw).decode(), "digest", Place)


def test_the_digest_is_of_everything_but_cursor_and_limit() -> None:
    digest = question_digest("/a", [("b", "1"), ("c", "2")])
    assert (
        question_digest("/a", [("c", "2"), ("limit", "9"), ("b", "1"), ("cursor", "x")]) == digest
    )
    for other in (
        question_digest("/b", [("b", "1"), ("c", "2")]),
        question_digest("/a", [("b", "1"), ("c", "3")]),
        question_digest("/a", [("b", "1")]),
        question_digest("/a", [("b", "1"), ("c", "2"), ("c", "2")]),
    ):
        assert other != digest
    with pytest.raises(InvalidParameters):
        decode_cursor(encode_cursor("other", Place(1, "")), digest, Place)
