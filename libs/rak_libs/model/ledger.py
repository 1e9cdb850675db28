"""The ledger of agents' work, and the summaries made of it: every column and the rules behind them.

`rak-derive` computes both from the raw spans, a trace at a time, and replaces what it had computed
before by version (`seen_until`). Late spans, spans stored twice, new rules, new prices and rebuilds
all take the same path.

**Unique spans.** Rows of one (trace, span) are one span: the row with the least `ingested_at`; of
several such rows the least of all when compared column by column.

**Tree.** The parent of a span is the span of the same trace that `parent_span_id` names. A span
whose parent is absent is a root until the parent arrives. Of a cycle of parents, the span that
began first (then the least span id) is a root.

**Reported tokens** of a span are its token attributes brought to one meaning: `input_tokens` holds
those read from and written to a cache, `output_tokens` holds those spent on reasoning. Which
providers and instrumentations report otherwise is `rak_libs.model.token_rules`. A span that says
`token_count` and neither input nor output reports `unsplit_tokens`. A count above `MAX_TOKENS` is
no count and taken as 0.

**Echoes.** Two instrumentations may tell of one call of a model in spans side by side. Of `llm` and
`embedding` spans with one response id that lie side by side (the nearest such span above that tells
an id is one span with that id, or none has it), those that began while the first of them ran are
its echoes, and so are those with that id below an echo. Echoes report no tokens and do not count.

**Ownership.** For each kind, bottom-up: `total(s) = max(reported(s), sum of total(children))` and
`own(s) = total(s) - sum of total(children)`. So a span that repeats what is below it owns nothing,
and the sum of `own` over any set of whole traces is what was used. With two refinements:
- What an `llm` or `embedding` span reports is of that call alone. It is compared with the totals of
  its children without what other operations below them (an agent, a tool) used, and is added to
  that: some frameworks put the tool that a model asked for, or the agent that it handed over to,
  below the call.
- `unsplit_tokens` are compared with all tokens of the children: a span owns those that are more
  than all input, output and unsplit tokens of its children; and of the output, then the input, that
  a span would own, it owns only what is more than the unsplit tokens of its children.

**Cost** is that of own tokens, by the model that answered or, if that has no price, the one that
was asked, at the price of the day on which the span began. Cached tokens beyond the own input, and
reasoning tokens beyond the own output, cost nothing: they were paid below, as plain ones. Tokens
that no price covers are `unpriced_tokens`; a sum of costs beside unpriced tokens is a lower bound,
never the whole.

**What a span belongs to.** `agent_name`, `session_id`, `user_id`, `invocation_id` and
`conversation_id` are the span's own or else those of the nearest span above it that has one; the
last four, if there is none above, those of the earliest span of the trace that has one.

**Counted.** One piece of work is often told by several spans: an agent of its name inside another
of the same name, a client's and a server's span of one tool, a framework's call of a model around
its SDK's. `counted` is 1 on one of them:
- `agent`: unless the nearest operation above is an agent of the same name (its own, or what it
  belongs to).
- `llm`, `embedding`: unless it is an echo, or the nearest operation above another span of its
  operation.
- `tool`: unless the nearest operation above is a call of the same tool. A call that does not name
  its tool is one of the tool whose call is its nearest operation above.
- `retrieval`, `workflow`: always.

**Retry.** A counted call of a tool (a model) is a retry when the counted call of the same tool (the
same model asked for) before it, within the same nearest counted agent run, ended with an error
before this one began. Calls outside any run of an agent are together; those that do not say which
tool or model are no retries.
"""

from typing import Final

from rak_libs.model.spans import SpanKind, StatusCode
from rak_libs.model.table import Table, columns, enum8
from rak_libs.model.time_text import SECOND_NS

MAX_TOKENS: Final = 10**12
"""The most tokens that one span can have used; more is no count."""

SLOT_SECONDS: Final = 300
"""The length of the slots of time that summaries are kept in."""

_LAST_SLOT: Final = (2**32 - 1) // SLOT_SECONDS * SLOT_SECONDS
"""The column of slots ends in 2106: spans of later times are all in its last one."""

BUCKETS_OF_E: Final = 50
"""How finely durations are kept in summaries: how many go into the bucket `round(50 ln(ns))`, so
that a quantile read from the buckets, `exp(bucket / 50)`, is within 1 % of a duration. Buckets add
up, in any order, and read ten times as fast as sketches of the engine."""

COST_SCALE: Final = 12
"""Decimals of a cost: whole millionths of a millionth of a US dollar, so that a token at a price
with six decimals for a million tokens is exact."""

_TEXT: Final = "String"
_WORD: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(9, 'UTC')"
_SLOT: Final = "DateTime('UTC')"
_MOMENT: Final = "DateTime64(3, 'UTC')"
_COST: Final = f"Decimal(38, {COST_SCALE})"
_BUCKETS: Final = "Map(UInt16, UInt64)"

TOKEN_KINDS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "unsplit_tokens",
)
"""The kinds that are owned. Cached ones are among the input, reasoning ones among the output."""

_OWN: Final = [*((kind, "UInt64") for kind in TOKEN_KINDS)]
_VERSION: Final = [
    # Every span that the engine had taken before this moment is counted. Of rows with one key the
    # one that saw most stays; if it says deleted, there is none.
    ("seen_until", _MOMENT),
    ("is_deleted", "UInt8"),
]

LEDGER: Final = Table(
    name="ledger",
    columns=columns(
        [
            # Begin of the five minutes in which the span began; with the ids, the key.
            ("slot", _SLOT),
            ("trace_id", "FixedString(32)"),
            ("span_id", "FixedString(16)"),
            ("parent_span_id", "FixedString(16)"),
            ("timestamp", _TIME),
            ("duration_ns", "UInt64"),
            ("service_name", _WORD),
            # The service of the span's parent when it is another one, else ''.
            ("caller_service", _WORD),
            ("span_name", _WORD),
            ("span_kind", enum8(SpanKind)),
            ("status_code", enum8(StatusCode)),
            # `agent`, `llm`, `tool`, `embedding`, `retrieval`, `workflow` or ''.
            ("operation", _WORD),
            ("counted", "UInt8"),
            ("retry", "UInt8"),
            ("invocation_id", _TEXT),
            ("session_id", _TEXT),
            ("user_id", _TEXT),
            ("conversation_id", _TEXT),
            ("agent_name", _WORD),
            # The model that answered, or else the one that was asked; and the one that was asked.
            ("llm_model", _WORD),
            ("llm_request_model", _WORD),
            ("llm_system", _WORD),
            ("tool_name", _WORD),
            ("finish_reason", _WORD),
            ("time_to_first_token_ns", "UInt64"),
            ("resource_cpu_micros", "UInt64"),
            ("resource_memory_bytes", "UInt64"),
            ("resource_memory_peak", "UInt64"),
            # Owned by this span: sums of these are right.
            *_OWN,
            ("cost", _COST),
            ("unpriced_tokens", "UInt64"),
            # This span and everything below it: never to be summed up over spans.
            *((f"total_{kind}", "UInt64") for kind in TOKEN_KINDS),
            ("total_cost", _COST),
            ("total_unpriced_tokens", "UInt64"),
            # `PROMOTION_VERSION` of the rules that the entry was made by.
            ("rules_version", "UInt32"),
            *_VERSION,
        ]
    ),
)
"""One row, an *entry*, for each unique span that is an operation, has tokens, or was called by
another service. Read with FINAL."""

TRACE_TOTALS: Final = Table(
    name="trace_totals",
    columns=columns(
        [
            ("trace_id", "FixedString(32)"),
            ("session_id", _TEXT),
            ("user_id", _TEXT),
            # When the first of the spans began, and when the last one ended (at most 2262).
            ("timestamp", _TIME),
            ("end_timestamp", _TIME),
            # The trace's earliest root span, whichever session it is of.
            ("root_service", _WORD),
            ("root_name", _WORD),
            # Over the unique spans of this trace, session and user.
            ("spans", "UInt64"),
            ("errors", "UInt64"),
            ("services", f"Array({_WORD})"),
            ("agents", f"Array({_WORD})"),
            # Of calls of models, and of spans that own tokens.
            ("models", f"Array({_WORD})"),
            ("tools", f"Array({_WORD})"),
            # Counted entries, by operation; calls of models are those of `llm` and `embedding`.
            ("agent_runs", "UInt64"),
            ("llm_calls", "UInt64"),
            ("tool_calls", "UInt64"),
            *_OWN,
            ("cost", _COST),
            ("unpriced_tokens", "UInt64"),
            ("rules_version", "UInt32"),
            *_VERSION,
        ]
    ),
)
"""One row for each trace, session and user of a trace that has ledger entries, a session or a user:
what its spans sum up to. Nearly always one row a trace. Read with FINAL."""

_SUMS: Final = [
    # Entries of the ledger in this row; 0 where there are none any more, and nothing else counts.
    ("entries", "UInt64"),
    # Counted entries of the summary's operation; errors, durations and resources are theirs.
    ("calls", "UInt64"),
    ("errors", "UInt64"),
    ("retries", "UInt64"),
    ("duration_ns_sum", "UInt128"),
    ("durations", _BUCKETS),
    ("resource_cpu_micros", "UInt64"),
    ("resource_memory_bytes", "UInt64"),
    ("resource_memory_peak", "UInt64"),
]
_MONEY: Final = [*_OWN, ("cost", _COST), ("unpriced_tokens", "UInt64")]
_SEEN: Final = [("last_seen", _TIME), ("seen_until", _MOMENT)]

AGENT_STATES: Final = Table(
    name="agent_execution_summary_states",
    columns=columns(
        [("slot", _SLOT), ("service_name", _WORD), ("agent_name", _WORD), *_SUMS, *_MONEY, *_SEEN]
    ),
)
"""Entries by agent; tokens and cost are what all entries of the agent own, so that sums over agents
(of which '' is work outside any agent) are all there is."""

LLM_STATES: Final = Table(
    name="llm_call_summary_states",
    columns=columns(
        [
            ("slot", _SLOT),
            ("service_name", _WORD),
            ("agent_name", _WORD),
            ("llm_model", _WORD),
            ("llm_system", _WORD),
            *_SUMS,
            # Of the calls that tell when the first token came.
            ("first_token_calls", "UInt64"),
            ("first_token_ns_sum", "UInt128"),
            ("first_tokens", _BUCKETS),
            ("finish_reasons", f"Map({_WORD}, UInt64)"),
            *_MONEY,
            # Calls that own tokens without a price.
            ("unpriced_calls", "UInt64"),
            *_SEEN,
        ]
    ),
)
"""Entries with a model, or with tokens, or of operation `llm` or `embedding`, by agent, model and
provider; `calls` are those of `llm` and `embedding`."""

TOOL_STATES: Final = Table(
    name="tool_execution_summary_states",
    columns=columns(
        [
            ("slot", _SLOT),
            ("service_name", _WORD),
            ("agent_name", _WORD),
            ("tool_name", _WORD),
            *_SUMS,
            *_MONEY,
            *_SEEN,
        ]
    ),
)
"""Counted entries of operation `tool`, by agent and tool; tokens and cost are those of the calls
and everything below them, so a tool that calls a tool has the other's too."""

DEPENDENCY_STATES: Final = Table(
    name="service_dependency_states",
    columns=columns(
        [
            ("slot", _SLOT),
            ("caller_service", _WORD),
            ("service_name", _WORD),
            ("calls", "UInt64"),
            ("errors", "UInt64"),
            ("duration_ns_sum", "UInt128"),
            ("durations", _BUCKETS),
            *_SEEN,
        ]
    ),
)
"""Entries with a caller, by caller and callee."""

SUMMARY_STATES: Final = (AGENT_STATES, LLM_STATES, TOOL_STATES, DEPENDENCY_STATES)
"""What `rak-derive` sums the ledger up to, by `SLOT_SECONDS`. Rows whose `entries` (`calls` of a
dependency) are 0 say that there is nothing any more. Read with FINAL; views with finished columns
are `<name without _states>` and, under the name of the original design, `<the same>_mv`."""

LEDGER_PROGRESS: Final = "ledger"
"""The row of `derive_progress` that is about these tables: what the engine took of traces before
`seen_until` is in them."""


def slot_of(timestamp_ns: int) -> int:
    """Return the slot of a span that began at a time (nanoseconds since 1970), in unix seconds."""
    return min(timestamp_ns // SECOND_NS // SLOT_SECONDS * SLOT_SECONDS, _LAST_SLOT)
