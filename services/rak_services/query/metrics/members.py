"""Whose points are read, and to which group they belong, as SQL."""

from dataclasses import dataclass

from rak_libs.clickhouse.parameters import Parameter
from rak_services.query.metrics.groups import Kind, series_sql
from rak_services.query.metrics.plan import Plan


@dataclass(frozen=True, slots=True)
class Members:
    """The series of one kind of a question.

    Attributes:
        plan: The question.
        kind: Of which kind the series are.
        alone: Whether the metric has no series of another kind.
    """

    plan: Plan
    kind: Kind
    alone: bool

    @property
    def condition(self) -> str:
        """The condition that a row is of one of the series."""
        if self._are_all:
            return "true"
        series = series_sql(self.plan, self.kind)[0]
        return f"fingerprint IN (SELECT fingerprint FROM ({series}))"  # noqa: S608 - constants

    @property
    def group_number(self) -> str:
        """The expression of a row's group in what `joined` returns."""
        return "toUInt64(0)" if self._are_one_group else "group_number"

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The values of the placeholders of `condition` and `joined`."""
        if self._are_all and self._are_one_group:
            return {}
        return series_sql(self.plan, self.kind)[1]

    def joined(self, points: str) -> str:
        """Return what is read so that each row of a subquery is of a group.

        A single group needs no look at the series, which would cost more than the points.
        """
        if self._are_one_group:
            return f"(\n{points}\n)"
        series = series_sql(self.plan, self.kind)[0]
        return f"""\
(
{points}
) AS points
INNER JOIN (
    {series}
) AS series USING (fingerprint)"""

    @property
    def _are_all(self) -> bool:
        return self.alone and self.plan.selector.is_whole_metric

    @property
    def _are_one_group(self) -> bool:
        return not self.plan.by
