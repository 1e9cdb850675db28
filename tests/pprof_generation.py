"""Small profiles for tests."""

import time

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
