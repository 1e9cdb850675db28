"""`attributes` is one valid JSON object, whatever the typed Maps hold."""

import json
import math
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.statements import Statements
from rak_libs.runtime.settings import ClickHouseSettings
from rak_services.migrate.config import Target

KINDS: Final = {str: "string", int: "int", float: "float", bool: "bool", list: "json"}
AWKWARD: Final = "\x00\x01\b\t\n\f\r\x1f\"\\/'`é\u2028\u2029\ufeff\U0001f600\x7f"
ODD_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

values = (
    st.text()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.lists(st.text() | st.none() | st.lists(st.integers(), max_size=2), max_size=3)
)


def _store(engine: ClickHouseSettings, target: Target, rows: list[dict[str, Any]]) -> None:
    """Insert one span for each attribute set; its place in the list is its duration."""
    columns = [f"attributes_{kind}" for kind in KINDS.values()]
    client = connect(engine, database=target.database, engine_settings={"async_insert": 0})
    try:
        client.execute(
            f"INSERT INTO spans (timestamp, duration_ns, {', '.join(columns)}) VALUES",
            [
                {"timestamp": datetime.now(UTC), "duration_ns": number, **_typed(row)}
                for number, row in enumerate(rows)
            ],
        )
    finally:
        client.disconnect()


def _typed(attributes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    maps: dict[str, dict[str, Any]] = {f"attributes_{kind}": {} for kind in KINDS.values()}
    for key, value in attributes.items():
        stored = json.dumps(value) if isinstance(value, list) else value
        maps[f"attributes_{KINDS[type(value)]}"][key] = stored
    return maps


def _texts(statements: Statements, target: Target) -> list[str]:
    query = f"SELECT attributes FROM {target.qualified('spans')} ORDER BY duration_ns"
    return [text for (text,) in statements.rows(query)]


def test_every_type_has_its_json_form(
    engine: ClickHouseSettings, statements: Statements, without_spans: Target
) -> None:
    """Integers keep all digits, texts every character, keys are escaped like texts."""
    attributes = {
        AWKWARD: AWKWARD,
        "empty": "",
        "": "empty key",
        "large": 2**63 - 1,
        "small": -(2**63),
        "float": 0.1,
        "whole": 62937651146733464.0,
        "negative zero": -0.0,
        "huge": 1.7976931348623157e308,
        "tiny": 5e-324,
        "true": True,
        "false": False,
        "array": [1, "two", None, [3.5]],
    }
    _store(engine, without_spans, [attributes, {}])
    first, second = _texts(statements, without_spans)
    assert _with_types(json.loads(first)) == _with_types(attributes)
    assert '"negative zero":-0.0' in first
    assert second == "{}"


def test_floats_that_json_lacks_are_named(
    engine: ClickHouseSettings, statements: Statements, without_spans: Target
) -> None:
    """The same form as inside arrays and maps."""
    _store(engine, without_spans, [ODD_FLOATS])
    (text,) = _texts(statements, without_spans)
    assert json.loads(text) == {name: {"doubleValue": name} for name in ODD_FLOATS}


def test_json_functions_find_values(
    engine: ClickHouseSettings, statements: Statements, without_spans: Target
) -> None:
    """Queries that were written for a JSON column work."""
    _store(engine, without_spans, [{"token_count": 9007199254740993, "gen_ai.system": "openai"}])
    query = (
        "SELECT JSONExtractInt(attributes, 'token_count'), "
        "JSONExtractString(attributes, 'gen_ai.system'), JSONHas(attributes, 'other') "
        f"FROM {without_spans.qualified('spans')}"
    )
    assert statements.rows(query) == [(9007199254740993, "openai", 0)]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.dictionaries(st.text(), values, max_size=6), min_size=1, max_size=30))
def test_any_attributes_come_back(
    engine: ClickHouseSettings,
    statements: Statements,
    without_spans: Target,
    rows: list[dict[str, Any]],
) -> None:
    """What was stored is what a JSON reader finds, an integer as such and a float as such."""
    statements.execute(f"TRUNCATE TABLE {without_spans.qualified('spans')}")
    _store(engine, without_spans, rows)
    read = [json.loads(text) for text in _texts(statements, without_spans)]
    assert [_with_types(row) for row in read] == [_with_types(row) for row in rows]


def _with_types(attributes: dict[str, Any]) -> dict[str, tuple[type, Any]]:
    return {key: (type(value), value) for key, value in attributes.items()}
