"""Tokens of spans: what each reports, brought to one meaning, and what each owns."""

from operator import attrgetter
from typing import Final, NamedTuple

from rak_libs.model.ledger import MAX_TOKENS
from rak_libs.model.token_rules import meaning_of
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
    meaning = meaning_of(span.llm_system, span.scope_name)
    cached = read + written
    # More than the whole cannot be a part of it, whatever a rule says.
    if cached > given or not meaning.cached_in_input:
        given += cached
    if reasoning > answered or not meaning.reasoning_in_output:
        answered += reasoning
    if given or answered:
        unsplit = 0
    return Tokens(given, answered, read, written, reasoning, unsplit)


def own_tokens(tree: Tree) -> Ownership:
    """Divide the tokens of a trace among its spans, from the leaves up."""
    spans, parents, upward = tree
    reported = [reported_tokens(span) for span in spans]
    own = reported.copy()
    total = reported.copy()
    below: dict[int, Tokens] = {}
    for place in upward:
        under = below.get(place)
        if under is not None:
            own[place] = _beyond(reported[place], under)
            total[place] = added(under, own[place])
        tokens = total[place]
        parent = parents[place]
        if parent != ROOT and tokens is not NO_TOKENS:
            beside = below.get(parent)
            below[parent] = tokens if beside is None else added(beside, tokens)
    return Ownership(reported, own, total)


def added(some: Tokens, others: Tokens) -> Tokens:
    """Add up two numbers of each kind."""
    if others is NO_TOKENS:
        return some
    return Tokens(*(one + other for one, other in zip(some, others, strict=True)))


def _beyond(reported: Tokens, under: Tokens) -> Tokens:
    """Return what a span owns that reports this and has that below it."""
    if reported is NO_TOKENS:
        return NO_TOKENS
    given, answered, read, written, reasoning, unsplit = (
        max(0, mine - theirs) for mine, theirs in zip(reported, under, strict=True)
    )
    split = under.input_tokens + under.output_tokens
    return Tokens(given, answered, read, written, reasoning, max(0, unsplit - split))
