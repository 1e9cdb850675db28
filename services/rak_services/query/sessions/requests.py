"""What can be asked about sessions and users: one struct for each endpoint."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from rak_services.query.parameter_types import Duration, TimePoint
from rak_services.query.requests import DEFAULT_PAGE, CursorText, EntryFilters, Limit, Name

SessionOrder = Literal[
    "-last_seen",
    "first_seen",
    "-duration",
    "-traces",
    "-errors",
    "-llm_calls",
    "-tool_calls",
    "-tokens",
    "-cost",
    "session_id",
]
UserOrder = Literal[
    "-last_seen",
    "first_seen",
    "-sessions",
    "-traces",
    "-errors",
    "-llm_calls",
    "-tool_calls",
    "-tokens",
    "-cost",
    "user_id",
]

TraceStart = Annotated[
    TimePoint,
    Meta(
        description="Traces that began at this time or later. Default: one hour before `end`.",
        examples=["now-1d"],
    ),
]
TraceEnd = Annotated[
    TimePoint,
    Meta(
        description="Traces that began before this time. Default: now, on every page that of the "
        "first.",
        examples=["now"],
    ),
]
SeriesStep = Annotated[
    Duration,
    Meta(
        description="Each item also tells its work over time, in `series`: by windows of this "
        "length that begin at multiples of it since 1970. Whole milliseconds.",
        examples=["1h"],
    ),
]


class ActivityFilters(EntryFilters, frozen=True, kw_only=True):
    """Which sessions or users are meant, and in which time their traces began."""

    start: TraceStart | None = None
    end: TraceEnd | None = None
    step: SeriesStep | None = None
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class ListSessions(ActivityFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/sessions`."""

    order: Annotated[
        SessionOrder,
        Meta(description="`-`: what is largest or latest comes first. Ties by `session_id`."),
    ] = "-last_seen"


class ListUsers(ActivityFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/users`."""

    order: Annotated[
        UserOrder,
        Meta(description="`-`: what is largest or latest comes first. Ties by `user_id`."),
    ] = "-last_seen"


class GetSession(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/sessions/{session_id}`."""

    session_id: Annotated[Name, Meta(description="`session_id`, with slashes as they are.")]
    max_content: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="How many letters of a text, or of the JSON of arguments and results, are "
            "shown; `cut` says where there were more.",
            examples=[2000],
        ),
    ] = 20_000
    limit: Limit = DEFAULT_PAGE
    cursor: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="`next_cursor` of the list of traces, or of the transcript: the answer "
                "holds the next page of that list alone, and the other is null.",
            ),
        ]
        | None
    ) = None
