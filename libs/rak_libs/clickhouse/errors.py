"""What can go wrong with ClickHouse, sorted by what to do about it.

The driver raises its own errors, `EOFError`, socket errors and, when it meets a value it cannot
encode, `struct.error` and friends. `translated()` turns all of them into the four classes here;
nothing else in the project knows the driver's errors.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from clickhouse_driver import errors as driver_errors

TOO_MANY_PARTS: Final = 252
NETWORK_ERROR: Final = 210
CLIENT_SIDE: Final = -1
"""The code of an error that the server never saw, such as a value that does not fit its column."""


class ClickHouseError(Exception):
    """Root of this library's errors.

    Attributes:
        code: ClickHouse's error code (`src/Common/ErrorCodes.cpp`), or `CLIENT_SIDE`.
        message: The server's text.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"code {code}: {message}")
        self.code = code
        self.message = message


class TransientClickHouseError(ClickHouseError):
    """The same request can succeed later: the network, a restart, overload, a full disk."""


class PermanentClickHouseError(ClickHouseError):
    """The request itself is at fault and never succeeds: its data or its statement."""


class SchemaError(ClickHouseError):
    """The database is not as this program expects: a missing table or column, no permission.

    Neither waiting nor other data helps; an operator must act, and no data is to be touched.
    """


# Codes by their names in ErrorCodes.cpp. What is in neither table is transient: an unknown
# failure holds data back, which an operator sees, rather than throwing it away.
SCHEMA_CODES: Final = frozenset(
    {
        10,  # NOT_FOUND_COLUMN_IN_BLOCK
        16,  # NO_SUCH_COLUMN_IN_TABLE
        20,  # NUMBER_OF_COLUMNS_DOESNT_MATCH
        36,  # BAD_ARGUMENTS
        42,  # NUMBER_OF_ARGUMENTS_DOESNT_MATCH
        43,  # ILLEGAL_TYPE_OF_ARGUMENT
        44,  # ILLEGAL_COLUMN
        46,  # UNKNOWN_FUNCTION
        47,  # UNKNOWN_IDENTIFIER
        48,  # NOT_IMPLEMENTED
        50,  # UNKNOWN_TYPE
        53,  # TYPE_MISMATCH
        60,  # UNKNOWN_TABLE
        62,  # SYNTAX_ERROR
        81,  # UNKNOWN_DATABASE
        115,  # UNKNOWN_SETTING
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        194,  # REQUIRED_PASSWORD
        291,  # DATABASE_ACCESS_DENIED
        386,  # NO_COMMON_TYPE
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
    }
)
PERMANENT_CODES: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        9,  # SIZES_OF_COLUMNS_DOESNT_MATCH
        19,  # SIZE_OF_FIXED_STRING_DOESNT_MATCH
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        131,  # TOO_LARGE_STRING_SIZE
        158,  # TOO_MANY_ROWS
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        307,  # TOO_MANY_BYTES
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        396,  # TOO_MANY_ROWS_OR_BYTES
        469,  # VIOLATED_CONSTRAINT
    }
)

_ENCODING_ERRORS: Final = (
    driver_errors.TypeMismatchError,
    struct.error,
    OverflowError,
    UnicodeError,
    ValueError,
    TypeError,
)
_CONNECTION_ERRORS: Final = (EOFError, OSError)


def error_of_code(code: int, message: str) -> ClickHouseError:
    """Sort a server's error by its code (and, for 252, its text)."""
    if code in SCHEMA_CODES:
        return SchemaError(code, message)
    if code in PERMANENT_CODES:
        return PermanentClickHouseError(code, message)
    # 252 is back-pressure, unless one INSERT spans too many partitions: that one stays so.
    if code == TOO_MANY_PARTS and "max_partitions_per_insert_block" in message:
        return PermanentClickHouseError(code, message)
    return TransientClickHouseError(code, message)


def translate(error: BaseException) -> ClickHouseError:
    """Return the error of this library for one of the driver, a socket or an encoder.

    An error of this library is returned as it is.

    Raises:
        TypeError: The error is none of those; it is a defect and must not be sorted.
    """
    if isinstance(error, ClickHouseError):
        return error
    if isinstance(error, _ENCODING_ERRORS):
        return PermanentClickHouseError(CLIENT_SIDE, f"a value does not fit its column: {error}")
    if isinstance(error, driver_errors.Error):
        message = error.message or str(error)
        if error.code is None or error.code < 0:
            return TransientClickHouseError(NETWORK_ERROR, message)
        return error_of_code(error.code, message)
    if isinstance(error, _CONNECTION_ERRORS):
        return TransientClickHouseError(NETWORK_ERROR, str(error) or type(error).__name__)
    raise TypeError(f"not an error of ClickHouse: {error!r}") from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the driver raises inside as an error of this library.

    Raises:
        ClickHouseError: One of its subclasses, caused by the driver's error.
    """
    try:
        yield
    except ClickHouseError:
        raise
    except (driver_errors.Error, *_ENCODING_ERRORS, *_CONNECTION_ERRORS) as error:
        raise translate(error) from error
