import os
import signal
from typing import Final

CRASH_POINTS: Final = (
    "before-intent",
    "after-intent",
    "mid-insert",
    "after-insert",
    "before-commit",
)
"""Where a batch's way can be cut: before its intent is committed, after that, with half of its
block sent, with the INSERT answered, and when only the last commit is missing."""


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
