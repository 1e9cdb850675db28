"""What is answered about conventions."""

from typing import Annotated

from msgspec import Meta, Struct

from rak_services.query.answers import Complete, NextCursor, Time


class CoverageRow(Struct, frozen=True, kw_only=True):
    """A `gen_ai.*` attribute that spans of one instrumentation had."""

    key: str
    service_name: str
    scope_name: str
    scope_version: str
    spans: Annotated[
        int,
        Meta(
            description="Spans that had it; one that is stored twice counts twice, those of an "
            "INSERT that the engine did not survive may be missing."
        ),
    ]
    first_seen: Time
    last_seen: Time
    known: Annotated[bool, Meta(description="Whether a rule knows the key.")]
    generation: Annotated[str, Meta(description='Who spells it so; "" for an unknown key.')]
    column: Annotated[
        str, Meta(description='The column that it fills; "" for one that is left alone or unknown.')
    ]


class CoverageList(Struct, frozen=True, kw_only=True):
    """A page of attributes, and the version of the rules that they are held against."""

    promotion_version: int
    items: list[CoverageRow]
    next_cursor: NextCursor
    complete: Complete
