"""What can be asked of a series by name: its labels, and where the series table has them.

Labels are the attributes of the points under their own keys, the columns that every signal has
(`service_name`, `agent_name`, `user_id`, `session_id`), `scope_name`, the attributes of the
resource as `resource.<key>`, and `fingerprint`, which tells every series from all others. A
point's attribute with the name of a column, or that begins with `resource.`, cannot be asked for.
"""

from typing import Final

from rak_libs.clickhouse.parameters import Parameter

RESOURCE_PREFIX: Final = "resource."
FINGERPRINT: Final = "fingerprint"
FINGERPRINT_SQL: Final = "lower(leftPad(hex(fingerprint), 16, '0'))"

LABEL_COLUMNS: Final = ("service_name", "agent_name", "user_id", "session_id", "scope_name")

_RESOURCE_VALUE: Final = (
    "if(JSONType(resource_attributes, {key}) = 'String',"
    " JSONExtractString(resource_attributes, {key}), JSONExtractRaw(resource_attributes, {key}))"
)
_RESOURCE_PAIRS: Final = (
    f"arrayMap(pair -> (concat('{RESOURCE_PREFIX}', pair.1),"
    " if(startsWith(pair.2, '\"'), JSONExtractString(pair.2), pair.2)),"
    " JSONExtractKeysAndValuesRaw(resource_attributes))"
)
POINT_LABELS_SQL: Final = (
    "CAST(arraySort(arrayZip(mapKeys(labels), mapValues(labels))), 'Array(Tuple(String, String))')"
)
"""The attributes of a series' points, by name: pairs of name and text."""


def label_sql(label: str, placeholder: str) -> tuple[str, dict[str, Parameter]]:
    """Return the text of a label as SQL over `metric_series`; '' where a series has none.

    Args:
        label: The label's name.
        placeholder: A name for the parameter that the name is bound to, where it must be.
    """
    if label in LABEL_COLUMNS:
        return label, {}
    if label == FINGERPRINT:
        return FINGERPRINT_SQL, {}
    key = f"%({placeholder})s"
    if label.startswith(RESOURCE_PREFIX):
        text = _RESOURCE_VALUE.format(key=key)
        return text, {placeholder: label.removeprefix(RESOURCE_PREFIX)}
    return f"labels[{key}]", {placeholder: label}


def all_labels_sql() -> str:
    """Return every label of a series but its fingerprint: pairs of name and text as SQL."""
    columns = ", ".join(f"('{name}', toString({name}))" for name in LABEL_COLUMNS)
    return (
        f"arrayFilter(pair -> pair.2 != '', arrayConcat({POINT_LABELS_SQL}, [{columns}],"
        f" {_RESOURCE_PAIRS}))"
    )
