"""Allocator and garbage-collector settings that every process starts with.

glibc reads its malloc settings once, when a process starts, so the interpreter is run again with
them. Measured on the receive path: an HTTP request of 500 kB costs 105 µs of CPU with them and
410 without, decoding a span 0.42 µs against 1.05; the collector's settings take 20 % off a writer.
"""

import gc
import os
import sys

# MALLOC_ARENA_MAX is left alone: with 1 and 4 decoding threads, 1, 2, 4 and the default differ
# neither in CPU nor in memory beyond the noise.
ALLOCATOR_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
YOUNG_OBJECTS_BEFORE_COLLECTION = 200_000


def ensure_allocator() -> None:
    """Run this same command again with the allocator settings, unless they are all present.

    Does not return when it does: the process keeps its id, arguments, open files and environment.
    A setting that the operator made stays. Elsewhere than on Linux nothing happens.
    """
    if sys.platform != "linux":
        return
    environment = ALLOCATOR_SETTINGS | os.environ
    if environment == dict(os.environ):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - no shell wanted


def tune_garbage_collector() -> None:
    """Keep what exists now out of every collection, and collect after 200,000 new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_BEFORE_COLLECTION, *gc.get_threshold()[1:])
