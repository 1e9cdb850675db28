"""Where the blocks of an INSERT wait until the client has sent the last one.

chDB's own streaming insert is of no use here: it reports success when a partition limit, a
constraint, a full table or a materialized view has refused the rows (chdb-core 26.9.0). An INSERT
FROM INFILE reports all of these, takes the same path through the engine as a client's INSERT, and
applies nothing before the end.
"""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from rak_services.local.engine.errors import ProtocolViolation
from rak_services.local.engine.protocol import ErrorCode

_PREFIX = "insert-"


class Spool:
    """A folder of unfinished INSERTs; whatever a killed process left there is removed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for left_over in folder.glob(f"{_PREFIX}*"):
            left_over.unlink()

    def open(self) -> "SpooledBlocks":
        """A new, empty file of blocks."""
        return SpooledBlocks(self._folder)


class SpooledBlocks:
    """Native blocks in a file that goes away with the `with` block.

    The operating system writes it to disk only if it lives for longer than some seconds.
    """

    def __init__(self, folder: Path) -> None:
        descriptor, path = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        self.path = Path(path)
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def append(self, block: bytes) -> None:
        """Adds one Native block without BlockInfo.

        Raises:
            ProtocolViolation: the disk is full; nobody reads the rest of the INSERT.
        """
        view = memoryview(block)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise ProtocolViolation(
                ErrorCode.NOT_ENOUGH_SPACE, f"Cannot keep the blocks of an INSERT: {error}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)
