from enum import IntEnum


class ExitStatus(IntEnum):
    """How `rak-writer dlq` and `rak-writer replay` end.

    Those of the writer itself are `rak_libs.runtime.lifecycle.run_service`'s.
    """

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    LEFT = 3
    INTERRUPTED = 130
