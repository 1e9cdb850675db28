"""Trace and span ids as texts."""

import re
from typing import Final

_TRACE_ID: Final = re.compile("[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile("[0-9a-fA-F]{16}")


def trace_id_of(text: str) -> str:
    """Return a trace id in lower-case hex, or '' when `text` is none or all zero."""
    return _lower(_TRACE_ID, text)


def span_id_of(text: str) -> str:
    """Return a span id in lower-case hex, or '' when `text` is none or all zero."""
    return _lower(_SPAN_ID, text)


def _lower(form: re.Pattern[str], text: str) -> str:
    return text.lower() if form.fullmatch(text) and text.strip("0") else ""
