"""What providers and instrumentations mean by their counts of tokens, as ordered, versioned data.

The ledger has one meaning: input holds the tokens read from and written to a cache, output holds
those spent on reasoning. So say the semantic conventions since 1.40 ("this value SHOULD include
all types of input tokens, including cached tokens") and so is read what no rule matches, but the
APIs of providers do not agree, and instrumentations pass on what an API says or put it right.

What each does is from its published source: the versions that were read are named beside the rules,
and an instrumentation that puts things right goes before the provider that it calls. Raise
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
    """One rule; the first of which all patterns match a span decides.

    Attributes:
        meaning: What the span's counts hold.
        scope: Pattern of the instrumentation scope's name.
        version: Pattern of the instrumentation scope's version.
        provider: Pattern of the span's `llm_system`, in lower case.
        model: Pattern of the span's model, in lower case.
    """

    meaning: TokenMeaning
    scope: str = "*"
    version: str = "*"
    provider: str = "*"
    model: str = "*"


AS_CONVENTIONS: Final = TokenMeaning()
CACHED_BESIDE: Final = TokenMeaning(cached_in_input=False)
REASONING_BESIDE: Final = TokenMeaning(reasoning_in_output=False)

TOKEN_RULES: Final = (
    # strands-agents (read: 1.62) names itself as the provider and passes on what Bedrock's Converse
    # and Anthropic's API say; its other models' usage holds cached tokens and thoughts.
    TokenRule(CACHED_BESIDE, scope="strands.*", model="claude-*"),
    TokenRule(CACHED_BESIDE, scope="strands.*", model="*anthropic.claude-*"),
    TokenRule(CACHED_BESIDE, scope="strands.*", model="*amazon.nova-*"),
    TokenRule(AS_CONVENTIONS, scope="strands.*"),
    # google-adk before 2.3 (read: 1.20, 1.30, 1.39, 2.0 to 2.2) gives thoughts beside the output.
    *(
        TokenRule(REASONING_BESIDE, scope="gcp.vertex.agent", version=version)
        for version in ("0.*", "1.*", "2.0.*", "2.1.*", "2.2.*")
    ),
    TokenRule(AS_CONVENTIONS, scope="gcp.vertex.agent"),
    # Put right by the instrumentation, whichever the provider: pydantic-ai (0.4, 1.0, 2.68);
    # OpenTelemetry's for the SDKs of Anthropic, OpenAI and Google (1.3b0); Anthropic's SDK itself;
    # OpenLLMetry's for Anthropic (0.45, 0.62) and for LangChain (0.62: `usage_metadata` holds
    # cached tokens in langchain-anthropic, -aws and -google-genai, and thoughts in the last);
    # LiteLLM (1.110); OpenInference (anthropic 3.1, google-genai 1.4, langchain 0.1.80), except for
    # Bedrock (0.1.61).
    TokenRule(AS_CONVENTIONS, scope="pydantic-ai"),
    TokenRule(AS_CONVENTIONS, scope="opentelemetry.instrumentation.genai.*"),
    TokenRule(AS_CONVENTIONS, scope="opentelemetry.instrumentation.google_genai*"),
    TokenRule(AS_CONVENTIONS, scope="com.anthropic.sdk.*"),
    TokenRule(AS_CONVENTIONS, scope="opentelemetry.instrumentation.anthropic*"),
    TokenRule(AS_CONVENTIONS, scope="opentelemetry.instrumentation.langchain*"),
    TokenRule(AS_CONVENTIONS, scope="litellm"),
    TokenRule(CACHED_BESIDE, scope="openinference.instrumentation.bedrock*"),
    TokenRule(AS_CONVENTIONS, scope="openinference.instrumentation.*"),
    # Vercel's AI SDK passes on what the provider says before 6 and puts it right from then on, and
    # tells no version: more cached than input tokens give the first away.
    TokenRule(AS_CONVENTIONS, scope="ai"),
    # Anthropic's API counts tokens read from and written to its cache beside `input_tokens`, also
    # where it is reached through Google's cloud; passed on as they are by OpenLIT (1.45) and
    # Microsoft's agent-framework (1.23), among others.
    TokenRule(CACHED_BESIDE, provider="*anthropic*"),
    TokenRule(CACHED_BESIDE, provider="*vertex*", model="*claude*"),
    # So does Bedrock's Converse beside `inputTokens`: OpenTelemetry's botocore (0.66b2),
    # OpenLLMetry's Bedrock (0.62), OpenLIT (1.45).
    TokenRule(CACHED_BESIDE, provider="*bedrock*"),
    # Google's APIs count cached content among the prompt, and thoughts beside the candidates'
    # tokens, which raw instrumentations such as OpenLIT's (1.45) give as the output.
    TokenRule(REASONING_BESIDE, provider="*gemini*"),
    TokenRule(REASONING_BESIDE, provider="*vertex*"),
    TokenRule(REASONING_BESIDE, provider="gcp.gen_ai"),
    TokenRule(REASONING_BESIDE, provider="google*"),
    # OpenAI, Azure, DeepSeek, xAI, Groq and Mistral count cached tokens among those of the prompt,
    # and reasoning among those of the completion: as the conventions.
)


_LONGEST_NAME: Final = 500
"""What is longer is cut: spans can tell megabytes, and what was found is remembered."""


def meaning_of(llm_system: str, scope_name: str, scope_version: str, model: str) -> TokenMeaning:
    """Return what the counts of a span hold.

    Args:
        llm_system: The provider that the span names, or ''.
        scope_name: The name of the instrumentation scope that made the span, or ''.
        scope_version: That scope's version, or ''.
        model: The model that was asked or answered, or ''.
    """
    return _meaning(
        llm_system[:_LONGEST_NAME],
        scope_name[:_LONGEST_NAME],
        scope_version[:_LONGEST_NAME],
        model[:_LONGEST_NAME],
    )


@lru_cache(maxsize=8_192)
def _meaning(llm_system: str, scope_name: str, scope_version: str, model: str) -> TokenMeaning:
    provider, name = llm_system.lower(), model.lower()
    for rule in TOKEN_RULES:
        if (
            fnmatchcase(scope_name, rule.scope)
            and fnmatchcase(scope_version, rule.version)
            and fnmatchcase(provider, rule.provider)
            and fnmatchcase(name, rule.model)
        ):
            return rule.meaning
    return AS_CONVENTIONS
