"""What providers and instrumentations mean by their counts of tokens, as ordered, versioned data.

The ledger has one meaning: input holds the tokens read from and written to a cache, output holds
those spent on reasoning. So do the semantic conventions, and so does what no rule matches. Raise
`PROMOTION_VERSION` with every change of the rules.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class TokenMeaning:
    """What counts hold.

    Attributes:
        cached_in_input: Tokens read from and written to a cache are among the input.
        reasoning_in_output: Tokens spent on reasoning are among the output.
    """

    cached_in_input: bool = True
    reasoning_in_output: bool = True


@dataclass(frozen=True, slots=True)
class TokenRule:
    """One rule; the first that matches a span decides.

    Attributes:
        meaning: What the span's counts hold.
        provider: Pattern of the span's `llm_system`, in lower case.
        scope: Pattern of the instrumentation scope's name.
    """

    meaning: TokenMeaning
    provider: str = "*"
    scope: str = "*"


AS_CONVENTIONS: Final = TokenMeaning()
CACHED_BESIDE: Final = TokenMeaning(cached_in_input=False)
REASONING_BESIDE: Final = TokenMeaning(reasoning_in_output=False)

TOKEN_RULES: Final = (
    TokenRule(CACHED_BESIDE, provider="*anthropic*"),
    TokenRule(CACHED_BESIDE, provider="aws*bedrock*"),
    TokenRule(REASONING_BESIDE, provider="*gemini*"),
    TokenRule(REASONING_BESIDE, provider="*vertex*"),
)


@lru_cache(maxsize=4_096)
def meaning_of(llm_system: str, scope_name: str) -> TokenMeaning:
    """Return what the counts of a span hold.

    Args:
        llm_system: The provider that the span names, or ''.
        scope_name: The name of the instrumentation scope that made the span, or ''.
    """
    provider = llm_system.lower()
    for rule in TOKEN_RULES:
        if fnmatchcase(provider, rule.provider) and fnmatchcase(scope_name, rule.scope):
            return rule.meaning
    return AS_CONVENTIONS
