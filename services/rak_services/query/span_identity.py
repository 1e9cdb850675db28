"""When two stored rows of a trace are one span.

Delivery is at least once, so a span can be stored twice. Two rows are the same span when these
columns agree; a buggy client that gives two spans of a trace one id still sees both.
"""

from typing import Final

SPAN_IDENTITY: Final = "span_id, timestamp, duration_ns, service_name, span_name, span_kind"

SPAN_HASH: Final = "cityHash64(duration_ns, service_name, span_name, span_kind)"
"""What tells spans of one trace apart beyond their time and id, as one number (UInt64)."""
