"""The one place where filters on spans become SQL text."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rak_libs.clickhouse.parameters import Parameter
from rak_libs.otlp.typed_json import text_to_value, value_to_text
from rak_services.query.parameter_types import AttributeFilters
from rak_services.query.problems import invalid
from rak_services.query.requests import SpanFilters

_EQUAL_COLUMNS: Final = {
    "trace_id": "trace_id",
    "service": "service_name",
    "name": "span_name",
    "kind": "span_kind",
    "status": "status_code",
    "agent": "agent_name",
    "session": "session_id",
    "invocation": "invocation_id",
    "user": "user_id",
    "model": "llm_model",
    "tool": "tool_name",
}
"""The column that each plain filter compares with, by parameter."""

_INTEGER: Final = re.compile(r"-?\d{1,19}", re.ASCII)
_DOUBLE: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE: Final = {
    "NaN": "isNaN({value})",
    "Infinity": "{value} = inf",
    "-Infinity": "{value} = -inf",
    # As an answer shows them.
    '{"doubleValue":"NaN"}': "isNaN({value})",
    '{"doubleValue":"Infinity"}': "{value} = inf",
    '{"doubleValue":"-Infinity"}': "{value} = -inf",
}


@dataclass(slots=True)
class Conditions:
    """Conditions that must all hold, with the values of their placeholders."""

    texts: list[str] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def add(self, text: str, **parameters: Parameter) -> None:
        """Add one condition; the names of its parameters must be new."""
        if self.parameters.keys() & parameters.keys():
            raise ValueError(f"parameters bound twice: {', '.join(parameters)}")
        self.texts.append(text)
        self.parameters.update(parameters)

    def where(self, indent: str = "") -> str:
        """Return the text after WHERE or HAVING; a condition that always holds when empty."""
        return f"\n{indent}    AND ".join(self.texts) or "true"


def add_time_range(conditions: Conditions, start_ns: int | None, end_ns: int | None) -> None:
    """Add `start <= timestamp < end`; None is open."""
    if start_ns is not None:
        conditions.add("timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC')", since=start_ns)
    if end_ns is not None:
        conditions.add("timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC')", until=end_ns)


def check_durations(filters: SpanFilters) -> None:
    """Return when some duration can meet the filters.

    Raises:
        InvalidParameters: None can.
    """
    shortest, longest = filters.min_duration, filters.max_duration
    if shortest is not None and longest is not None and shortest > longest:
        raise invalid("min_duration", "at most max_duration")


def add_span_filters(conditions: Conditions, filters: SpanFilters) -> None:
    """Add every filter on a span's own columns; the time range and durations are not among them."""
    for parameter, column in _EQUAL_COLUMNS.items():
        text = getattr(filters, parameter)
        if text is not None:
            conditions.add(f"{column} = %({parameter})s", **{parameter: text})
    add_attribute_filters(conditions, filters.attr)
    if filters.q is not None:
        add_text_filter(conditions, filters.q)


def add_attribute_filters(conditions: Conditions, filters: AttributeFilters) -> None:
    """Add every `attr.<key>=<text>`, of rows whose attributes are in the five typed Maps."""
    for number, (key, text) in enumerate(filters.pairs):
        _add_attribute(conditions, number, key, text)


def add_text_filter(conditions: Conditions, text: str) -> None:
    """Keep rows whose name, status message or any textual attribute holds a text, in any case."""
    conditions.add(
        f"({_contains('span_name')}"
        f" OR {_contains('status_message')}"
        f" OR arrayExists(value -> {_contains('value')}, mapValues(attributes_string)))",
        q=text,
    )


def _contains(text: str) -> str:
    """Return the condition that a text holds `q` in any case: under Unicode's full case folding.

    Folding costs the engine some twenty times a search that knows ASCII only, so texts that are
    ASCII, as most are, go without: their folding is their lower case. `toValidUTF8` since the
    function fails on what is not UTF-8, which other writers may have stored.
    """
    folded = "caseFoldUTF8(%(q)s)"
    return (
        f"if(length({text}) = lengthUTF8({text}),"
        f" positionCaseInsensitive({text}, {folded}),"
        f" position(caseFoldUTF8(toValidUTF8({text})), {folded})) > 0"
    )


def _add_attribute(conditions: Conditions, number: int, key: str, text: str) -> None:
    """Match the text in whichever Map holds the key: a set of attributes has a key once."""
    name = f"attribute_{number}"
    parameters: dict[str, Parameter] = {f"{name}_key": key}
    alternatives = [
        _in_map(column, name, condition)
        for column, condition in _attribute_alternatives(name, text, parameters)
    ]
    conditions.add("(" + " OR ".join(alternatives) + ")", **parameters)


def _attribute_alternatives(
    name: str, text: str, parameters: dict[str, Parameter]
) -> Iterator[tuple[str, str]]:
    parameters[f"{name}_text"] = text
    yield "attributes_string", f"{{value}} = %({name}_text)s"
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        parameters[f"{name}_integer"] = int(text)
        yield "attributes_int", f"{{value}} = %({name}_integer)s"
    elif text in _NOT_FINITE:
        yield "attributes_float", _NOT_FINITE[text]
    elif _DOUBLE.fullmatch(text) and math.isfinite(float(text)):
        parameters[f"{name}_double"] = float(text)
        yield "attributes_float", f"{{value}} = %({name}_double)s"
    elif text in {"true", "false"}:
        yield "attributes_bool", f"{{value}} = {text}"
    json = _json_text(text)
    if json is not None:
        parameters[f"{name}_json"] = json
        yield "attributes_json", f"{{value}} = %({name}_json)s"


def _in_map(column: str, name: str, condition: str) -> str:
    key = f"%({name}_key)s"
    holds = condition.replace("{value}", f"{column}[{key}]")
    # A missing key reads as the type's default, so its presence is part of the condition.
    return f"(mapContains({column}, {key}) AND {holds})"


def _json_text(text: str) -> str | None:
    """Return the stored form of an array, a map, bytes or an empty value; None when it is none."""
    if not text:
        return "null"
    if not text.startswith(("[", "{", "null")):
        return None
    try:
        return value_to_text(text_to_value(text))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
