"""What a profile was taken of, beside what is in it: carried in the headers of its message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from rak_libs.model.profiles import ProfileType
from rak_libs.pprof.hex_ids import span_id_of, trace_id_of

PROFILE_TYPE: Final = "rak-profile-type"
SERVICE_NAME: Final = "rak-service-name"
INVOCATION_ID: Final = "rak-invocation-id"
SESSION_ID: Final = "rak-session-id"
TRACE_ID: Final = "rak-trace-id"
SPAN_ID: Final = "rak-span-id"
AGENT_NAME: Final = "rak-agent-name"
LABELS: Final = "rak-labels"

_LABELS: Final = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class ProfileContext:
    """The context of one profile; a text is '' when nobody said it.

    Attributes:
        profile_type: What was profiled; None when the message does not say, which
            `profile_type.guess_type` then tells by what was measured.
        service_name: The service.
        invocation_id: The agent's invocation.
        session_id: The session.
        trace_id: 32 characters of lower-case hex.
        span_id: 16 characters of lower-case hex.
        agent_name: The agent.
        labels: What else the sender said: names and texts, each name once.
    """

    profile_type: ProfileType | None = None
    service_name: str = ""
    invocation_id: str = ""
    session_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    agent_name: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Encode for a record: texts in UTF-8, labels as a JSON object; what is '' is left out."""
        texts = [
            (PROFILE_TYPE, "" if self.profile_type is None else self.profile_type.name),
            (SERVICE_NAME, self.service_name),
            (INVOCATION_ID, self.invocation_id),
            (SESSION_ID, self.session_id),
            (TRACE_ID, self.trace_id),
            (SPAN_ID, self.span_id),
            (AGENT_NAME, self.agent_name),
        ]
        headers = [(name, text.encode()) for name, text in texts if text]
        if self.labels:
            headers.append((LABELS, msgspec.json.encode(dict(self.labels))))
        return headers

    @classmethod
    def from_headers(cls, headers: Sequence[tuple[str, bytes]]) -> "ProfileContext":
        """Decode from a record.

        What is missing, or is not what its header should hold, takes its default: a profile is
        never lost to a header.
        """
        values = dict(headers)
        kind = _text(values, PROFILE_TYPE)
        return cls(
            profile_type=ProfileType[kind] if kind in ProfileType.__members__ else None,
            service_name=_text(values, SERVICE_NAME),
            invocation_id=_text(values, INVOCATION_ID),
            session_id=_text(values, SESSION_ID),
            trace_id=trace_id_of(_text(values, TRACE_ID)),
            span_id=span_id_of(_text(values, SPAN_ID)),
            agent_name=_text(values, AGENT_NAME),
            labels=_labels(values.get(LABELS) or b"{}"),
        )


def _text(values: Mapping[str, bytes], name: str) -> str:
    return (values.get(name) or b"").decode(errors="replace")


def _labels(text: bytes) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(_LABELS.decode(text).items())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
