"""Profiles of real profilers: recorded ones, and what the programs write now."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from e2e.clients.builds import programs
from pprof_tool import Tops, unpacked
from rak_libs.pprof.profile_pb2 import Profile

RECORDED = Path(__file__).parent / "recorded"
EXPECTED = Path(__file__).parent / "expected.json"
LANGUAGES = ("go", "rust", "javascript", "python")


@dataclass(frozen=True)
class RealProfile:
    """A profile that a profiler wrote.

    Attributes:
        name: `<language>-<kind>`.
        content: It, not compressed.
    """

    name: str
    content: bytes

    @property
    def kind(self) -> str:
        """The last part of the path that takes it."""
        kind = self.name.rpartition("-")[2]
        return {"cpu": "profile", "wall": "profile"}.get(kind, kind)

    def of_now(self) -> "RealProfile":
        """Return it with the time of now, if it has one."""
        profile = Profile.FromString(self.content)
        if profile.time_nanos:
            profile.time_nanos = time.time_ns() - profile.duration_nanos
        return RealProfile(self.name, profile.SerializeToString())


def recorded() -> list[RealProfile]:
    """Return the recorded profiles as they are."""
    return [
        RealProfile(path.name.removesuffix(".pb.gz"), unpacked(path))
        for path in sorted(RECORDED.iterdir())
    ]


def expected() -> dict[str, dict[str, Tops]]:
    """Return what `go tool pprof` said of the recorded profiles, by name and sample type."""
    return msgspec.json.decode(EXPECTED.read_bytes(), type=dict[str, dict[str, Tops]])


def write_profiles(language: str, folder: Path) -> list[RealProfile]:
    """Let a language's program write its profiles into a folder.

    Raises:
        ToolchainMissing: The program cannot be built here.
    """
    command = programs(f"profiled/{language}")["profiled"]
    subprocess.run([*command, str(folder)], check=True, stdin=subprocess.DEVNULL, timeout=60)
    return [
        RealProfile(f"{language}-{path.name.partition('.')[0]}", unpacked(path))
        for path in sorted(folder.iterdir())
    ]
