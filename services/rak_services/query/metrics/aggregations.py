"""The names of what can be computed of a metric."""

import re
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, Self, cast

FunctionName = Literal["avg", "sum", "min", "max", "count", "last", "rate", "increase", "quantile"]

_PLAIN: Final = ("avg", "sum", "min", "max", "count", "last", "rate", "increase")
_PERCENTILE: Final = re.compile(r"[pP](100|\d{1,2}(?:\.\d{1,6})?)", re.ASCII)


class Aggregation:
    """One function over the points of a window.

    Attributes:
        function: Its name.
        quantile: For `quantile`, from 0 to 1; else None.
    """

    EXPECTED: ClassVar = f"one of {', '.join(_PLAIN)}, or a percentile such as p95 or p99.9"
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": rf"^({'|'.join(_PLAIN)}|[pP](100|[0-9]{{1,2}}(\.[0-9]{{1,6}})?))$",
    }

    __slots__ = ("function", "quantile")

    def __init__(self, function: FunctionName, quantile: float | None = None) -> None:
        self.function = function
        self.quantile = quantile

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the aggregation of a text; ValueError when it is none."""
        if text in _PLAIN:
            return cls(cast("FunctionName", text))
        percentile = _PERCENTILE.fullmatch(text)
        if percentile is None:
            raise ValueError(f"{text!r} is no aggregation")
        return cls("quantile", float(Decimal(percentile.group(1)) / 100))

    @property
    def text(self) -> str:
        """The aggregation as a request names it."""
        if self.quantile is None:
            return self.function
        percent = (Decimal(repr(self.quantile)) * 100).normalize()
        return f"p{percent:f}"
