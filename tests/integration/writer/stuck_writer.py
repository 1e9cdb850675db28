"""`rak-writer` with a consumer that gets stuck, in the way that its first argument names."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from rak_libs.kafka import consumer as consumer_module
from rak_libs.kafka.consumer import PartitionConsumer
from rak_services.writer.__main__ import main


def is_handed_nothing() -> None:
    """It keeps its place in the group, and fetches come to nothing."""

    async def nothing(_consumer: Any, _deadline: float) -> dict[Any, Any]:
        await asyncio.sleep(0.1)
        return {}

    consumer_module.fetch_bounded = nothing


def blocks_its_loop() -> None:
    """As soon as it has partitions, nothing of its loop goes on; not even a heartbeat."""
    poll = PartitionConsumer.poll

    async def blocking(self: PartitionConsumer, timeout_ms: int) -> Any:
        found = await poll(self, timeout_ms)
        if self.assignment:
            time.sleep(10_000)  # noqa: ASYNC251 - that is the fault
        return found

    PartitionConsumer.poll = blocking  # type: ignore[method-assign]


WAYS: dict[str, Callable[[], None]] = {
    "is_handed_nothing": is_handed_nothing,
    "blocks_its_loop": blocks_its_loop,
}

if __name__ == "__main__":
    WAYS[sys.argv.pop(1)]()
    main()
