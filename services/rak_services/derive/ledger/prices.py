"""What a token costs: the table of prices, read from a TOML file.

Prices are whole numbers of 10^-12 US dollars for one token (`rak_libs.model.ledger.COST_SCALE`):
a price for a million tokens with at most six decimals is exactly that.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fnmatch import translate
from pathlib import Path
from typing import Any, Final, NamedTuple

EXAMPLE_PRICES: Final = Path(__file__).with_name("prices.toml")
CURRENCY: Final = "USD"
PRICE_DECIMALS: Final = 6
"""Decimals that a price for a million tokens may have."""

_KINDS: Final = ("input", "output", "cache_read", "cache_write", "reasoning")
_KEYS: Final = ("model", "provider", "from", "until", *_KINDS)
_AMOUNT: Final = re.compile(rf"[0-9]{{1,6}}(\.[0-9]{{1,{PRICE_DECIMALS}}})?")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST_DAY: Final = 0
_NO_DAY: Final = date.max.toordinal() - _EPOCH
_NOTHING: Final = re.compile(r"(?!)")
_MOST_REMEMBERED: Final = 50_000
_LONGEST_NAME: Final = 500
"""Longer names are no model's and no provider's, and are not worth remembering."""


class PriceError(ValueError):
    """A file of prices was refused; `problems` holds one sentence for each thing that is wrong."""

    def __init__(self, path: str, problems: list[str]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"the prices in {path} were refused:{lines}")


class Price(NamedTuple):
    """What one token of each kind costs, in 10^-12 US dollars; None where nothing says it."""

    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None


class PriceRow(NamedTuple):
    """One `[[price]]` of the file; days are counted from 1970 in UTC, `until` is not among them."""

    model: re.Pattern[str]
    provider: re.Pattern[str]
    from_day: int
    until_day: int
    price: Price


class PriceTable:
    """Prices by provider, model and day."""

    def __init__(self, rows: list[PriceRow]) -> None:
        self._rows = rows
        self._found: dict[tuple[str, str, int], Price | None] = {}

    def find(self, provider: str, model: str, day: int) -> Price | None:
        """Return the price that the first matching row gives, None when no row matches.

        Args:
            provider: The span's `llm_system`, or ''.
            model: The model's whole name.
            day: The day in UTC, counted from 1970.
        """
        if len(model) > _LONGEST_NAME or len(provider) > _LONGEST_NAME:
            return None
        key = (provider, model, day)
        try:
            return self._found[key]
        except KeyError:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            price = self._found[key] = self._look_up(provider.lower(), model.lower(), day)
            return price

    def _look_up(self, provider: str, model: str, day: int) -> Price | None:
        for row in self._rows:
            if (
                row.from_day <= day < row.until_day
                and row.model.match(model)
                and row.provider.match(provider)
            ):
                return row.price
        return None


def load_prices(path: str) -> PriceTable:
    """Read a file of prices.

    Args:
        path: The file; '' for the example that the package carries.

    Raises:
        PriceError: With everything that is wrong with the file.
    """
    file = Path(path) if path else EXAMPLE_PRICES
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PriceError(str(file), [f"cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise PriceError(str(file), [f"is not TOML: {error}"]) from error
    problems: list[str] = []
    rows = _rows(document, problems)
    if problems:
        raise PriceError(str(file), problems)
    return PriceTable(rows)


def _rows(document: Mapping[str, Any], problems: list[str]) -> list[PriceRow]:
    problems += [
        f"unknown key {key}; expected currency and [[price]]"
        for key in document
        if key not in {"currency", "price"}
    ]
    if document.get("currency") != CURRENCY:
        problems.append(f'currency: expected "{CURRENCY}"')
    entries = document.get("price", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.append("price: expected tables [[price]]")
        return []
    return [_Entry(number, entry, problems).row() for number, entry in enumerate(entries, 1)]


class _Entry:
    """One `[[price]]`, read with its problems noted under its number and model."""

    def __init__(self, number: int, entry: Mapping[str, Any], problems: list[str]) -> None:
        self._name = f"[[price]] {number} (model {entry.get('model')!r})"
        self._entry = entry
        self._problems = problems

    def row(self) -> PriceRow:
        for key in self._entry:
            if key not in _KEYS:
                self._refuse(key, f"unknown key; expected one of {', '.join(_KEYS)}")
        if not any(kind in self._entry for kind in _KINDS):
            self._refuse("input", f"expected a price for at least one of {', '.join(_KINDS)}")
        from_day, until_day = self._day("from", _FIRST_DAY), self._day("until", _NO_DAY)
        if from_day >= until_day:
            self._refuse("until", "expected a day after from; until is the first day without")
        price = Price(*(self._amount(kind) for kind in _KINDS))
        if price.reasoning is None:
            price = price._replace(reasoning=price.output)
        return PriceRow(
            self._patterns("model", []),
            self._patterns("provider", ["*"]),
            from_day,
            until_day,
            price,
        )

    def _refuse(self, key: str, problem: str) -> None:
        self._problems.append(f"{self._name} {key}: {problem}")

    def _patterns(self, key: str, default: list[str]) -> re.Pattern[str]:
        said = self._entry.get(key, default)
        patterns = [said] if isinstance(said, str) else said
        if (
            not isinstance(patterns, list)
            or not patterns
            or not all(isinstance(pattern, str) and pattern for pattern in patterns)
        ):
            self._refuse(key, 'expected a pattern such as "gpt-4o*", or a list of some')
            return _NOTHING
        return re.compile("|".join(translate(pattern.lower()) for pattern in patterns))

    def _day(self, key: str, default: int) -> int:
        day = self._entry.get(key)
        if day is None:
            return default
        if not isinstance(day, date) or isinstance(day, datetime):
            self._refuse(key, "expected a date such as 2026-01-31, without quotes")
            return default
        return day.toordinal() - _EPOCH

    def _amount(self, kind: str) -> int | None:
        amount = self._entry.get(kind)
        if amount is None:
            return None
        if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
            self._refuse(
                kind,
                'expected US dollars for a million tokens as a text such as "0.15",'
                f" with at most {PRICE_DECIMALS} digits before and after the point",
            )
            return None
        return int(Decimal(amount).scaleb(PRICE_DECIMALS))
