"""`go tool pprof`: what answers about profiles are compared with.

Its numbers are read in the unit of the profile, so that none is rounded, and of every function, so
that none is cut.
"""

import functools
import gzip
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROW = re.compile(r"^ *(\S+) +\S+% +\S+% +(\S+) +\S+%  (.*)$")
_NUMBER = re.compile(r"^(-?\d+)(\D*)$")
_INLINED = re.compile(r" \((?:partial-)?inline\)$")
_TOTAL = re.compile(r"^Showing nodes accounting for .* of (\S+) total$", re.MULTILINE)
_SAMPLE = re.compile(r"^ *((?:-?\d+ +)*-?\d+):(?: |$)")

Source = Path | str
"""A file, or a URL that answers with one."""


@dataclass(frozen=True)
class Tops:
    """What `-top` says of one sample type.

    Attributes:
        total: Of all samples, also of those that a filter leaves out.
        functions: What each has by itself (flat) and with all that it called (cumulative).
    """

    total: int
    functions: Mapping[str, tuple[int, int]]


@functools.cache
def _command() -> str:
    if shutil.which("go") is None:
        if os.environ.get("CI"):
            pytest.fail("go is not on PATH, and CI needs it")
        pytest.skip("go is not on PATH: there is no `go tool pprof` to compare with")
    answer = subprocess.run(
        ["go", "tool", "-n", "pprof"], check=True, capture_output=True, text=True, timeout=280
    )
    return answer.stdout.strip()


def pprof(*arguments: str) -> str:
    """Run `go tool pprof` and return what it prints; skips the test without Go, fails it in CI."""
    # It keeps what it downloads.
    with tempfile.TemporaryDirectory() as folder:
        answer = subprocess.run(
            [_command(), "-symbolize=none", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PPROF_TMPDIR": folder},
        )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def tops(sources: Sequence[Source], sample_type: str, *options: str) -> Tops:
    """Return what every function has in the merge of some profiles.

    Args:
        sources: The profiles; several of one are that many.
        sample_type: Its type and unit, as `cpu/nanoseconds`.
        options: Further ones, such as `-focus=parse`.
    """
    name, _, unit = sample_type.partition("/")
    # Without this it leaves out what is small, and its edges bridge the gaps.
    everything = ("-trim=false", "-nodecount=0", "-nodefraction=0", "-edgefraction=0")
    shown = pprof(
        "-top", *everything, f"-sample_index={name}", f"-unit={unit}", *options, *map(str, sources)
    )
    total = _TOTAL.search(shown)
    assert total, shown
    functions = {}
    for line in shown[shown.index("flat%") :].splitlines()[1:]:
        row = _ROW.match(line)
        assert row, line
        function = _INLINED.sub("", row[3])
        assert function not in functions, f"{function} twice in\n{shown}"
        functions[function] = _number(row[1]), _number(row[2])
    return Tops(_number(total[1]), functions)


def totals(source: Source) -> dict[str, int]:
    """Return the sum of each value over all samples that `-raw` prints, by `type/unit`."""
    lines = pprof("-raw", str(source)).splitlines()
    first = lines.index("Samples:") + 1
    names = [name.removesuffix("[dflt]") for name in lines[first].split()]
    samples = lines[first + 1 : lines.index("Locations")]
    values = [
        [int(value) for value in found[1].split()] for found in map(_SAMPLE.match, samples) if found
    ]
    return {name: sum(sample[index] for sample in values) for index, name in enumerate(names)}


def sample_types(source: Source) -> list[str]:
    """Return the sample types of a profile, in order, as `type/unit`."""
    return list(totals(source))


def unpacked(path: Path) -> bytes:
    """Return a profile of a file that may be gzipped, not compressed."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _number(text: str) -> int:
    found = _NUMBER.match(text)
    assert found, f"rounded: {text}"
    return int(found[1])
