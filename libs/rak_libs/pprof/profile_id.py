"""The name of a profile: the same for the same bytes in the same context."""

import hashlib
from typing import Final

import msgspec

from rak_libs.pprof.context import ProfileContext

_ID_BYTES: Final = 16


def profile_id(content: bytes, context: ProfileContext) -> str:
    """Return the id of a profile: 32 characters of hex, independent of the order of labels.

    Args:
        content: The profile, gunzipped.
        context: What it was taken of.
    """
    kind = "" if context.profile_type is None else context.profile_type.name
    said = (
        kind,
        context.service_name,
        context.invocation_id,
        context.session_id,
        context.trace_id,
        context.span_id,
        context.agent_name,
        sorted(context.labels),
    )
    # JSON ends by itself: no context runs over into the content.
    digest = hashlib.blake2b(msgspec.json.encode(said), digest_size=_ID_BYTES)
    digest.update(content)
    return digest.hexdigest()
