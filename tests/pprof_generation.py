"""Small profiles for tests."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from rak_libs.pprof.profile_columns import ProfileColumns
from rak_libs.pprof.profile_pb2 import Function, Label, Line, Location, Profile, Sample, ValueType

TEXTS = ("", "samples", "count", "cpu", "nanoseconds", "main.work", "main.main", "main.go", "tool")


def small_profile(samples: int = 3, depth: int = 2) -> Profile:
    """A CPU profile of `samples` equal stacks of `depth` frames, taken now."""
    functions = [Function(id=1, name=5, filename=7), Function(id=2, name=6, filename=7)]
    locations = [
        Location(id=1, address=0x10, line=[Line(function_id=1, line=12)]),
        Location(id=2, address=0x20, line=[Line(function_id=2, line=34)]),
    ]
    stack = [1, *[2] * (depth - 1)]
    return Profile(
        sample_type=[ValueType(type=1, unit=2), ValueType(type=3, unit=4)],
        sample=[
            Sample(location_id=stack, value=[1, 10_000_000], label=[Label(key=8, str=5)])
            for _ in range(samples)
        ],
        location=locations,
        function=functions,
        string_table=TEXTS,
        time_nanos=time.time_ns(),
        duration_nanos=1_000_000_000,
        period_type=ValueType(type=3, unit=4),
        period=10_000_000,
    )


def profile_of(columns: ProfileColumns) -> Profile:
    """Put a profile together again that was read as columns."""
    profile = Profile()
    head = type(columns.head).FromString(columns.head.SerializeToString())
    head.DiscardUnknownFields()
    for name in ("sample", "location", "function"):
        head.ClearField(name)
    profile.MergeFromString(head.SerializeToString())
    samples, locations, functions = columns.samples, columns.locations, columns.functions
    stacks = _groups(samples.depths, samples.locations)
    values = _groups(samples.value_counts, samples.values)
    labels = _groups(
        samples.label_counts,
        samples.label_keys,
        samples.label_texts,
        samples.label_numbers,
        samples.label_units,
    )
    for stack, value, label in zip(stacks, values, labels, strict=True):
        profile.sample.add(
            location_id=[each for (each,) in stack],
            value=[each for (each,) in value],
            label=[Label(key=k, str=s, num=n, num_unit=u) for k, s, n, u in label],
        )
    lines = _groups(
        locations.line_counts, locations.line_functions, locations.lines, locations.line_columns
    )
    places = zip(locations.ids, locations.mapping_ids, locations.addresses, lines, strict=True)
    for id_, mapping, address, line in places:
        profile.location.add(
            id=id_,
            mapping_id=mapping,
            address=address,
            line=[Line(function_id=f, line=n, column=c) for f, n, c in line],
        )
    for id_, name, system_name, filename, start_line in zip(
        functions.ids,
        functions.names,
        functions.system_names,
        functions.filenames,
        functions.start_lines,
        strict=True,
    ):
        profile.function.add(
            id=id_, name=name, system_name=system_name, filename=filename, start_line=start_line
        )
    return profile


def _groups(sizes: Iterable[int], *columns: Any) -> Iterator[list[tuple[int, ...]]]:
    """Yield rows of columns in groups of these sizes."""
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for size in sizes:
        yield list(islice(rows, size))
    assert not list(rows)
