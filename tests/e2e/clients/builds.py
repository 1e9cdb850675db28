"""Builds the client programs, once for what their folder holds, in a cache that outlives clones.

`make clients` runs this file. The cache is `rak-ingest/clients` in the user's cache folder, or in
`XDG_CACHE_HOME`. A folder there belongs to one set of pinned dependencies: a program that changed
is built on what is there.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
NOT_SOURCES = ("Cargo.lock", "__pycache__", "node_modules", "target")
"""What a build by hand may leave in a language's folder."""


class ToolchainMissing(Exception):
    """A language cannot be built here; the message names the command that is missing."""


@dataclass(frozen=True)
class Language:
    """How one language's programs are built.

    Attributes:
        tool: The command that must be on PATH; None for what the test environment already has.
        pins: Files of the folder that say which dependencies there are.
        build: Builds what the first folder holds into the second one.
        commands: The command of each program, given the second folder.
    """

    tool: str | None
    pins: tuple[str, ...]
    build: Callable[[Path, Path], None]
    commands: Callable[[Path], dict[str, list[str]]]


def _build_go(source: Path, folder: Path) -> None:
    environ = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    # Run for a second each time: leaving out optimisation saves a quarter of a cold build.
    flags = ["-trimpath", "-gcflags=all=-N -l", "-ldflags=-s -w"]
    for program, package in (("client", "."), ("signals", "./signals"), ("agent", "./agent")):
        output = str(folder / program)
        _run("go", "build", *flags, "-o", output, package, cwd=source, env=environ)


def _build_rust(source: Path, folder: Path) -> None:
    # Only cargo knows the registry's name, so the name is taken from a lock file that it makes.
    _run("cargo", "generate-lockfile", "--quiet", cwd=source)
    lock = source / "Cargo.lock"
    registry = next(line for line in lock.read_text().splitlines() if line.startswith("source = "))
    versions = (source / "versions.lock").read_text()
    lock.write_text(versions.replace("\nchecksum = ", f"\n{registry}\nchecksum = "))
    target = str(folder / "target")
    _run("cargo", "build", "--quiet", "--locked", "--target-dir", target, cwd=source)


def _build_javascript(source: Path, _folder: Path) -> None:
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=source)


def _build_profiled_go(source: Path, folder: Path) -> None:
    # Optimised, unlike the other programs: its profiles are to have inlined frames.
    environ = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    output = str(folder / "profiled")
    _run("go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, ".", cwd=source, env=environ)
    # What profiles are compared with: the first call builds it.
    _run("go", "tool", "-n", "pprof", cwd=source, env=environ, stdout=subprocess.DEVNULL)


def _build_profiled_python(source: Path, folder: Path) -> None:
    if sys.version_info >= (3, 13) or sys.platform != "linux":
        raise ToolchainMissing("zprofile has wheels for Linux and Python 3.12 at most")
    uv = str(Path(sys.executable).with_name("uv"))
    options = ["--quiet", "--python", sys.executable, "--require-hashes", "--only-binary", ":all:"]
    target = str(folder / "packages")
    requirements = str(source / "requirements.lock")
    _run(uv, "pip", "install", *options, "--target", target, "-r", requirements, cwd=source)


def _build_nothing(_source: Path, _folder: Path) -> None:
    """Python's SDK is a dependency of the test environment."""


LANGUAGES = {
    "go": Language(
        "go",
        ("go.mod", "go.sum"),
        _build_go,
        lambda folder: {name: [str(folder / name)] for name in ("client", "signals", "agent")},
    ),
    "rust": Language(
        "cargo",
        ("Cargo.toml", "versions.lock"),
        _build_rust,
        lambda folder: {
            name: [str(folder / "target" / "debug" / name)] for name in ("client", "rak_agent")
        },
    ),
    "javascript": Language(
        "npm",
        ("package.json", "package-lock.json"),
        _build_javascript,
        lambda folder: {
            name: ["node", str(folder / "source" / f"{name}.mjs")] for name in ("client", "signals")
        },
    ),
    "python": Language(
        None,
        (),
        _build_nothing,
        lambda folder: {
            name: [sys.executable, str(folder / "source" / f"{name}.py")]
            for name in ("client", "signals")
        },
    ),
    "profiled/go": Language(
        "go",
        ("go.mod",),
        _build_profiled_go,
        lambda folder: {"profiled": [str(folder / "profiled")]},
    ),
    "profiled/rust": Language(
        "cargo",
        ("Cargo.toml", "versions.lock"),
        _build_rust,
        lambda folder: {"profiled": [str(folder / "target" / "debug" / "profiled")]},
    ),
    "profiled/javascript": Language(
        "npm",
        ("package.json", "package-lock.json"),
        _build_javascript,
        lambda folder: {"profiled": ["node", str(folder / "source" / "profiled.mjs")]},
    ),
    "profiled/python": Language(
        None,
        ("requirements.lock",),
        _build_profiled_python,
        lambda folder: {"profiled": [sys.executable, str(folder / "source" / "profiled.py")]},
    ),
}


def programs(name: str) -> dict[str, list[str]]:
    """Return the command of each program of a language, built if it is not yet.

    Raises:
        ToolchainMissing: The language's toolchain is not on PATH.
        subprocess.CalledProcessError: The build failed; it has said why on stderr.
    """
    language = LANGUAGES[name]
    if language.tool and not shutil.which(language.tool):
        raise ToolchainMissing(f"{language.tool} is not on PATH")
    source = SOURCES / name
    cached = name.replace("/", "-")
    folder = _cache() / f"{cached}-{_digest(source / pin for pin in language.pins)[:16]}"
    wanted = _digest(_files(source))
    with _locked(folder):
        stamp = folder / "built"
        if not stamp.exists() or stamp.read_text() != wanted:
            skipped = shutil.ignore_patterns(*NOT_SOURCES)
            shutil.copytree(source, folder / "source", ignore=skipped, dirs_exist_ok=True)
            language.build(folder / "source", folder)
            stamp.write_text(wanted)
    return language.commands(folder)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "rak-ingest" / "clients"


def _files(source: Path) -> list[Path]:
    return sorted(
        path
        for path in source.rglob("*")
        if path.is_file() and not set(path.relative_to(source).parts) & set(NOT_SOURCES)
    )


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time build in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(
    *command: str, cwd: Path, env: dict[str, str] | None = None, stdout: int | None = None
) -> None:
    subprocess.run(command, cwd=cwd, env=env, check=True, stdin=subprocess.DEVNULL, stdout=stdout)


def main() -> int:
    """Build every language that can be built here; returns the exit status.

    Without a toolchain the tests of its language are skipped, but not in CI.
    """
    status = 0
    for name in LANGUAGES:
        began = time.monotonic()
        try:
            programs(name)
        except ToolchainMissing as error:
            print(f"{name}: not built, {error}")
            status = int(bool(os.environ.get("CI")))
        except subprocess.CalledProcessError as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
        else:
            print(f"{name}: ready in {time.monotonic() - began:.1f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
