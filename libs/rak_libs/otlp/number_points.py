"""Points of gauges and sums, from their bytes to columns."""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from rak_libs.model.metrics import NO_RECORDED_VALUE, STALE_NAN_BITS, ValueType
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.bare_metrics import BareMetricsRequest, BareNumbersRequest
from rak_libs.otlp.metric_series import MetricIdentity
from rak_libs.otlp.point_columns import PointColumns, in_rows

NONE: Final = int(ValueType.NONE)
DOUBLE: Final = int(ValueType.DOUBLE)
INT: Final = int(ValueType.INT)
STALE_NAN: Final[float] = struct.unpack("<d", STALE_NAN_BITS.to_bytes(8, "little"))[0]
"""The value of a point without one."""

_EXACT: Final = 2**53
"""Every integer up to here is a double."""

_START, _TIME, _AS_DOUBLE, _AS_INT = 0x11, 0x19, 0x21, 0x31
_STARTED_BYTES, _UNSTARTED_BYTES = 27, 18

_Unpack = Callable[[bytes], tuple[Any, ...]]
_STARTED: Final[dict[int, _Unpack]] = {
    _AS_DOUBLE: struct.Struct("<xQxQxd").unpack_from,
    _AS_INT: struct.Struct("<xQxQxq").unpack_from,
}
_UNSTARTED: Final[dict[tuple[int, int], _Unpack]] = {
    (_TIME, _AS_DOUBLE): struct.Struct("<xQxd").unpack_from,
    (_TIME, _AS_INT): struct.Struct("<xQxq").unpack_from,
}
"""How the fixed-width fields at a point's start are read, by their tags."""


class NumberColumns(PointColumns):
    """Points of gauges and sums of one message.

    Attributes:
        values: Doubles; `STALE_NAN` where there is no number.
        types: Numbers of `ValueType`.
        remainders: Those that are not zero, by row: an integer minus the integer that its double
            is.
    """

    __slots__ = ("_odd", "remainders", "types", "values")

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []
        self.types: list[int] = []
        self.remainders: dict[int, int] = {}
        self._odd: list[tuple[int, MetricIdentity, bytes]] = []

    def add(self, identity: MetricIdentity, metric: Any, points: Sequence[bytes]) -> None:
        """Append the points of a metric, each the bytes of a `NumberDataPoint`.

        Nearly every encoder writes start, time and value at fixed places and then the attributes:
        such a point takes 0.7 us. Any other gets its row, and is read by `read_odd`.

        Raises:
            google.protobuf.message.DecodeError: The bytes are none.
        """
        self.begin_metric(identity, metric)
        known = identity.known.get
        add_start, add_time = self.starts.append, self.times.append
        add_fingerprint, add_attributes = self.fingerprints.append, self.attributes.append
        add_value, add_type = self.values.append, self.types.append
        for point in points:
            try:
                if point[0] == _START and point[9] == _TIME:
                    start, time, number = _STARTED[point[18]](point)
                    rest = point[_STARTED_BYTES:]
                else:
                    time, number = _UNSTARTED[point[0], point[9]](point)
                    start, rest = 0, point[_UNSTARTED_BYTES:]
            except (IndexError, KeyError, struct.error):
                self._add_odd(identity, point)
                continue
            fingerprint = known(rest)
            if fingerprint is None:
                fingerprint = identity.learn_rest(rest)
                if fingerprint is None:
                    self._add_odd(identity, point)
                    continue
            add_start(start)
            add_time(time)
            add_fingerprint(fingerprint)
            add_attributes(rest)
            if type(number) is float:
                add_value(number)
                add_type(DOUBLE)
            else:
                if not -_EXACT <= number <= _EXACT:
                    self.remainders[len(self.values)] = remainder_of(number)
                add_value(float(number))
                add_type(INT)

    def _add_odd(self, identity: MetricIdentity, point: bytes) -> None:
        self._odd.append((len(self.times), identity, point))
        self.starts.append(0)
        self.times.append(0)
        self.fingerprints.append(0)
        self.attributes.append(b"")
        self.values.append(STALE_NAN)
        self.types.append(NONE)

    def read_odd(self) -> None:
        """Fill the rows of points that had to wait for it.

        Raises:
            google.protobuf.message.DecodeError: The bytes of one are none of a point.
        """
        if not self._odd:
            return
        bare = BareMetricsRequest()
        metric = bare.resource_metrics.add().scope_metrics.add().metrics.add()
        metric.gauge.data_points.extend(point for _, _, point in self._odd)
        request = BareNumbersRequest.FromString(bare.SerializeToString())
        points = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
        for (row, identity, _), point in zip(self._odd, points, strict=True):
            self._fill(row, identity, point)
        self._odd.clear()

    def _fill(self, row: int, identity: MetricIdentity, point: Any) -> None:
        attributes = tuple(point.attributes)
        self.starts[row] = point.start_time_unix_nano
        self.times[row] = point.time_unix_nano
        self.fingerprints[row] = identity.fingerprint(attributes)
        self.attributes[row] = attributes
        if point.exemplars:
            self.with_exemplars.append((row, point))
        if flags := point.flags:
            self.flags[row] = flags
        if not flags & NO_RECORDED_VALUE:
            self.values[row], remainder, self.types[row] = number_of(point)
            if remainder:
                self.remainders[row] = remainder

    def pass_checks(self, window: TimeWindow) -> bool:
        """Tell whether the window holds every time: numbers may be anything."""
        return (
            window.oldest_ns <= min(self.times, default=window.oldest_ns)
            and max(self.times, default=window.newest_ns) <= window.newest_ns
        )

    def append_own(self, columns: dict[str, Any]) -> None:
        """Append the columns that only `metric_samples` has."""
        columns["value"] += self.values
        columns["value_remainder"] += in_rows(self.remainders, len(self))
        columns["value_type"] += self.types


def number_of(holder: Any) -> tuple[float, int, int]:
    """Return the number of a `NumberDataPoint` or an `Exemplar`: (double, remainder, type)."""
    kind = holder.WhichOneof("value")
    if kind == "as_double":
        return holder.as_double, 0, DOUBLE
    if kind == "as_int":
        number = holder.as_int
        return float(number), remainder_of(number), INT
    return STALE_NAN, 0, NONE


def remainder_of(number: int) -> int:
    """Return a 64-bit integer minus the integer that its double is."""
    return number - int(float(number))
