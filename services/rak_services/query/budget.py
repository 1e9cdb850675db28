"""How long the statements of one question may take together."""

import time
from collections.abc import Mapping
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_services.query.endpoint import Store
from rak_services.query.problems import hit_a_limit

_LEAST_SECONDS: Final = 0.001
"""What is given when nothing is left, for the engine to say that it is too little."""


class Budget:
    """The time of one question, from now on: `[query] max_query_time_seconds`."""

    def __init__(self, store: Store) -> None:
        self._pool = store.pool
        self._seconds = store.limits.max_query_time_seconds
        self._started = time.monotonic()

    def left(self, share: float) -> float:
        """Return how many seconds are left of a share of the whole time."""
        return self._seconds * share - (time.monotonic() - self._started)

    async def ask(self, sql: str, parameters: Parameters) -> list[Row]:
        """Return the rows of a statement that may take all the time that is left.

        Raises:
            ClickHouseError: A limit of the engine was hit, or anything else is wrong.
        """
        return await self._pool.select(sql, parameters, seconds=max(self.left(1), _LEAST_SECONDS))

    async def select(
        self,
        statement: tuple[str, Parameters],
        seconds: float,
        settings: Mapping[str, str] | None = None,
    ) -> list[Row] | None:
        """Return the rows of a statement; None when a limit of the engine was hit.

        Args:
            statement: The statement and the values of its placeholders.
            seconds: How long it may take.
            settings: Settings of the engine that it needs beside the limits.

        Raises:
            ClickHouseError: Anything else is wrong.
        """
        if seconds <= 0:
            return None
        try:
            return await self._pool.select(*statement, seconds=seconds, settings=settings)
        except ClickHouseError as error:
            if hit_a_limit(error):
                return None
            raise
