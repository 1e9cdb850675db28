"""Which attributes of generative AI a rule knows."""

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from rak_libs.model.known_keys import KNOWN_KEYS, PREFIX, KnownKey, known_key
from rak_libs.model.promotion import PROMOTIONS
from rak_libs.model.semconv_generations import Generation

OF_THE_LIBRARY = [
    value
    for name, value in vars(gen_ai_attributes).items()
    if name.startswith("GEN_AI_") and isinstance(value, str)
]


@pytest.mark.parametrize("key", OF_THE_LIBRARY)
def test_every_attribute_of_the_conventions_library_is_known(key: str) -> None:
    assert known_key(key) is not None


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("gen_ai.provider.name", KnownKey(Generation.FROM_1_37, "llm_system")),
        ("gen_ai.operation.name", KnownKey(Generation.UP_TO_1_36, "operation")),
        ("gen_ai.request.temperature", KnownKey(Generation.UP_TO_1_36, "")),
        ("gen_ai.prompt.0.content", KnownKey(Generation.OPENLLMETRY, "")),
        (
            "gen_ai.usage.details.reasoning_tokens",
            KnownKey(Generation.PYDANTIC_AI, "reasoning_tokens"),
        ),
        ("gen_ai.usage.details.audio_tokens", KnownKey(Generation.PYDANTIC_AI, "")),
        ("gen_ai.usage.imaginary_tokens", None),
        ("gen_ai.", None),
    ],
)
def test_what_is_known_of_a_key(key: str, known: KnownKey | None) -> None:
    assert known_key(key) == known


def test_what_is_promoted_is_known_by_its_column() -> None:
    promoted = {key: rule.column for rule in PROMOTIONS for key in rule.keys}
    assert {
        key: known.column
        for key, known in KNOWN_KEYS.items()
        if known.column not in ("", "operation")
    } == {key: column for key, column in promoted.items() if key.startswith(PREFIX)}
