"""JSON values of attributes as text: the half of typed JSON that knows nothing of OTLP.

`rak_libs.otlp.typed_json` has the grammar.
"""

import math
from typing import Any, Final

import msgspec

# Keys in order, so that equal sets of attributes are equal texts whatever order they came in.
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder().decode


def json_to_text(json: Any) -> str:
    """Write a JSON value, the keys of its objects in order."""
    return _encode(json).decode()


def text_to_json(text: str) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: The text is not JSON.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"not typed JSON text: {error}") from error


def double_to_json(number: float) -> float | dict[str, str]:
    """Return a double as a JSON value: an object of one key where JSON has no such number."""
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return {"doubleValue": "NaN"}
    return {"doubleValue": "Infinity" if number > 0 else "-Infinity"}
