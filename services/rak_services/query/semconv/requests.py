"""What can be asked about conventions."""

from typing import Annotated, Literal

from msgspec import Meta

from rak_services.query.requests import DEFAULT_PAGE, CursorText, Limit, Name, TimeRange

CoverageOrder = Literal["key", "-spans", "-last_seen"]


class GetCoverage(TimeRange, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/semconv/coverage`. Times count by the whole hour."""

    service: Annotated[Name, Meta(description="`service_name` of the spans.")] | None = None
    known: Annotated[
        Literal["none", "all"],
        Meta(description="`all` shows the keys that a rule knows too, with what it makes of them."),
    ] = "none"
    order: Annotated[
        CoverageOrder,
        Meta(
            description="By key, most spans first or seen last first; ties by `key`, "
            "`service_name`, `scope_name`, `scope_version`. While spans come in, rows move between "
            "the pages of the last two."
        ),
    ] = "key"
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None
