"""Numbers as answers show them: JSON has none for NaN and the infinities."""

import math

from rak_libs.model.metrics import ValueType
from rak_services.query.metrics.answers import Value


def json_number(number: float | None) -> Value:
    """Return a number, or its name where JSON has none."""
    if number is None or math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def stored_number(value: float, remainder: int, value_type: str) -> int | Value:
    """Return a stored number as it was sent: integers exact, null where there was none."""
    match ValueType[value_type]:
        case ValueType.INT:
            return int(value) + remainder
        case ValueType.DOUBLE:
            return json_number(value)
        case ValueType.NONE:
            return None
