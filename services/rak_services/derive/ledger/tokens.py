"""Tokens of spans: what each reports, brought to one meaning, and what each owns."""

from collections.abc import Container
from operator import attrgetter
from typing import Final, NamedTuple

from rak_libs.model.ledger import MAX_TOKENS
from rak_libs.model.token_rules import meaning_of
from rak_services.derive.ledger.operations import MODEL_OPERATIONS
from rak_services.derive.ledger.rows import SpanFacts
from rak_services.derive.ledger.tree import ROOT, Tree


class Tokens(NamedTuple):
    """Numbers of tokens by kind: `rak_libs.model.ledger.TOKEN_KINDS`, in that order."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unsplit_tokens: int


_COUNTS: Final = attrgetter(
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "token_count",
)
NO_TOKENS: Final = Tokens(0, 0, 0, 0, 0, 0)


class Ownership(NamedTuple):
    """Tokens of the spans of a tree, by their places.

    Attributes:
        reported: What each span says of itself.
        own: What each span adds to what is below it.
        total: What each span and everything below it own together.
    """

    reported: list[Tokens]
    own: list[Tokens]
    total: list[Tokens]


def reported_tokens(span: SpanFacts) -> Tokens:
    """Return what a span reports, brought to the ledger's meaning."""
    counts = _COUNTS(span)
    if not any(counts):
        return NO_TOKENS
    given, answered, read, written, reasoning, unsplit = (
        count if count <= MAX_TOKENS else 0 for count in counts
    )
    model = span.llm_request_model or span.llm_model
    meaning = meaning_of(span.llm_system, span.scope_name, span.scope_version, model)
    cached = read + written
    # More than the whole cannot be a part of it, whatever a rule says.
    if cached > given or not meaning.cached_in_input:
        given += cached
    if reasoning > answered or not meaning.reasoning_in_output:
        answered += reasoning
    if given or answered:
        unsplit = 0
    reported = Tokens(given, answered, read, written, reasoning, unsplit)
    return reported if any(reported) else NO_TOKENS


def own_tokens(tree: Tree, echoes: Container[int]) -> Ownership:
    """Divide the tokens of a trace among its spans, from the leaves up.

    Args:
        tree: The trace.
        echoes: The places of spans whose tokens another span reports.
    """
    spans, parents, upward = tree
    reported = [
        NO_TOKENS if place in echoes else reported_tokens(span) for place, span in enumerate(spans)
    ]
    own = reported.copy()
    total = reported.copy()
    # Of each span that has tokens below it: all of these, and those that a call of a model above
    # does not repeat, since other operations used them.
    below: dict[int, Tokens] = {}
    elsewhere: dict[int, Tokens] = {}
    for place in upward:
        operation = spans[place].operation
        under = below.get(place)
        if under is not None:
            compared = under
            if operation in MODEL_OPERATIONS and place in elsewhere:
                compared = _less(under, elsewhere[place])
            own[place] = _beyond(reported[place], compared)
            total[place] = added(under, own[place])
        parent, tokens = parents[place], total[place]
        if parent != ROOT and tokens is not NO_TOKENS:
            _add_at(below, parent, tokens)
            if operation and operation not in MODEL_OPERATIONS:
                _add_at(elsewhere, parent, tokens)
            elif place in elsewhere:
                _add_at(elsewhere, parent, elsewhere[place])
    return Ownership(reported, own, total)


def added(some: Tokens, others: Tokens) -> Tokens:
    """Add up two numbers of each kind."""
    if others is NO_TOKENS:
        return some
    return Tokens(*(one + other for one, other in zip(some, others, strict=True)))


def _add_at(sums: dict[int, Tokens], place: int, tokens: Tokens) -> None:
    beside = sums.get(place)
    sums[place] = tokens if beside is None else added(beside, tokens)


def _less(some: Tokens, others: Tokens) -> Tokens:
    return Tokens(*(one - other for one, other in zip(some, others, strict=True)))


def _beyond(reported: Tokens, under: Tokens) -> Tokens:
    """Return what a span owns that reports this and has that below it."""
    if reported is NO_TOKENS:
        return NO_TOKENS
    given, answered, read, written, reasoning, unsplit = (
        max(0, mine - theirs) for mine, theirs in zip(reported, under, strict=True)
    )
    if under.unsplit_tokens:
        # They are among what is reported here, nobody knows as which; output costs more.
        rest = max(0, under.unsplit_tokens - answered)
        answered = max(0, answered - under.unsplit_tokens)
        given = max(0, given - rest)
    split = under.input_tokens + under.output_tokens
    owned = Tokens(given, answered, read, written, reasoning, max(0, unsplit - split))
    return owned if any(owned) else NO_TOKENS
