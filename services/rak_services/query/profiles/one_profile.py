"""`GET /api/v1/profiles/{profile_id}`: one profile, and its bytes as they were received."""

from base64 import b64decode
from typing import Final
from urllib.parse import urlencode

from rak_services.query.endpoint import EncodedAnswer, Question, Store
from rak_services.query.problems import NotFound
from rak_services.query.profiles.answers import Profile, ProfileFunction, ProfileLinks
from rak_services.query.profiles.listing import row_fields
from rak_services.query.profiles.listing_sql import ROW_NAMES, profile_sql, raw_sql
from rak_services.query.profiles.requests import GetProfile

_PROFILES: Final = "/api/v1/profiles"


async def get_profile(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: GetProfile,
) -> Profile:
    """Answer everything about one profile but its bytes."""
    rows = await store.pool.select(*profile_sql(request.profile_id, store.page_rows(None)))
    if not rows:
        raise _not_stored(request)
    fields = row_fields(rows[0])
    stacks, raw_bytes, traces, *functions = rows[0][len(ROW_NAMES) :]
    trace_id = fields["trace_id"]
    asked = urlencode({"profile_id": request.profile_id})
    return Profile(
        **fields,
        stacks=stacks,
        raw_bytes=raw_bytes,
        sample_trace_ids=traces,
        function_list=[
            ProfileFunction(name=name, filename=file, start_line=line)
            for name, file, line in zip(*functions, strict=True)
        ],
        links=ProfileLinks(
            raw=f"{_PROFILES}/{request.profile_id}/raw",
            flamegraph=f"{_PROFILES}/flamegraph?{asked}",
            hotspots=f"{_PROFILES}/hotspots?{asked}",
            trace=f"/api/v1/traces/{trace_id}" if trace_id else None,
        ),
    )


async def get_raw_profile(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: GetProfile,
) -> EncodedAnswer:
    """Answer a profile as it was received, gunzipped."""
    rows = await store.pool.select(*raw_sql(request.profile_id))
    if not rows:
        raise _not_stored(request)
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{request.profile_id}.pb"',
    }
    return EncodedAnswer(b64decode(rows[0][0]), headers)


def _not_stored(request: GetProfile) -> NotFound:
    return NotFound(f"no profile {request.profile_id} is stored")
