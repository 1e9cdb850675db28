"""Profiles that tests know, how they get into the engine, and what answers must say of them.

`samples_of`, `tops` and `tree` are the specification of a merge in plain Python: they know nothing
of SQL and of arrays.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from integration.query.known_spans import SECOND
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import new_batch
from rak_libs.model.message import Message
from rak_libs.model.profiles import CPU_PROFILES, MEMORY_PROFILES, PROFILE_STACKS, ProfileType
from rak_libs.model.time_window import time_window
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.decode_profile import decode_profiles
from rak_libs.pprof.profile_id import profile_id
from rak_libs.pprof.profile_pb2 import Profile
from rak_libs.runtime.settings import ClickHouseSettings

TYPES = {
    "CPU": ("samples/count", "cpu/nanoseconds"),
    "HEAP": (
        "alloc_objects/count",
        "alloc_space/bytes",
        "inuse_objects/count",
        "inuse_space/bytes",
    ),
    "BLOCK": ("contentions/count", "delay/nanoseconds"),
    "MUTEX": ("contentions/count", "delay/nanoseconds"),
}
FUNCTIONS = [f"{package}.{name}" for package in ("main", "json", "http") for name in "abcd"]
Stack = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class KnownSample:
    """Functions and lines, the leaf first; the values; labels of text."""

    stack: Stack
    values: tuple[int, ...]
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class KnownProfile:
    """One profile as a test describes it; times in nanoseconds."""

    time: int
    samples: tuple[KnownSample, ...]
    kind: str = "CPU"
    service: str = "alpha"
    agent: str = ""
    invocation: str = ""
    session: str = ""
    trace_id: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def context(self) -> ProfileContext:
        return ProfileContext(
            profile_type=ProfileType[self.kind],
            service_name=self.service,
            invocation_id=self.invocation,
            session_id=self.session,
            trace_id=self.trace_id,
            agent_name=self.agent,
            labels=tuple(self.labels.items()),
        )

    @cached_property
    def content(self) -> bytes:
        """The profile in pprof."""
        profile, texts = Profile(), {"": 0}

        def text(words: str) -> int:
            return texts.setdefault(words, len(texts))

        for each in TYPES[self.kind]:
            type_, _, unit = each.partition("/")
            profile.sample_type.add(type=text(type_), unit=text(unit))
        numbers = {frame: n for n, frame in enumerate(self.frames, 1)}
        for (function, line), number in numbers.items():
            file = text(f"/src/{function.partition('.')[0]}.go")
            profile.function.add(id=number, name=text(function), filename=file, start_line=1)
            profile.location.add(id=number, address=number).line.add(function_id=number, line=line)
        for sample in self.samples:
            stack = [numbers[frame] for frame in sample.stack]
            added = profile.sample.add(location_id=stack, value=sample.values)
            for key, value in sample.labels:
                added.label.add(key=text(key), str=text(value))
        profile.time_nanos, profile.duration_nanos = self.time, 10 * SECOND
        profile.string_table[:] = texts
        return profile.SerializeToString()

    @property
    def frames(self) -> list[tuple[str, int]]:
        return sorted({frame for sample in self.samples for frame in sample.stack})

    @property
    def profile_id(self) -> str:
        return profile_id(self.content, self.context)

    def total(self, sample_type: str) -> int:
        """Return the sum of one value."""
        index = TYPES[self.kind].index(sample_type)
        return sum(sample.values[index] for sample in self.samples)


def store(settings: ClickHouseSettings, profiles: Iterable[KnownProfile], now_ns: int) -> None:
    """Store profiles as the writer does."""
    tables = {
        table.name: new_batch(table) for table in (CPU_PROFILES, MEMORY_PROFILES, PROFILE_STACKS)
    }
    written: set[tuple[int, int]] = set()

    def new_stack(key: int, day: int) -> bool:
        is_new = (key, day) not in written
        written.add((key, day))
        return is_new

    for profile in profiles:
        message = Message(profile.content, now_ns // 1_000_000, profile.context.to_headers())
        rejected = decode_profiles(message, time_window(30, now_ns), tables, new_stack)
        assert not rejected
    inserter = Inserter(settings)
    for table in (CPU_PROFILES, MEMORY_PROFILES, PROFILE_STACKS):
        inserter.insert(table, tables[table.name], {})
    inserter.close()


def make_profiles(seed: int, count: int, first: int) -> list[KnownProfile]:
    """Return random profiles, a second apart or at the same time."""
    draw = random.Random(seed)
    traces = [f"{draw.getrandbits(128):032x}" for _ in range(3)]
    profiles = []
    for number in range(count):
        kind = draw.choices(list(TYPES), [6, 3, 1, 1])[0]
        profiles.append(
            KnownProfile(
                time=first + (number // 2) * SECOND,
                samples=tuple(_sample(draw, kind, traces) for _ in range(draw.randint(1, 12))),
                kind=kind,
                service=draw.choice(["alpha", "beta"]),
                agent=draw.choice(["", "planner"]),
                invocation=draw.choice(["", "i-1", "i-2"]),
                session=draw.choice(["", "s-1"]),
                trace_id=draw.choice(["", "", *traces]),
                labels=draw.choice([{}, {"env": "test"}, {"env": "live", "zone": "a"}]),
            )
        )
    return profiles


def _sample(draw: random.Random, kind: str, traces: Sequence[str]) -> KnownSample:
    stack = tuple((draw.choice(FUNCTIONS), draw.randint(1, 2)) for _ in range(draw.randint(0, 6)))
    values = tuple(draw.choice([0, 1, 7, 10**9, 2**53 + 1]) for _ in TYPES[kind])
    labels: tuple[tuple[str, str], ...] = draw.choice(
        [(), (("tool", "search"),), (("env", "test"),)]
    )
    if draw.random() < 0.3:
        labels += (("trace_id", draw.choice(traces)),)
    return KnownSample(stack, values, labels)


def matches(profile: KnownProfile, asked: Mapping[str, str]) -> bool:
    """Whether a profile meets filters other than those of time: it or some of its samples."""
    plain = {
        name: getattr(profile, name)
        for name in ("service", "agent", "invocation", "session", "kind", "profile_id")
    }
    if any(asked[name].upper() != plain[name].upper() for name in plain.keys() & asked.keys()):
        return False
    own = {"trace_id": profile.trace_id, **{f"label.{k}": v for k, v in profile.labels.items()}}
    return all(
        own.get(name) == text or any(_said(sample, name) == text for sample in profile.samples)
        for name, text in asked.items()
        if name not in plain
    )


def _said(sample: KnownSample, name: str) -> str | None:
    return dict(sample.labels).get(name.removeprefix("label."))


def samples_of(
    profile: KnownProfile, asked: Mapping[str, str], sample_type: str
) -> list[tuple[Stack, int]]:
    """Return the stacks and values of the samples of a matching profile that are merged."""
    index = TYPES[profile.kind].index(sample_type)
    found = []
    for sample in profile.samples:
        trace_id = _said(sample, "trace_id") or profile.trace_id
        labels = profile.labels | dict(sample.labels)
        if asked.get("trace_id", trace_id) == trace_id and all(
            labels.get(name.removeprefix("label.")) == text
            for name, text in asked.items()
            if name.startswith("label.")
        ):
            found.append((sample.stack, sample.values[index]))
    return found


@dataclass(frozen=True)
class Merge:
    """Profiles that were merged, what of, and their samples."""

    kind: str
    sample_type: str
    profiles: int
    left_out: int
    samples: list[tuple[Stack, int]]

    def tops(self) -> dict[str, tuple[int, int]]:
        """Return what each function has by itself and in all."""
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for stack, value in self.samples:
            for leaf, _ in stack[:1]:
                found[leaf][0] += value
            for function in {function for function, _ in stack}:
                found[function][1] += value
        return {name: (own, total) for name, (own, total) in found.items() if own or total}

    def tree(self) -> dict[tuple[str, ...], tuple[int, int]]:
        """Return what each node has by itself and in all, by the functions above it."""
        found: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for stack, value in self.samples:
            path = tuple(function for function, _ in reversed(stack))
            found[path][0] += value
            for depth in range(len(path) + 1):
                found[path[:depth]][1] += value
        return {path: (own, total) for path, (own, total) in found.items() if own or total}

    def only(self, word: str) -> "Merge":
        """Return what is left of stacks with a function that holds a word."""
        kept = [(s, v) for s, v in self.samples if any(word in function for function, _ in s)]
        return replace(self, samples=kept)


def merge(profiles: Iterable[KnownProfile], asked: Mapping[str, str], sample_type: str) -> Merge:
    """Return the merge of what matches; each profile counts once."""
    found = {each.profile_id: each for each in profiles if matches(each, asked)}
    for kind, types in TYPES.items():
        chosen = [each for each in found.values() if each.kind == kind]
        wanted = [each for each in types if sample_type in (each, each.partition("/")[0], "")]
        if chosen and wanted:
            samples = [s for each in chosen for s in samples_of(each, asked, wanted[-1])]
            left_out = len(found) - len(chosen)
            return Merge(kind, wanted[-1], len(chosen), left_out, samples)
    return Merge("", "", 0, len(found), [])


def paths(node: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return the nodes of an answered tree by the names above them; the root has none."""
    found = {above: node}
    for child in node["children"]:
        found |= paths(child, (*above, child["name"]))
    return found
