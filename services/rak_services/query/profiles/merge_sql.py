"""The statements that merge profiles: what kinds there are, sums by stack, and the stacks' frames.

A profile that an agent sent twice is stored twice under one id, and is merged once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from rak_libs.clickhouse.parameters import Parameter, Parameters
from rak_services.query.profiles.selection import PROFILE_COLUMNS, SAMPLE_COLUMNS, Selection

_LABEL_ROOT: Final = (
    "multiIf(NOT JSONHas(sample_labels, {key}), labels[{key}],"
    " JSONType(sample_labels, {key}, 1) = 'Object',"
    " JSONExtractRaw(sample_labels, {key}, 1, 'number'),"
    " JSONExtractString(sample_labels, {key}, 1))"
)
_FRAME_COLUMNS: Final = {
    "functions": "toString(any(functions))",
    "files": "toString(any(files))",
    "lines": "any(lines)",
    "mappings": "toString(any(mappings))",
    "addresses": "any(addresses)",
    "system_names": "toString(any(system_names))",
    "start_lines": "any(start_lines)",
    "columns": "any(columns)",
    "inlined": "any(inlined)",
}
"""Of the columns of `profile_stacks`, those of a frame, and what they are in the answer."""


@dataclass(frozen=True, slots=True)
class Root:
    """A level that is put above the stacks: a column, or a label by its key.

    Attributes:
        name: `service`, `agent`, or `label.<key>`.
    """

    name: str

    def sql(self, placeholder: str) -> tuple[str, dict[str, Parameter]]:
        """Return the text of a sample's root as SQL, and the value of its placeholder."""
        if self.name == "service":
            return "service_name", {}
        if self.name == "agent":
            return "agent_name", {}
        key = self.name.removeprefix("label.")
        return _LABEL_ROOT.format(key=f"%({placeholder})s"), {placeholder: key}


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """Regular expressions (RE2) that frames are told by; None where none is asked for."""

    focus: str | None = None
    ignore: str | None = None


@dataclass(frozen=True, slots=True)
class StackPlaces:
    """Where the rows of stacks are: the days and services of the profiles that have them."""

    first_day: date
    last_day: date
    services: tuple[str, ...]


def kinds_sql(selection: Selection) -> tuple[str, Parameters]:
    """Return the statement for what kinds of profiles are selected.

    Columns: `profile_type`, `sample_type`, `sample_types`, how many profiles, first and last day,
    services.
    """
    conditions = selection.profile_conditions()
    sql = f"""\
SELECT
    toString(profile_type),
    toString(sample_type),
    sample_types,
    uniqExact(profile_id),
    toDate(min(timestamp)),
    toDate(max(timestamp)),
    groupUniqArray(toString(service_name))
FROM cpu_profiles
WHERE {conditions.where()}
GROUP BY profile_type, sample_type, sample_types
ORDER BY profile_type, sample_type, sample_types
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def sums_sql(
    selection: Selection, kind: str, sample_type: str, roots: Sequence[Root], most: int
) -> tuple[str, Parameters]:
    """Return the statement for the sums of one value by stack, in one row.

    Columns: the sum of all, the sum of their sizes without sign, then arrays of the largest `most`:
    stack, sum, and texts of the roots.
    """
    texts = []
    parameters: dict[str, Parameter] = {"most": most}
    for number, root in enumerate(roots):
        text, used = root.sql(f"root_{number}_key")
        texts.append(text)
        parameters.update(used)
    root_columns = "".join(f",\n        {text} AS root_{n}" for n, text in enumerate(texts))
    root_names = "".join(f", root_{n}" for n in range(len(texts)))
    root_arrays = "".join(
        f",\n    groupArray(%(most)s)(toString(root_{n}))" for n in range(len(texts))
    )
    samples, bound = samples_sql(selection, kind, sample_type, " ".join(["stack", *texts]))
    sql = f"""\
SELECT
    sum(total),
    sum(abs(total)),
    groupArray(%(most)s)(stack),
    groupArray(%(most)s)(total){root_arrays}
FROM
(
    SELECT
        stack,
        sum(sample_values[indexOf(sample_types, %(sample_type)s)]) AS total{root_columns}
    FROM {samples}
    GROUP BY stack{root_names}
    HAVING total != 0
    ORDER BY abs(total) DESC, stack{root_names}
)
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**bound, **parameters}


def samples_sql(
    selection: Selection, kind: str, sample_type: str, used: str
) -> tuple[str, Parameters]:
    """Return what follows FROM where the samples of a selection are rows, each profile once.

    Columns: `sample_values`, those of `PROFILE_COLUMNS`, and of the others those that are used.

    Args:
        selection: Profiles and samples.
        kind: The `profile_type` of the profiles.
        sample_type: They have this value.
        used: What the statement does with samples.
    """
    conditions = selection.profile_conditions()
    conditions.add("profile_type = %(merged_kind)s", merged_kind=kind)
    conditions.add("has(sample_types, %(sample_type)s)", sample_type=sample_type)
    on_samples = selection.sample_conditions()
    joined, read = _sample_columns(" ".join([*on_samples, used, "sample_values"]))
    sql = f"""\
    (
        SELECT
            {", ".join(read)}
        FROM cpu_profiles
        WHERE {conditions.where(" " * 8)}
        LIMIT 1 BY profile_id
    )
    ARRAY JOIN
        {joined}
    WHERE {" AND ".join(on_samples) or "true"}"""  # noqa: S608 - built from constants; values are bound
    return sql.lstrip(), {**conditions.parameters, **selection.parameters()}


def _sample_columns(text: str) -> tuple[str, list[str]]:
    """Return what a statement joins of samples, and what it reads, to do what a text says."""
    known = {"stack": "`samples.stack`", "sample_values": "`samples.values`", **SAMPLE_COLUMNS}
    used = {name: column for name, column in known.items() if name in text}
    joined = ",\n        ".join(f"{column} AS {name}" for name, column in used.items())
    return joined, [*PROFILE_COLUMNS, "sample_types", *used.values()]


def stacks_sql(places: StackPlaces, stacks: Sequence[int]) -> tuple[str, Parameters]:
    """Return the statement for the frames of stacks, in one row of arrays.

    Columns: stacks, how many frames each has, and the numbers of all frames one after the other.
    """
    where, parameters = _of_stacks(places, stacks)
    sql = f"""\
SELECT
    groupArray(stack),
    groupArray(length(frames)),
    groupArrayArray(frames)
FROM
(
    SELECT
        stack,
        frames
    FROM profile_stacks
    WHERE {where}
    ORDER BY stack
    LIMIT 1 BY stack
)
"""  # noqa: S608 - built from constants; values are bound
    return sql, parameters


def frames_sql(
    places: StackPlaces, stacks: Sequence[int], match: FrameMatch
) -> tuple[str, Parameters]:
    """Return the statement for what the frames of stacks are, in one row of arrays.

    Columns: numbers, whether `focus` matches, whether `ignore` does, then in the order of
    `Frame`'s attributes.
    """
    where, parameters = _of_stacks(places, stacks)
    matches = []
    for name, expression in (("focus", match.focus), ("ignore", match.ignore)):
        if expression is None:
            matches.append("false")
            continue
        parameters[name] = expression
        texts = ("functions", "files", "mappings")
        matches.append(" OR ".join(f"match(any({text}), %({name})s)" for text in texts))
    columns = ",\n        ".join(
        f"{expression} AS found_{name}" for name, expression in _FRAME_COLUMNS.items()
    )
    arrays = ",\n    ".join(f"groupArray(found_{name})" for name in _FRAME_COLUMNS)
    sql = f"""\
SELECT
    groupArray(frames),
    groupArray(in_focus),
    groupArray(is_ignored),
    {arrays}
FROM
(
    SELECT
        frames,
        {matches[0]} AS in_focus,
        {matches[1]} AS is_ignored,
        {columns}
    FROM profile_stacks
    ARRAY JOIN frames, {", ".join(_FRAME_COLUMNS)}
    WHERE {where}
    GROUP BY frames
)
"""  # noqa: S608 - built from constants; values are bound
    return sql, parameters


def _of_stacks(places: StackPlaces, stacks: Sequence[int]) -> tuple[str, dict[str, Parameter]]:
    where = (
        "day BETWEEN %(first_day)s AND %(last_day)s"
        " AND service_name IN %(services)s"
        # The engine reads a text of many numbers faster than a list of them.
        " AND stack IN (SELECT arrayJoin(CAST(%(stacks)s, 'Array(UInt64)')))"
    )
    return where, {
        "first_day": places.first_day,
        "last_day": places.last_day,
        "services": places.services,
        "stacks": f"[{','.join(map(str, stacks))}]",
    }


def matches_sql(expression: str) -> tuple[str, Parameters]:
    """Return a statement that fails where a text is no regular expression."""
    return "SELECT match(materialize(''), %(expression)s)", {"expression": expression}
