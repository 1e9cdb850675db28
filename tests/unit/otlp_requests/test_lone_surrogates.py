import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.otlp.lone_surrogates import replace_lone_surrogates

PIECES = st.sampled_from(
    [rb"\ud83d", rb"\ude00", rb"\uD83D\uDE00", rb"\\", rb"\"", rb"\n", rb"\u0041", b"u", b"d83d"]
)


@given(st.lists(PIECES))
def test_what_python_reads_as_a_lone_surrogate_is_replaced_and_nothing_else(
    pieces: list[bytes],
) -> None:
    body = b'"' + b"".join(pieces) + b'"'
    expected = "".join(
        "\ufffd" if 0xD800 <= ord(letter) <= 0xDFFF else letter for letter in json.loads(body)
    )
    assert json.loads(replace_lone_surrogates(body)) == expected


@pytest.mark.parametrize("body", [b"", b"{}", rb'"\\ud83d"', rb'"\ud83d\ude00"'])
def test_a_text_without_any_is_returned_itself(body: bytes) -> None:
    assert replace_lone_surrogates(body) is body
