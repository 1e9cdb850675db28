"""What counts of tokens mean, told by the instrumentation first and by the provider then."""

import pytest

from rak_libs.model.token_rules import (
    AS_CONVENTIONS,
    CACHED_BESIDE,
    REASONING_BESIDE,
    TokenMeaning,
    meaning_of,
)


@pytest.mark.parametrize(
    ("provider", "model", "meaning"),
    [
        ("openai", "gpt-4o", AS_CONVENTIONS),
        ("azure.ai.openai", "gpt-4o", AS_CONVENTIONS),
        ("deepseek", "deepseek-chat", AS_CONVENTIONS),
        ("x_ai", "grok-4", AS_CONVENTIONS),
        ("groq", "llama-3.3-70b-versatile", AS_CONVENTIONS),
        ("", "claude-sonnet-4-5", AS_CONVENTIONS),
        ("anthropic", "claude-sonnet-4-5", CACHED_BESIDE),
        ("Anthropic", "", CACHED_BESIDE),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", CACHED_BESIDE),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", CACHED_BESIDE),
        ("gcp.gemini", "gemini-2.5-pro", REASONING_BESIDE),
        ("gcp.vertex_ai", "gemini-2.5-pro", REASONING_BESIDE),
        ("google", "gemini-2.5-pro", REASONING_BESIDE),
    ],
)
def test_counts_of_an_unknown_instrumentation_mean_what_the_provider_says(
    provider: str, model: str, meaning: TokenMeaning
) -> None:
    assert meaning_of(provider, "my.agents", "1.0", model) == meaning


@pytest.mark.parametrize(
    "scope",
    [
        "pydantic-ai",
        "com.anthropic.sdk.python",
        "opentelemetry.instrumentation.genai.anthropic",
        "opentelemetry.instrumentation.anthropic",
        "opentelemetry.instrumentation.langchain",
        "openinference.instrumentation.anthropic",
        "litellm",
    ],
)
def test_instrumentations_that_add_cached_tokens_up_are_as_the_conventions(scope: str) -> None:
    assert meaning_of("anthropic", scope, "1.0", "claude-sonnet-4-5") == AS_CONVENTIONS


@pytest.mark.parametrize(
    ("scope", "provider"),
    [
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "aws.bedrock"),
        ("opentelemetry.instrumentation.bedrock", "aws.bedrock"),
        ("openinference.instrumentation.bedrock", "aws"),
        ("agent_framework", "anthropic"),
        ("openlit.otel.tracing", "anthropic"),
    ],
)
def test_instrumentations_that_pass_on_what_the_provider_says(scope: str, provider: str) -> None:
    assert meaning_of(provider, scope, "1.0", "anthropic.claude-sonnet-4-5") == CACHED_BESIDE


@pytest.mark.parametrize(
    ("model", "meaning"),
    [
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", CACHED_BESIDE),
        ("us.amazon.nova-pro-v1:0", CACHED_BESIDE),
        ("claude-sonnet-4-5", CACHED_BESIDE),
        ("gpt-4o", AS_CONVENTIONS),
        ("gemini-2.5-pro", AS_CONVENTIONS),
    ],
)
def test_strands_names_itself_as_provider_and_is_told_by_the_model(
    model: str, meaning: TokenMeaning
) -> None:
    assert meaning_of("strands-agents", "strands.telemetry.tracer", "", model) == meaning


@pytest.mark.parametrize(
    ("version", "meaning"),
    [
        ("1.20.0", REASONING_BESIDE),
        ("1.39.1", REASONING_BESIDE),
        ("2.2.0", REASONING_BESIDE),
        ("2.3.0", AS_CONVENTIONS),
        ("2.13.0", AS_CONVENTIONS),
        ("10.0.0", AS_CONVENTIONS),
    ],
)
def test_google_adk_put_its_thoughts_into_the_output_with_version_2_3(
    version: str, meaning: TokenMeaning
) -> None:
    said = meaning_of("gcp.vertex.agent", "gcp.vertex.agent", version, "gemini-2.5-pro")
    assert said == meaning


def test_names_of_any_length_are_told_apart() -> None:
    long = "x" * 10_000_000
    assert meaning_of(f"anthropic{long}", long, long, long) == CACHED_BESIDE
