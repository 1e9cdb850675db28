"""The context of a profile, as a request says it: in its query, its form or its headers."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from rak_libs.model.profiles import ProfileType
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.hex_ids import span_id_of, trace_id_of
from rak_libs.receiving.http_answers import Headers
from rak_services.pprof_receiver.errors import BadParameter
from rak_services.pprof_receiver.labels import MAX_CHARACTERS, read_labels

PARAMETERS: Final = (
    "service_name",
    "invocation_id",
    "session_id",
    "trace_id",
    "span_id",
    "agent_name",
    "labels",
)
MAX_CONTEXT_BYTES: Final = 16 * 1024
"""Of a context as headers of a message."""

_HEADER_PREFIX: Final = "x-rak-"
_TRACEPARENT: Final = "traceparent"
_TRACEPARENT_FORM: Final = re.compile(
    r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?"
)
"""https://www.w3.org/TR/trace-context/#traceparent-header; later versions may be longer."""


def read_context(
    kind: ProfileType, query: bytes, fields: Iterable[tuple[str, str]], headers: Headers
) -> ProfileContext:
    """Put the context together; the query wins over the form, the form over headers.

    Args:
        kind: What the path says was profiled.
        query: The query of the URL as it came.
        fields: Names and texts of the form.
        headers: Of the request. Each parameter may be one of its own name or of `X-Rak-` and its
            name, with `-` or `_`. `traceparent` counts where nothing else says an id.

    Raises:
        BadParameter: One is unknown, comes twice, or does not hold what it should.
    """
    said = _from_headers(headers)
    said |= _once(fields)
    said |= _once(_from_query(query))
    context = ProfileContext(
        kind,
        service_name=_text(said, "service_name"),
        invocation_id=_text(said, "invocation_id"),
        session_id=_text(said, "session_id"),
        trace_id=_trace_id(said),
        span_id=_span_id(said),
        agent_name=_text(said, "agent_name"),
        labels=read_labels(said["labels"]) if said.get("labels") else (),
    )
    size = sum(len(name) + len(value) for name, value in context.to_headers())
    if size > MAX_CONTEXT_BYTES:
        problem = f"the context takes {size} bytes; expected at most {MAX_CONTEXT_BYTES}"
        raise BadParameter("labels", problem)
    return context


def _from_query(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise BadParameter("query", "expected percent-encoded UTF-8") from error


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    said: dict[str, str] = {}
    for name, text in pairs:
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise BadParameter(name[:MAX_CHARACTERS], f"no such parameter; expected one of {known}")
        if name in said:
            raise BadParameter(name, "expected once")
        said[name] = text
    return said


def _from_headers(headers: Headers) -> dict[str, str]:
    said: dict[str, str] = {}
    traceparent = None
    for raw_name, raw_text in headers:
        name = raw_name.decode("latin-1").lower()
        parameter = name.removeprefix(_HEADER_PREFIX).replace("-", "_")
        if parameter in PARAMETERS:
            try:
                said[parameter] = raw_text.decode()
            except UnicodeDecodeError as error:
                raise BadParameter(parameter, "expected UTF-8 in the header") from error
        elif name == _TRACEPARENT:
            traceparent = _TRACEPARENT_FORM.fullmatch(raw_text.decode("latin-1").strip())
    if traceparent is not None and not said.keys() & {"trace_id", "span_id"}:
        said[_TRACEPARENT] = traceparent[1] + traceparent[2]
    return said


def _text(said: Mapping[str, str], name: str) -> str:
    text = said.get(name, "")
    if len(text) > MAX_CHARACTERS:
        raise BadParameter(name, f"expected at most {MAX_CHARACTERS} characters, got {len(text)}")
    return text


def _trace_id(said: Mapping[str, str]) -> str:
    text = said.get("trace_id", "")
    if not text:
        return trace_id_of(_traceparent(said)[:32])
    trace_id = trace_id_of(text)
    if not trace_id:
        raise BadParameter("trace_id", "expected 32 hexadecimal digits that are not all 0")
    return trace_id


def _span_id(said: Mapping[str, str]) -> str:
    text = said.get("span_id", "")
    if not text:
        return span_id_of(_traceparent(said)[32:])
    span_id = span_id_of(text)
    if not span_id:
        raise BadParameter("span_id", "expected 16 hexadecimal digits that are not all 0")
    return span_id


def _traceparent(said: Mapping[str, str]) -> str:
    """Return both ids of the header, one after the other, where no parameter says any."""
    return "" if said.get("trace_id") or said.get("span_id") else said.get(_TRACEPARENT, "")
