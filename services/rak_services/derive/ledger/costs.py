"""What tokens cost."""

from typing import Final, NamedTuple

from rak_libs.model.time_window import DAY_NS
from rak_services.derive.ledger.prices import Price, PriceTable
from rak_services.derive.ledger.rows import SpanFacts
from rak_services.derive.ledger.tokens import NO_TOKENS, Tokens


class Cost(NamedTuple):
    """What tokens cost in 10^-12 US dollars, and how many of them no price covers."""

    cost: int
    unpriced_tokens: int


FREE: Final = Cost(0, 0)


def cost_of_own(span: SpanFacts, own: Tokens, prices: PriceTable) -> Cost:
    """Return the cost of the tokens that a span owns, on the day on which it began.

    The model is the one that answered or, where that has no price, the one that was asked.
    """
    if own is NO_TOKENS:
        return FREE
    day = span.timestamp // DAY_NS
    for model in (span.llm_model, span.llm_request_model):
        price = prices.find(span.llm_system, model, day) if model else None
        if price is not None:
            return cost_of(own, price)
    return cost_of(own, None)


def cost_of(tokens: Tokens, price: Price | None) -> Cost:
    """Return what tokens cost; each is paid once.

    More cached than input tokens, or more reasoning than output tokens, can be owned where a span
    repeats the one and not the other of what is below it. Those that are too many were paid below,
    as plain ones.
    """
    if price is None:
        return Cost(0, tokens.input_tokens + tokens.output_tokens + tokens.unsplit_tokens)
    read = min(tokens.cache_read_tokens, tokens.input_tokens)
    written = min(tokens.cache_write_tokens, tokens.input_tokens - read)
    reasoning = min(tokens.reasoning_tokens, tokens.output_tokens)
    unsplit_price = price.input if price.input == price.output else None
    cost = unpriced = 0
    for count, each in (
        (tokens.input_tokens - read - written, price.input),
        (read, price.cache_read),
        (written, price.cache_write),
        (tokens.output_tokens - reasoning, price.output),
        (reasoning, price.reasoning),
        (tokens.unsplit_tokens, unsplit_price),
    ):
        if each is None:
            unpriced += count
        else:
            cost += count * each
    return Cost(cost, unpriced)
