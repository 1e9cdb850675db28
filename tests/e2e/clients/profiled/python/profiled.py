"""Writes profiles of CPU and of wall time into a folder; see ../../README.md."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "packages"))

from zprofile.cpu_profiler import CPUProfiler
from zprofile.wall_profiler import WallProfiler

SECONDS = 0.4


def burn_until(stop: threading.Event) -> None:
    """Spend CPU in a loop and in a recursion."""
    while not stop.is_set():
        total(5_000)
        fibonacci(15)


def total(times: int) -> int:
    """Spend CPU in a generator."""
    return sum(number * number % 7 for number in range(times))


def fibonacci(number: int) -> int:
    """Spend CPU in calls."""
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


def write(path: Path, profile: Callable[[float], bytes]) -> None:
    """Write a profile of the main thread, which burns meanwhile."""
    stop = threading.Event()

    def take() -> None:
        path.write_bytes(profile(SECONDS))
        stop.set()

    taking = threading.Thread(target=take)
    taking.start()
    burn_until(stop)
    taking.join()


def main() -> None:
    """Write both."""
    folder = Path(sys.argv[1])
    wall = WallProfiler(period_ms=5)
    wall.register_handler()
    write(folder / "wall.pb.gz", wall.profile)
    write(folder / "cpu.pb.gz", CPUProfiler(period_ms=5).profile)


if __name__ == "__main__":
    main()
