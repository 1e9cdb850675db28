"""Faults for tests, off unless named on the command line with `--fault`.

drop-after-commit=K   the K-th INSERT is applied, then the connection is closed unanswered
delay-insert=SECONDS  every INSERT waits this long before it is applied
error-insert=K:CODE   the K-th INSERT is not applied and answered with error CODE
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rak_services.local.engine.errors import Disconnected, EngineError


@dataclass
class Faults:
    """The faults of one process; INSERTs whose data came in blocks are counted from 1."""

    drop_after_commit: int = 0
    delay_seconds: float = 0.0
    error_at: int = 0
    error_code: int = 0
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def before_commit(self) -> int:
        """Counts an INSERT that is about to be applied and returns its number.

        Raises:
            EngineError: this is the one to fail.
        """
        with self._lock:
            self._count += 1
            number = self._count
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        if number == self.error_at:
            raise EngineError(self.error_code, f"Fault asked for at INSERT {number}")
        return number

    def after_commit(self, number: int) -> None:
        """Called when INSERT `number` is applied and not yet answered.

        Raises:
            Disconnected: this is the one whose answer gets lost.
        """
        if number == self.drop_after_commit:
            raise Disconnected(f"fault asked for at INSERT {number}")


def parse_faults(texts: Sequence[str]) -> Faults:
    """Reads the values of `--fault`.

    Raises:
        ValueError: an unknown fault or a malformed value, saying what was expected.
    """
    faults = Faults()
    for text in texts:
        name, _, value = text.partition("=")
        try:
            _set(faults, name, value)
        except (KeyError, ValueError):
            raise ValueError(
                f"--fault {text!r}: expected drop-after-commit=K, delay-insert=SECONDS "
                "or error-insert=K:CODE"
            ) from None
    return faults


def _set(faults: Faults, name: str, value: str) -> None:
    if name == "drop-after-commit":
        faults.drop_after_commit = int(value)
    elif name == "delay-insert":
        faults.delay_seconds = float(value)
    elif name == "error-insert":
        number, _, code = value.partition(":")
        faults.error_at, faults.error_code = int(number), int(code)
    else:
        raise KeyError(name)
