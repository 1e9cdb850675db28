"""Answers in OTLP JSON, whose pages are linked by headers: their body has no place for a cursor."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from google.protobuf.message import Message

from rak_libs.otlp.otlp_json import request_to_json
from rak_services.query.endpoint import EncodedAnswer


def otlp_answer(request: Message, cursor: str | None, url: str) -> EncodedAnswer:
    """Return an export request as an answer.

    Args:
        request: What a receiver would accept.
        cursor: That of the next page; None on the last one.
        url: Path and query of the question, for the link to the next page.
    """
    headers = {"Content-Type": "application/json"}
    if cursor is not None:
        headers["Next-Cursor"] = cursor
        headers["Link"] = f'<{_with_cursor(url, cursor)}>; rel="next"'
    return EncodedAnswer(request_to_json(request), headers)


def _with_cursor(url: str, cursor: str) -> str:
    parts = urlsplit(url)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "cursor"]
    return f"{parts.path}?{urlencode([*pairs, ('cursor', cursor)])}"
