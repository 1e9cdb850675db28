"""The ledger of one trace: its entries and totals, by the rules of `rak_libs.model.ledger`."""

from collections.abc import Sequence
from dataclasses import dataclass

from rak_libs.model.promotion import PROMOTION_VERSION
from rak_services.derive.ledger.entries import entries_of
from rak_services.derive.ledger.findings import findings_of
from rak_services.derive.ledger.prices import PriceTable
from rak_services.derive.ledger.rows import Entry, SpanFacts, TraceTotal
from rak_services.derive.ledger.totals import totals_of


@dataclass(frozen=True, slots=True)
class Rules:
    """What accounts are made by.

    Attributes:
        prices: What tokens cost.
        version: The version that rows say they were made by.
    """

    prices: PriceTable
    version: int = PROMOTION_VERSION


@dataclass(frozen=True, slots=True)
class Account:
    """What one trace adds to the ledger.

    Attributes:
        entries: In the order of slot and span id.
        totals: In the order of session and user.
    """

    entries: list[Entry]
    totals: list[TraceTotal]


def account_trace(spans: Sequence[SpanFacts], rules: Rules) -> Account:
    """Make the account of one trace.

    Args:
        spans: All rows of one trace, in any order; several may tell of one span.
        rules: What to make it by.
    """
    if not spans:
        return Account([], [])
    findings = findings_of(spans, rules.prices)
    entries = entries_of(findings, rules.version)
    told = bool(entries) or any(
        belonging.session_id or belonging.user_id for belonging in findings.belongings
    )
    return Account(entries, totals_of(findings, rules.version) if told else [])
