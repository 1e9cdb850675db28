"""What can be asked about one invocation."""

from typing import Annotated

from msgspec import Meta, Struct

from rak_services.query.requests import Limit, Name

DEFAULT_ROWS = 20


class GetInvocation(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/invocations/{invocation_id}`."""

    invocation_id: Annotated[Name, Meta(description="`invocation_id`, with slashes as they are.")]
    limit: Limit = DEFAULT_ROWS
    cursor: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="`next_cursor` of the list of traces, or of the one of log records: "
                "the answer holds the next page of that list alone, and the others are null.",
            ),
        ]
        | None
    ) = None
