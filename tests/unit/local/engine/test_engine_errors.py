"""ClickHouse's code and text, out of what the engine raises."""

import pytest

from rak_services.local.engine.errors import EngineError, from_engine

NESTED = (
    "Code: 6. DB::Exception: Code: 6. DB::Exception: Cannot\nparse: While. (CANNOT) "
    "(version 26.9.2.1). (CANNOT)"
)


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        ("Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE)", 60,
         "Table a.b does not exist. (UNKNOWN_TABLE)"),
        ("Streaming query failed: Code: 395. DB::Exception: thrown. (X)", 395, "thrown. (X)"),
        (NESTED, 6, "Cannot\nparse: While. (CANNOT)"),
        ("Code: 33. DB::Exception: Cannot read. (CANNOT_READ) (version 26.9.2.1)", 33,
         "Cannot read. (CANNOT_READ)"),
        ("something else", 1002, "something else"),
        ("", 1002, "RuntimeError"),
    ],
)  # fmt: skip
def test_code_and_text_are_read(raised: str, code: int, text: str) -> None:
    error = from_engine(RuntimeError(raised))
    assert (error.code, error.text) == (code, text)


def test_a_text_that_is_not_utf8_is_read_from_the_cause() -> None:
    cause = UnicodeDecodeError("utf-8", b"Code: 395. DB::Exception: \xff. (X)", 26, 27, "invalid")
    raised = RuntimeError("Streaming query failed: 'utf-8' codec")
    raised.__cause__ = cause
    for error in (from_engine(raised), from_engine(cause)):
        assert (error.code, error.text) == (395, "\ufffd. (X)")


def test_an_error_reads_as_clickhouse_writes_it() -> None:
    assert str(EngineError(60, "No table")) == "Code: 60. DB::Exception: No table"
