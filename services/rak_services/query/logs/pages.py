"""A page of records: as many as fit."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_services.query.logs.places import Key, Order, Place
from rak_services.query.logs.record_sql import Selection, page_sql, sizes_sql

PAGE_BYTES: Final = 32 * 1024 * 1024
"""A page ends early when its records are larger than this, so that no answer is too large."""

Select = Callable[[str, Parameters], Awaitable[list[Row]]]


async def read_page(
    select: Select,
    selection: Selection,
    order: Order,
    after: Place | None,
    keys: Sequence[Key],
) -> list[Row]:
    """Return the records after a place that have these keys, as rows of `page_sql`.

    Fewer when they are large, or when some have expired since their keys were read.

    Raises:
        ClickHouseError: What `select` raises.
    """
    if not keys:
        return []
    sizes = await select(*sizes_sql(selection, order, after, keys))
    fitting = _fitting([size for (size,) in sizes])
    if not fitting:
        return []
    return await select(*page_sql(selection, order, after, keys[:fitting]))


def _fitting(sizes: Sequence[int]) -> int:
    """Return how many of the first records fit a page; at least one when there is any."""
    total = 0
    for number, size in enumerate(sizes):
        total += size
        if number and total > PAGE_BYTES:
            return number
    return len(sizes)
