import os
import signal
from typing import Final

CRASH_POINTS: Final = (
    "before-insert",
    "after-insert",
    "before-note",
    "after-note",
    "ledger-before-insert",
    "ledger-after-insert",
    "ledger-before-note",
    "ledger-after-note",
)
"""Where a cycle of rollups, or one of the ledger, can be cut: before an INSERT, after one, and
before and after the note of how far it has come."""


class CrashPoints:
    """Kills this process at a chosen point, for tests of what its successor makes of it."""

    def __init__(self, point: str = "", passage: int = 1) -> None:
        """Choose `point` (none for '') at its `passage`-th time, from 1."""
        self._point = point
        self._left = passage

    @classmethod
    def parse(cls, text: str) -> "CrashPoints":
        """Read `POINT` or `POINT:PASSAGE`.

        Raises:
            ValueError: There is no such point, or no such passage.
        """
        point, _, passage = text.partition(":")
        if point not in CRASH_POINTS or not (passage or "1").isdigit():
            raise ValueError(f"expected {', '.join(CRASH_POINTS)}, with :N for the N-th time")
        return cls(point, int(passage or "1"))

    def reach(self, point: str) -> None:
        """Die when this is the chosen point and its passage."""
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
