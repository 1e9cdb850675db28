"""What every INSERT of derived rows shares."""

from typing import Final

MEMORY_LIMIT_EXCEEDED: Final = 241
"""The engine's code for a statement that needs more memory than it may use."""


class Stopped(Exception):
    """The service was told to stop; what is done is done, the next cycle goes on."""


def insert_settings(threads: int, memory_bytes: int) -> dict[str, int]:
    """Return the engine settings of an INSERT … SELECT whose rows may be written again."""
    return {
        # On by default since 26.x: the server would answer before the rows are written.
        "async_insert": 0,
        # The same rows may be written again, and must then be.
        "insert_deduplicate": 0,
        # A Distributed table would answer before any shard has the rows.
        "distributed_foreground_insert": 1,
        "max_insert_threads": 1,
        "max_threads": threads,
        "max_memory_usage": memory_bytes,
    }


def settings_clause(settings: dict[str, int | str]) -> str:
    """Return settings as the text of a SETTINGS clause."""
    return "SETTINGS " + ", ".join(f"{name} = {value}" for name, value in settings.items())
