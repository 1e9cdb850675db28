"""Every way in which the driver fails has one place in our tree."""

import struct

import pytest
from clickhouse_driver import errors as driver

from rak_libs.clickhouse.errors import (
    PERMANENT_CODES,
    SCHEMA_CODES,
    ClickHouseError,
    PermanentClickHouseError,
    SchemaError,
    TransientClickHouseError,
    translate,
    translated,
)


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (driver.ServerException("too many parts", 252), TransientClickHouseError, 252),
        (
            driver.ServerException("see max_partitions_per_insert_block", 252),
            PermanentClickHouseError,
            252,
        ),
        (driver.ServerException("no table", 60), SchemaError, 60),
        (driver.ServerException("denied", 497), SchemaError, 497),
        (driver.ServerException("bad data", 117), PermanentClickHouseError, 117),
        (driver.ServerException("no memory", 241), TransientClickHouseError, 241),
        (driver.ServerException("never heard of", 99_999), TransientClickHouseError, 99_999),
        (driver.NetworkError("refused"), TransientClickHouseError, 210),
        (driver.SocketTimeoutError("slow"), TransientClickHouseError, 209),
        (driver.PartiallyConsumedQueryError(), TransientClickHouseError, 210),
        (driver.ChecksumDoesntMatchError(), TransientClickHouseError, 40),
        (EOFError("Unexpected EOF"), TransientClickHouseError, 210),
        (ConnectionResetError(104, "reset"), TransientClickHouseError, 210),
        (TimeoutError(), TransientClickHouseError, 210),
        (struct.error("too big"), PermanentClickHouseError, -1),
        (OverflowError("too big"), PermanentClickHouseError, -1),
        (driver.TypeMismatchError("not a number"), PermanentClickHouseError, -1),
    ],
)
def test_errors_are_sorted(error: Exception, expected: type[ClickHouseError], code: int) -> None:
    """By the server's code, or by where they arose."""
    with pytest.raises(ClickHouseError) as raised, translated():
        raise error
    assert type(raised.value) is expected
    assert raised.value.code == code
    assert raised.value.__cause__ is error


def test_our_own_errors_pass_unchanged() -> None:
    error = SchemaError(60, "no table")
    assert translate(error) is error
    with pytest.raises(SchemaError) as raised, translated():
        raise error
    assert raised.value is error


def test_defects_are_not_sorted() -> None:
    """A bug of ours must not look like a failure of the engine."""
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError
    with pytest.raises(TypeError, match="not an error of ClickHouse"):
        translate(ZeroDivisionError())


def test_the_tables_of_codes_do_not_overlap() -> None:
    assert not SCHEMA_CODES & PERMANENT_CODES
