from collections import deque

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 10.0
DEATHS_THAT_STOP = 5
WINDOW_SECONDS = 60.0


class RestartPolicy:
    """Decide what follows the death of one service: a delay before its restart, or the end.

    The first death within a window restarts after half a second, each further one after twice the
    delay before, up to ten seconds. Five deaths within a minute mean that restarting does not help.
    """

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()

    def after_death(self, now: float) -> float | None:
        """Record a death at `now` (monotonic seconds).

        Returns:
            Seconds to wait before the restart, or None when the fleet has to stop.
        """
        self._deaths.append(now)
        while now - self._deaths[0] > WINDOW_SECONDS:
            self._deaths.popleft()
        if len(self._deaths) >= DEATHS_THAT_STOP:
            return None
        delay = FIRST_DELAY_SECONDS * 2 ** (len(self._deaths) - 1)
        return float(min(delay, LONGEST_DELAY_SECONDS))
