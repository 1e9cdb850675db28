"""CPU profiles as a Go service of agents makes them, from a seed: the same on every machine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

from rak_libs.pprof.profile_pb2 import Label, Line, Profile, ValueType

SECONDS: Final = 30
"""How long a profile lasts."""

SAMPLES: Final = 1_000
"""Different samples of a profile."""

PERIOD_NS: Final = 10_000_000

_FUNCTIONS: Final = 700
_PATHS: Final = 6_000
_SHORTEST, _LONGEST = 8, 44
_LINES_A_FUNCTION: Final = 2
_INLINED: Final = 0.2
_IN_SPANS: Final = 0.7
_PACKAGES: Final = (
    "runtime", "net/http", "encoding/json", "crypto/tls", "compress/flate", "reflect", "sync",
    "github.com/rak/agents/planner", "github.com/rak/agents/tools/search",
    "github.com/rak/agents/llm/stream", "google.golang.org/grpc/internal/transport",
    "google.golang.org/protobuf/internal/impl", "go.opentelemetry.io/otel/sdk/trace",
)  # fmt: skip
_WORDS: Final = (
    "read", "write", "encode", "decode", "append", "scan", "mark", "alloc", "grow", "flush", "find",
    "call", "field", "token", "frame", "batch", "span", "value", "state", "queue", "index", "block",
)  # fmt: skip

Span = tuple[str, str, str]
"""Trace id and span id in hex, and the span's name."""


def traced_spans(seed: int, spans: int = 60) -> list[Span]:
    """Return spans of traces of their own, as calls of a few tools have them."""
    random = Random(seed)
    return [
        (random.randbytes(16).hex(), random.randbytes(8).hex(), f"execute_tool {number % 7}")
        for number in range(spans)
    ]


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    file: str
    start_line: int


@dataclass(frozen=True, slots=True)
class _Location:
    """An address of the program: a line of a function or, inlined into it, of others."""

    address: int
    lines: tuple[tuple[_Function, int], ...]


class Program:
    """One program: its functions, and the ways in which they call each other.

    Its profiles differ in which of these ways they saw, and how often; a few ways are taken often
    and most seldom.
    """

    def __init__(self, seed: int = 1) -> None:
        random = Random(seed)
        functions = [_function(random, number) for number in range(_FUNCTIONS)]
        self._locations = [
            _location(random, functions, place) for place in range(_FUNCTIONS * _LINES_A_FUNCTION)
        ]
        self._paths = self._call_paths(random)

    def profile(self, seed: int, start_ns: int, spans: Sequence[Span] = ()) -> Profile:
        """Return one profile from `start_ns` on (nanoseconds since 1970).

        Args:
            seed: Equal arguments give equal profiles.
            start_ns: When it began.
            spans: What most samples carry the ids of, in labels; none without.
        """
        written = _WrittenProfile(start_ns)
        labels = [written.labels(span) for span in spans]
        for (path, span), count in self._samples(Random(seed), len(spans)):
            written.profile.sample.add(
                location_id=map(written.location, self._paths[path]),
                value=[count, count * PERIOD_NS],
                label=labels[span] if span >= 0 else [],
            )
        written.profile.string_table.extend(written.texts)
        return written.profile

    @staticmethod
    def _samples(random: Random, spans: int) -> list[tuple[tuple[int, int], int]]:
        """Return how often each way was taken in each span; -1 is none."""
        seen: Counter[tuple[int, int]] = Counter()
        # Zipf's law: the n-th most frequent way is taken 1/n as often as the first.
        weights = [*accumulate(1 / rank for rank in range(1, _PATHS + 1))]
        while len(seen) < SAMPLES:
            for path in random.choices(range(_PATHS), cum_weights=weights, k=SAMPLES):
                in_span = spans and random.random() < _IN_SPANS
                seen[path, random.randrange(spans) if in_span else -1] += 1
        return list(seen.items())[:SAMPLES]

    def _call_paths(self, random: Random) -> list[list[_Location]]:
        """Each way is an earlier one up to some frame, and new calls from there on; leaf first."""
        paths: list[list[_Location]] = []
        for _ in range(_PATHS):
            depth = random.randint(_SHORTEST, _LONGEST)
            path = random.choice(paths)[: depth - random.randint(1, 6)] if paths else []
            path = path + random.choices(self._locations, k=depth - len(path))
            paths.append(path)
        return [path[::-1] for path in paths]


class _WrittenProfile:
    """A profile while it is written: what it holds is numbered in the order in which it is seen."""

    def __init__(self, start_ns: int) -> None:
        self.texts = {"": 0}
        self._functions: dict[_Function, int] = {}
        self._locations: dict[_Location, int] = {}
        samples = ValueType(type=self._text("samples"), unit=self._text("count"))
        cpu = ValueType(type=self._text("cpu"), unit=self._text("nanoseconds"))
        self.profile = Profile(
            sample_type=[samples, cpu],
            time_nanos=start_ns,
            duration_nanos=SECONDS * 10**9,
            period_type=cpu,
            period=PERIOD_NS,
        )
        self.profile.mapping.add(
            id=1,
            memory_start=0x400000,
            memory_limit=0x1400000,
            filename=self._text("/app/agents"),
            build_id=self._text("5f3a9d0c"),
            has_functions=True,
            has_filenames=True,
            has_line_numbers=True,
            has_inline_frames=True,
        )

    def labels(self, span: Span) -> list[Label]:
        """Return the labels that tell a span."""
        keys = ("trace_id", "span_id", "span_name")
        return [
            Label(key=self._text(key), str=self._text(value))
            for key, value in zip(keys, span, strict=True)
        ]

    def location(self, location: _Location) -> int:
        """Return the number of a location."""
        number = self._locations.get(location)
        if number is None:
            number = self._locations[location] = len(self._locations) + 1
            lines = [
                Line(function_id=self._function(function), line=line)
                for function, line in location.lines
            ]
            self.profile.location.add(id=number, mapping_id=1, address=location.address, line=lines)
        return number

    def _function(self, function: _Function) -> int:
        number = self._functions.get(function)
        if number is None:
            number = self._functions[function] = len(self._functions) + 1
            name = self._text(function.name)
            self.profile.function.add(
                id=number,
                name=name,
                system_name=name,
                filename=self._text(function.file),
                start_line=function.start_line,
            )
        return number

    def _text(self, value: str) -> int:
        return self.texts.setdefault(value, len(self.texts))


def _function(random: Random, number: int) -> _Function:
    package = random.choice(_PACKAGES)
    receiver, verb, noun, file = (random.choice(_WORDS) for _ in range(4))
    return _Function(
        f"{package}.(*{receiver.title()}).{verb}{noun.title()}{number % 97}",
        f"/src/{package}/{file}.go",
        random.randrange(1, 2_000),
    )


def _location(random: Random, functions: Sequence[_Function], place: int) -> _Location:
    called = [functions[place // _LINES_A_FUNCTION]]
    if random.random() < _INLINED:
        called.insert(0, random.choice(functions))
    lines = tuple((function, function.start_line + random.randrange(60)) for function in called)
    return _Location(0x401000 + place * 96 + random.randrange(96), lines)
