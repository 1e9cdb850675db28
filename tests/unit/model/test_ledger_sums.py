"""Every column of every summary has its aggregate, and keys are columns of the ledger."""

from rak_libs.model.ledger import LEDGER, SUMMARY_STATES
from rak_libs.model.ledger_sums import SUMMARIES


def test_every_summary_table_is_made_whole() -> None:
    assert tuple(summary.table for summary in SUMMARIES) == SUMMARY_STATES
    for summary in SUMMARIES:
        made = ("slot", *summary.keys, *summary.values, "seen_until")
        assert made == summary.table.column_names
        assert set(summary.keys) < set(LEDGER.column_names)
