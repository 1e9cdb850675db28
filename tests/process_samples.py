"""Memory, file descriptors and threads of processes, sampled while something else goes on."""

import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import psutil

HOUR_SECONDS = 3600.0
MEBIBYTE = 1024 * 1024


@dataclass
class Series:
    """What one process held, sample by sample.

    Attributes:
        seconds: When, since the sampling began.
        rss_bytes: Resident memory.
        descriptors: Open file descriptors.
        threads: Threads.
    """

    seconds: list[float] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def slope_per_hour(self) -> float:
        """Return the memory's growth in bytes an hour: the least squares' line through it."""
        slope, _ = statistics.linear_regression(self.seconds, self.rss_bytes)
        return float(slope) * HOUR_SECONDS

    @staticmethod
    def is_flat(samples: Sequence[int]) -> bool:
        """Tell whether what is held between requests did not grow: the least of each half."""
        half = len(samples) // 2
        return min(samples[half:]) <= min(samples[:half])

    def figures(self) -> dict[str, object]:
        """Return what is worth a line of a report."""
        first, last = (rss / MEBIBYTE for rss in (self.rss_bytes[0], self.rss_bytes[-1]))
        return {
            "RSS, MiB": f"{first:.1f} to {last:.1f}",
            "slope, MiB/h": round(self.slope_per_hour() / MEBIBYTE, 2),
            "descriptors": f"{min(self.descriptors)} to {max(self.descriptors)}",
            "threads": f"{min(self.threads)} to {max(self.threads)}",
        }


class ProcessSamples:
    """Samples processes from a thread of its own for as long as the context lasts."""

    def __init__(self, pids: Mapping[str, int], every_seconds: float = 5.0) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._every = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.series = {name: Series() for name in pids}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _sample(self) -> None:
        began = time.monotonic()
        while not self._stopping.wait(self._every):
            for name, process in self._processes.items():
                series = self.series[name]
                with process.oneshot():
                    series.rss_bytes.append(process.memory_info().rss)
                    series.descriptors.append(process.num_fds())
                    series.threads.append(process.num_threads())
                series.seconds.append(time.monotonic() - began)
