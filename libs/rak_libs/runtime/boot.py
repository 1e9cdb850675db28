import importlib.metadata
import time
import uuid
from dataclasses import dataclass
from typing import Self

_DISTRIBUTION = "rak-ingest"


@dataclass(frozen=True, slots=True)
class Boot:
    """One run of a process.

    Attributes:
        id: 32 hex digits, never the same twice.
        started_ms: When it began, unix milliseconds.
        release: The version of the program.
    """

    id: str
    started_ms: int
    release: str

    @classmethod
    def now(cls) -> Self:
        """A run that begins at this moment."""
        release = importlib.metadata.version(_DISTRIBUTION)
        return cls(uuid.uuid4().hex, time.time_ns() // 1_000_000, release)
