"""What a simulated agent's process sends to the pprof port: where its CPU time and memory went."""

import gzip
import urllib.request
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlencode

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span

from rak_libs.pprof.profile_pb2 import Label, Line, Profile, ValueType

_PERIOD_NS = 10_000_000
_ANSWER_SECONDS = 10.0

Stack = tuple[str, ...]
"""Functions, the one that all others were called by first."""


class DemoProfile:
    """A profile while it is made: values by stack and span."""

    def __init__(self, *sample_types: tuple[str, str]) -> None:
        """Name what each value of a sample is and its unit."""
        self._texts = {"": 0}
        self._types = [
            ValueType(type=self._text(type_), unit=self._text(unit)) for type_, unit in sample_types
        ]
        self._samples: Counter[tuple[Stack, tuple[tuple[str, str], ...], int]] = Counter()

    def add(self, stack: Stack, values: Sequence[int], span: Span | None = None) -> None:
        """Count a stack, in a span that tells its ids."""
        labels: tuple[tuple[str, str], ...] = ()
        if span is not None and isinstance(span, ReadableSpan):
            context = span.get_span_context()
            labels = (
                ("trace_id", f"{context.trace_id:032x}"),
                ("span_id", f"{context.span_id:016x}"),
                ("span_name", span.name),
            )
        for place, value in enumerate(values):
            self._samples[stack, labels, place] += value

    def encode(self, start_ns: int, end_ns: int) -> bytes:
        """Return the profile as pprof, gzipped."""
        profile = Profile(
            sample_type=self._types,
            time_nanos=start_ns,
            duration_nanos=end_ns - start_ns,
            period_type=self._types[-1],
            period=_PERIOD_NS,
        )
        locations: dict[str, int] = {}
        for stack, labels in dict.fromkeys(sample[:2] for sample in self._samples):
            profile.sample.add(
                location_id=[
                    locations.setdefault(function, len(locations) + 1) for function in stack[::-1]
                ],
                value=[self._samples[stack, labels, n] for n in range(len(self._types))],
                label=[Label(key=self._text(key), str=self._text(text)) for key, text in labels],
            )
        for name, number in locations.items():
            profile.function.add(id=number, name=self._text(name), filename=self._text("agent.py"))
            profile.location.add(id=number, line=[Line(function_id=number, line=1)])
        profile.string_table.extend(self._texts)
        return gzip.compress(profile.SerializeToString())

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))


def cpu_profile() -> DemoProfile:
    """Return an empty profile of CPU time."""
    return DemoProfile(("samples", "count"), ("cpu", "nanoseconds"))


def heap_profile() -> DemoProfile:
    """Return an empty profile of memory."""
    return DemoProfile(
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    )


def send_profile(endpoint: str, kind: str, service: str, content: bytes) -> None:
    """Post one profile.

    Args:
        endpoint: `http://host:port` of the pprof receiver.
        kind: `profile` or `heap`.
        service: Whose it is.
        content: The pprof.

    Raises:
        OSError: The receiver cannot be reached or refused it.
    """
    url = f"{endpoint}/pprof/{kind}?{urlencode({'service_name': service})}"
    request = urllib.request.Request(url, content, method="POST")  # noqa: S310  the user's own
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310
        pass
