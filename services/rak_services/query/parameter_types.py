"""Types of request parameters that JSON does not have; each knows its text form and its schema."""

import re
from typing import Any, ClassVar, Final, Protocol, Self

from rak_libs.model.time_text import MAX_NS, parse_duration, parse_relative, parse_time

_DURATION: Final = r"([0-9]+(\.[0-9]+)?(ns|us|µs|μs|ms|s|m|h|d))+"
_RFC3339: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+\- ][0-9]{2}:[0-9]{2})"
)
_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)
_SPAN_ID: Final = re.compile(r"[0-9a-fA-F]{16}", re.ASCII)


class TextParameter(Protocol):
    """What the parser, the error messages and the OpenAPI document need of such a type."""

    EXPECTED: ClassVar[str]
    SCHEMA: ClassVar[dict[str, Any]]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the value of a text; ValueError when it is none."""


class TimePoint:
    """A time, absolute or relative to the moment of the request."""

    EXPECTED: ClassVar = (
        "an RFC 3339 time (2026-05-01T12:00:00Z), nanoseconds since 1970, or a time relative to "
        "now (now-1h)"
    )
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": rf"^(now([+\- ]{_DURATION})?|[0-9]{{1,19}}|{_RFC3339})$",
    }

    __slots__ = ("_nanoseconds", "_relative")

    def __init__(self, nanoseconds: int, *, relative: bool) -> None:
        self._nanoseconds = nanoseconds
        self._relative = relative

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the time of a text; ValueError when it is none."""
        offset = parse_relative(text)
        if offset is not None:
            return cls(offset, relative=True)
        return cls(parse_time(text), relative=False)

    def resolve(self, now_ns: int) -> int:
        """Return the time in nanoseconds since 1970, seen at `now_ns`, kept in 1970 to 2262."""
        if not self._relative:
            return self._nanoseconds
        return min(max(now_ns + self._nanoseconds, 0), MAX_NS)


class Duration(int):
    """A duration in nanoseconds."""

    EXPECTED: ClassVar = "a duration such as 250ms, 1.5s or 1h30m (units ns, us, ms, s, m, h, d)"
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "string", "pattern": f"^{_DURATION}$"}

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the duration of a text; ValueError when it is none."""
        return cls(parse_duration(text))


class TraceId(str):
    """A trace id in lower-case hex."""

    EXPECTED: ClassVar = "32 hexadecimal digits"
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the trace id of a text in either case; ValueError when it is none."""
        if not _TRACE_ID.fullmatch(text):
            raise ValueError(f"{text!r} is no trace id")
        return cls(text.lower())


class SpanId(str):
    """A span id in lower-case hex."""

    EXPECTED: ClassVar = "16 hexadecimal digits"
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^[0-9a-fA-F]{16}$"}

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the span id of a text in either case; ValueError when it is none."""
        if not _SPAN_ID.fullmatch(text):
            raise ValueError(f"{text!r} is no span id")
        return cls(text.lower())


class ProfileId(str):
    """The id of a profile in lower-case hex."""

    EXPECTED: ClassVar = "32 hexadecimal digits"
    SCHEMA: ClassVar[dict[str, Any]] = {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the profile id of a text in either case; ValueError when it is none."""
        if not _TRACE_ID.fullmatch(text):
            raise ValueError(f"{text!r} is no profile id")
        return cls(text.lower())


class KeyedTexts:
    """Every `<prefix><key>=<text>` of a request, in order."""

    PREFIX: ClassVar[str]
    MOST: ClassVar = 100
    EXPECTED: ClassVar[str]
    SCHEMA: ClassVar[dict[str, Any]]

    __slots__ = ("pairs",)

    def __init__(self, pairs: tuple[tuple[str, str], ...] = ()) -> None:
        self.pairs = pairs

    def __init_subclass__(cls, *, prefix: str) -> None:
        cls.PREFIX = prefix
        cls.EXPECTED = f"{prefix}<key>=<text> with a key, {cls.MOST} times at most"
        cls.SCHEMA = {
            "type": "object",
            "maxProperties": cls.MOST,
            "propertyNames": {"pattern": rf"^{re.escape(prefix)}.+$"},
            "additionalProperties": {"type": "string"},
        }


class AttributeFilters(KeyedTexts, prefix="attr."):
    """Every `attr.<key>=<text>` of a request, in order."""


class LabelFilters(KeyedTexts, prefix="label."):
    """Every `label.<key>=<text>` of a request, in order."""


class BaselineLabelFilters(KeyedTexts, prefix="baseline_label."):
    """Every `baseline_label.<key>=<text>` of a request, in order."""
