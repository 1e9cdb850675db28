"""Arbitrary valid profiles, and a plain account of what each says: the oracle of the decoder.

The account follows the format's own words (schema/proto/profile.proto) sample by sample, with
objects and dictionaries; the decoder works on columns.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

from rak_libs.pprof.profile_pb2 import Label, Line, Location, Profile, Sample, ValueType

TIME_NS = 1_790_000_000 * 1_000_000_000
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "B7AD6B7169203331"

_INT64 = st.integers(-(2**63), 2**63 - 1)
_UINT64 = st.integers(0, 2**64 - 1)
_SMALL = st.integers(0, 300)
_TYPES = ("samples", "cpu", "alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "wall")
_UNITS = ("count", "nanoseconds", "bytes", "")
_NAMES = (
    "", "main.main", "main.work", "runtime.mallocgc", "runtime.goexit", ".dotted(int)",
    "std::vector<int>::push_back(int const&)", "operator()(int)", "(anonymous namespace)::f(int)",
    "décodé", "a\x00b",
)  # fmt: skip
_FILES = ("", "main.go", "/usr/lib/go/src/runtime/malloc.go", "вход.py")
_PROGRAMS = ("", "/srv/agent", "libc.so.6", "[vdso]")
_KEYS = ("tool", "trace_id", "TraceID", "span.id", "span id", "span_name", "bytes", "")
_WORDS = ("", "search", TRACE_ID, SPAN_ID, "0" * 32, "0" * 16, "no id")
_DROPS = ("", "runtime\\..*", "main\\.work", "std::.*|operator\\(\\)", "((", ".*")
_KEEPS = ("", "runtime\\.goexit", "))")


class _Texts:
    """A string table in the making."""

    def __init__(self) -> None:
        self.table = [""]
        self._places = {"": 0}

    def __call__(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self.table)
            self.table.append(text)
        return self._places[text]


@st.composite
def profiles(draw: Any, max_samples: int = 12, time_ns: int = TIME_NS) -> Profile:
    """Draw a profile that passes every check: sparse ids, inlined frames, frames without names."""
    texts = _Texts()
    profile = Profile(time_nanos=draw(st.sampled_from([0, time_ns])), period=draw(_SMALL))
    profile.duration_nanos = draw(st.integers(0, 2**42))
    for name in draw(st.lists(st.sampled_from(_TYPES), min_size=1, max_size=4, unique=True)):
        unit = draw(st.sampled_from(_UNITS))
        profile.sample_type.append(ValueType(type=texts(name), unit=texts(unit)))
    profile.default_sample_type = texts(draw(st.sampled_from(("", *_TYPES))))
    profile.period_type.CopyFrom(ValueType(type=texts("cpu"), unit=texts("nanoseconds")))
    profile.drop_frames = texts(draw(st.sampled_from(_DROPS)))
    profile.keep_frames = texts(draw(st.sampled_from(_KEEPS)))
    ids = draw(st.lists(st.integers(1, 2**64 - 1) | st.integers(1, 40), max_size=30, unique=True))
    mappings, rest = ids[:3], ids[3:]
    functions, locations = rest[: len(rest) // 2], rest[len(rest) // 2 :]
    for id_ in mappings:
        profile.mapping.add(
            id=id_,
            memory_start=draw(_UINT64),
            file_offset=draw(_SMALL),
            filename=texts(draw(st.sampled_from(_PROGRAMS))),
        )
    for id_ in functions:
        name = draw(st.sampled_from(_NAMES))
        profile.function.add(
            id=id_,
            name=texts(name),
            system_name=texts(draw(st.sampled_from((name, "_Zmain")))),
            filename=texts(draw(st.sampled_from(_FILES))),
            start_line=draw(st.sampled_from((0, 12, -1))),
        )
    for id_ in locations:
        profile.location.append(draw(_locations(id_, mappings, functions)))
    for _ in range(draw(st.integers(0, max_samples))):
        profile.sample.append(draw(_samples(locations, len(profile.sample_type), texts)))
    profile.string_table.extend(texts.table)
    return profile


@st.composite
def _locations(draw: Any, id_: int, mappings: Sequence[int], functions: Sequence[int]) -> Location:
    location = Location(id=id_, address=draw(_UINT64 | _SMALL))
    location.mapping_id = draw(st.sampled_from((0, *mappings)))
    if functions:
        for function in draw(st.lists(st.sampled_from(functions), max_size=3)):
            line, column = draw(st.sampled_from((0, 7, 10_000, -3))), draw(st.sampled_from((0, 2)))
            location.line.append(Line(function_id=function, line=line, column=column))
    return location


@st.composite
def _samples(draw: Any, locations: Sequence[int], types: int, texts: _Texts) -> Sample:
    sample = Sample(value=[draw(_SMALL | _INT64) for _ in range(types)])
    if locations:
        sample.location_id.extend(draw(st.lists(st.sampled_from(locations), max_size=8)))
    for _ in range(draw(st.integers(0, 3))):
        label = Label(key=texts(draw(st.sampled_from(_KEYS))))
        if draw(st.booleans()):
            label.str = texts(draw(st.sampled_from(_WORDS)))
        else:
            label.num = draw(_SMALL | _INT64)
            label.num_unit = texts(draw(st.sampled_from(_UNITS)))
        sample.label.append(label)
    return sample


class Frame(NamedTuple):
    """One frame of a stack, as `profile_stacks` has it."""

    function: str
    system_name: str
    file: str
    start_line: int
    line: int
    column: int
    inlined: bool
    mapping: str
    address: int


@dataclass(frozen=True)
class ExpectedSample:
    """One sample: its stack, the leaf first, and what is said of it."""

    frames: tuple[Frame, ...]
    values: tuple[int, ...]
    labels: dict[str, list[Any]]


def expected_samples(profile: Profile) -> list[ExpectedSample]:
    """Expand a profile sample by sample, without what it drops."""
    locations = {location.id: location for location in profile.location}
    lines, whole = _dropped_lines(profile)
    samples = []
    for sample in profile.sample:
        stack = _pruned(list(sample.location_id), lines, whole)
        frames = [
            frame
            for id_ in stack
            for frame in _frames(profile, locations[id_], 0 if id_ in whole else lines.get(id_, 0))
        ]
        samples.append(ExpectedSample(tuple(frames), tuple(sample.value), _labels(profile, sample)))
    return samples


def _frames(profile: Profile, location: Location, dropped: int) -> list[Frame]:
    texts = profile.string_table
    mapping = next((each for each in profile.mapping if each.id == location.mapping_id), None)
    program, address = "", location.address
    if mapping is not None:
        program = texts[mapping.filename]
        address = (address - mapping.memory_start + mapping.file_offset) % 2**64
    lines = list(location.line)[dropped:]
    if not lines:
        return [Frame("", "", "", 0, 0, 0, False, program, address)]
    functions = {function.id: function for function in profile.function}
    return [
        Frame(
            texts[function.name],
            texts[function.system_name],
            texts[function.filename],
            function.start_line,
            line.line,
            line.column,
            place < len(lines) - 1,
            program,
            0 if texts[function.name] else address,
        )
        for place, line in enumerate(lines)
        for function in [functions[line.function_id]]
    ]


def _dropped_lines(profile: Profile) -> tuple[dict[int, int], set[int]]:
    """Return how many lines each location loses, and which locations are dropped whole."""
    texts = profile.string_table
    drop, keep = texts[profile.drop_frames], texts[profile.keep_frames]
    if not drop or not (_valid(drop) and _valid(keep)):
        return {}, set()
    names = {function.id: texts[function.name] for function in profile.function}
    lines: dict[int, int] = {}
    whole = set()
    for location in profile.location:
        for place in reversed(range(len(location.line))):
            name = names[location.line[place].function_id]
            simple = _simple(name)
            kept = bool(keep) and re.fullmatch(keep, simple) is not None
            if name and re.fullmatch(drop, simple) and not kept:
                lines[location.id] = place + 1
                if place == len(location.line) - 1:
                    whole.add(location.id)
                break
    return lines, whole


def _valid(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True


def _simple(name: str) -> str:
    """Cut a name before its arguments, as pprof does."""
    name = name.removeprefix(".")
    place = 0
    while (place := name.find("(", place)) >= 0:
        before = name[:place]
        if name.startswith("(anonymous namespace)", place):
            place += len("(anonymous namespace)")
        elif before.endswith("operator") and name.startswith("()", place):
            place += 2
        else:
            return before
    return name


def _pruned(stack: list[int], lines: dict[int, int], whole: set[int]) -> list[int]:
    above = False
    for place in reversed(range(len(stack))):
        if stack[place] not in lines:
            above = True
        elif above:
            return stack[place + 1 :] if stack[place] in whole else stack[place:]
    return stack


def _labels(profile: Profile, sample: Sample) -> dict[str, list[Any]]:
    texts = profile.string_table
    labels: dict[str, list[Any]] = {}
    for label in sample.label:
        value: Any = texts[label.str]
        if not label.str and (label.num or label.num_unit):
            value = {"number": label.num, "unit": texts[label.num_unit]}
        labels.setdefault(texts[label.key], []).append(value)
    return labels


def realistic_profile(
    seed: int, *, samples: int = 1_500, functions: int = 1_000, locations: int = 2_000
) -> Profile:
    """A CPU profile as of ten busy seconds of a service: some 50 KB when gzipped.

    Stacks of some 25 frames branch off each other; profiles of other seeds are of the same program,
    and four fifths of their samples of stacks that it has time and again. A third of the samples
    carry a trace and a span.
    """
    program, run = random.Random(0), random.Random(seed)
    texts = _Texts()
    profile = Profile(time_nanos=TIME_NS, duration_nanos=10_000_000_000, period=10_000_000)
    for name, unit in (("samples", "count"), ("cpu", "nanoseconds")):
        profile.sample_type.append(ValueType(type=texts(name), unit=texts(unit)))
    profile.period_type.CopyFrom(profile.sample_type[1])
    profile.mapping.add(
        id=1, memory_start=0x400000, memory_limit=0x1400000, filename=texts("/srv/agent/bin/agent")
    )
    for id_ in range(1, functions + 1):
        package = program.choice(("runtime", "net/http", "encoding/json", "agent/planner", "agent"))
        owner = program.choice(("Server", "conn", "decodeState", "Plan", "Tool", "Handler"))
        name = texts(f"{package}.(*{owner}).{program.choice(('read', 'serve', 'call'))}{id_}")
        file = texts(f"/usr/local/go/src/{package}/file{program.randrange(40)}.go")
        line = program.randrange(1_500)
        profile.function.add(id=id_, name=name, system_name=name, filename=file, start_line=line)
    for id_ in range(1, locations + 1):
        location = profile.location.add(id=id_, mapping_id=1)
        location.address = 0x400000 + program.randrange(0x1000000)
        for _ in range(program.choices((1, 2, 3), (85, 12, 3))[0]):
            location.line.append(
                Line(function_id=program.randrange(1, functions + 1), line=program.randrange(2_000))
            )
    known: list[list[int]] = [[1, 2, 3]]
    for _ in range(2 * samples):
        known.append(_branch(program, known, locations))
    for _ in range(samples):
        place = int(len(known) * run.random() ** 2)
        path = known[place] if run.random() < 0.8 else _branch(run, known, locations)
        count = min(int(run.paretovariate(1.2)), 50)
        sample = profile.sample.add(location_id=path[::-1], value=[count, count * 10_000_000])
        if run.random() < 0.33:
            span = run.randrange(60)
            sample.label.add(key=texts("trace_id"), str=texts(f"{span // 6 + 1:032x}"))
            sample.label.add(key=texts("span_id"), str=texts(f"{span + 1:016x}"))
    profile.string_table.extend(texts.table)
    return profile


def _branch(source: random.Random, paths: Sequence[list[int]], locations: int) -> list[int]:
    """Return a path from the root that leaves another one somewhere."""
    path = list(paths[source.randrange(len(paths))])
    del path[source.randrange(len(path) // 2, len(path)) :]
    while len(path) < max(3, source.gauss(25, 4)):
        path.append(min(locations, int(source.paretovariate(0.3))))
    return path
