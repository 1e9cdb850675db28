"""Who spells attributes how: generations of semantic conventions, and instrumentations."""

from enum import StrEnum


class Generation(StrEnum):
    """Where a spelling of an attribute comes from."""

    RAK = "rak"
    """RAK's agents, and the original design of this project."""
    OPENTELEMETRY = "opentelemetry"
    """The general conventions of OpenTelemetry."""
    UP_TO_1_36 = "gen_ai up to 1.36"
    """The conventions for generative AI, as of the semantic conventions 1.36 and before."""
    FROM_1_37 = "gen_ai 1.37 to 1.41"
    """The same, until they left for a repository of their own."""
    AFTER_1_41 = "gen_ai after 1.41"
    """The same, since."""
    OPENINFERENCE = "openinference"
    OPENLLMETRY = "openllmetry"
    VERCEL = "vercel"
    """The AI SDK of Vercel."""
    GOOGLE_ADK = "google adk"
    PYDANTIC_AI = "pydantic ai"
    OTHER = "other"
    """Seen in the wild: Sentry, Strands, vLLM, Langfuse and others."""
