"""Whether the engine's `timeSeries…ToGrid` functions do what the plain statements do."""

from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError, TransientClickHouseError
from rak_libs.clickhouse.select import ReadPool
from rak_libs.runtime.logs import get_logger

GRID_SETTINGS: Final = {"allow_experimental_time_series_aggregate_functions": "1"}
"""What the engine wants to be told before it knows these functions; its newer name is not known to
engines of 2025."""

log = get_logger(__name__)

# Unknown function, unknown aggregate function, support is disabled.
_UNKNOWN: Final = frozenset({46, 63, 344})

_GRID: Final = "timeSeries{function}ToGrid({first}, {last}, 60, 120)(at, number)"
_TIME: Final = "toDateTime64('2026-05-01 00:0{minute}:59.999999999', 9, 'UTC')"
_FUNCTIONS: Final = ("Sum", "Count", "Min", "Max", "Last")

_POINTS: Final = (
    ("2026-05-01 00:00:00.000000000", "1"),
    ("2026-05-01 00:00:59.999999999", "-2"),
    ("2026-05-01 00:01:00.000000000", "4"),
    ("2026-05-01 00:01:00.000000000", "4"),
    ("2026-05-01 00:01:30.000000000", "nan"),
    ("2026-05-01 00:01:30.000000001", "8"),
    ("2026-05-01 00:04:00.000000000", "16"),
)
"""Points at both ends of windows, one twice, one that is no number, and a gap."""

_EXPECTED: Final = (
    ("-1", "nan", "nan", "NULL", "16"),
    ("2", "5", "3", "NULL", "1"),
    ("-2", "-2", "4", "NULL", "16"),
    ("1", "8", "8", "NULL", "16"),
    ("-2", "8", "8", "NULL", "16"),
)


def probe_sql() -> str:
    """Return the statement: the engine's version, and what each function makes of the points."""
    points = ", ".join(
        f"(toDateTime64('{at}', 9, 'UTC'), toFloat64({number}))" for at, number in _POINTS
    )
    first, last = _TIME.format(minute=0), _TIME.format(minute=4)
    grids = ",\n    ".join(
        "arrayMap(x -> ifNull(toString(x), 'NULL'), "
        + _GRID.format(function=function, first=first, last=last)
        + ")"
        for function in _FUNCTIONS
    )
    return f"""\
SELECT version(),
    {grids}
FROM (SELECT pair.1 AS at, pair.2 AS number FROM (SELECT arrayJoin([{points}]) AS pair))
"""  # noqa: S608 - built from constants


class GridProbe:
    """Asks the engine once, before the first use, whether its functions give what is expected."""

    def __init__(self) -> None:
        self._usable: bool | None = None

    async def usable(self, pool: ReadPool) -> bool:
        """Tell whether grids may be used. An engine that cannot be asked is asked again later."""
        if self._usable is None:
            try:
                ((version, *grids),) = await pool.select(probe_sql(), settings=GRID_SETTINGS)
            except ClickHouseError as error:
                if error.code in _UNKNOWN or not isinstance(error, TransientClickHouseError):
                    self.give_up(error)
                return False
            self._usable = tuple(map(tuple, grids)) == _EXPECTED
            log.info("query.grids_probed", engine=version, usable=self._usable)
        return self._usable

    def give_up(self, error: ClickHouseError) -> None:
        """Use plain statements from now on: the engine refused."""
        self._usable = False
        log.warning(
            "query.grids_refused", code=error.code, reason=error.message.partition("\n")[0][:300]
        )
