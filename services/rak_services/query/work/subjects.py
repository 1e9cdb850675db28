"""What rows are about: which summary, and which of its keys tell rows apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rak_libs.model import ledger_sums
from rak_libs.model.ledger_sums import Summary
from rak_services.query.ledger_conditions import EQUAL_COLUMNS
from rak_services.query.requests import SpanFilters

_NO_FILTERS: Final = frozenset({"start", "end", "attr"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked for.

    Attributes:
        summary: Its entries and their sums.
        by: The keys of the summary that tell rows apart.
        listed: Keys whose texts are listed in a row.
        users: The keys, one or none, of what used it, each of which has a row beside that of a
            single one.
        filters: The parameters that the summary tells apart.
        conditions: Those of parameters that mean something else than their column, by parameter;
            true of the summary and of the ledger.
    """

    summary: Summary
    by: tuple[str, ...]
    listed: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    filters: tuple[str, ...] = ("service", "agent")
    conditions: Mapping[str, str] = field(default_factory=dict)

    def is_summarised(self, filters: SpanFilters) -> bool:
        """Whether the summary tells apart what the filters do."""
        given = {name for name in filters.__struct_fields__ if getattr(filters, name) is not None}
        narrowing = given & _NARROWING - set(self.filters)
        return not narrowing and not filters.attr.pairs

    def condition(self, parameter: str) -> str:
        """Return the condition that a filter of the summary is."""
        plain = f"{EQUAL_COLUMNS[parameter]} = %({parameter})s"
        return self.conditions.get(parameter, plain)


_NARROWING: Final = frozenset(SpanFilters.__struct_fields__) - _NO_FILTERS

_MODEL_FILTERS: Final = ("service", "agent", "model")
_TOOL_FILTERS: Final = ("service", "agent", "tool")

AGENTS: Final = Subject(ledger_sums.AGENTS, ("agent_name",), ("service_name",))
AGENT_TOOLS: Final = Subject(ledger_sums.TOOLS, ("tool_name",), filters=_TOOL_FILTERS)
AGENT_MODELS: Final = Subject(ledger_sums.MODELS, ("llm_model",), filters=_MODEL_FILTERS)

MODELS: Final = Subject(
    ledger_sums.MODELS,
    ("llm_model",),
    ("llm_system", "service_name", "agent_name"),
    ("agent_name",),
    _MODEL_FILTERS,
)

TOOLS: Final = Subject(
    ledger_sums.TOOLS,
    ("tool_name",),
    ("service_name", "agent_name"),
    ("agent_name",),
    _TOOL_FILTERS,
)

DEPENDENCIES: Final = Subject(
    ledger_sums.DEPENDENCIES,
    ("caller_service", "service_name"),
    filters=("service",),
    conditions={"service": "(caller_service = %(service)s OR service_name = %(service)s)"},
)
