"""The body of a request: the profile itself, or a form with it in a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from rak_libs.receiving.errors import UndecodableBody, UnsupportedContentType
from rak_services.pprof_receiver.errors import BadParameter

_FORM: Final = b"multipart/form-data"
_MULTIPART: Final = b"multipart/"
_PROFILE_FIELDS: Final = frozenset({"profile", "file"})
"""Names of fields that hold the profile although they name no file."""
_MAX_PARTS: Final = 32
_MAX_FIELD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """What a body holds.

    Attributes:
        content: The profile, as it was sent.
        fields: Names and texts of the other fields of a form.
    """

    content: bytes
    fields: Sequence[tuple[str, str]] = ()


def read_upload(body: bytes, content_type: str) -> Upload:
    """Take a body apart: a form (RFC 7578) if the Content-Type says so, else a profile.

    Raises:
        UndecodableBody: It is no form, although it should be, or one without a profile.
        BadParameter: A field cannot be read.
        UnsupportedContentType: It has parts, but is no form.
    """
    media_type, options = parse_options_header(content_type)
    if not media_type.startswith(_MULTIPART):
        return Upload(body)
    if media_type != _FORM:
        raise UnsupportedContentType(
            f"the Content-Type is not supported; of those with parts, expected {_FORM.decode()}"
        )
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise UndecodableBody("the form's Content-Type names no boundary")
    return _upload(_parts(body, boundary))


@dataclass(slots=True)
class _Part:
    """One field of a form."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)

    @property
    def options(self) -> dict[bytes, bytes]:
        return parse_options_header(self.headers.get(b"content-disposition"))[1]

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def name(self) -> str:
        return self.options.get(b"name", b"").decode(errors="replace")

    @property
    def is_profile(self) -> bool:
        return b"filename" in self.options or self.name in _PROFILE_FIELDS


class _Form:
    """Collects what the parser of the library finds."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.complete = False
        self._name = b""
        self._value = b""

    def parse(self, body: bytes, boundary: bytes) -> None:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )
        parser.write(body)
        parser.finalize()

    def _begin_part(self) -> None:
        if len(self.parts) == _MAX_PARTS:
            raise UndecodableBody(f"the form has more than {_MAX_PARTS} fields")
        self.parts.append(_Part())

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self.parts[-1].headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].pieces.append(data[start:end])

    def _end(self) -> None:
        self.complete = True


def _parts(body: bytes, boundary: bytes) -> list[_Part]:
    form = _Form()
    try:
        form.parse(body, boundary)
    except FormParserError as error:
        raise UndecodableBody("the body is not multipart/form-data of its boundary") from error
    if not form.complete:
        raise UndecodableBody("the form is cut off: its last boundary is missing")
    return form.parts


def _upload(parts: Sequence[_Part]) -> Upload:
    profiles = [part for part in parts if part.is_profile]
    if len(profiles) != 1:
        raise UndecodableBody(
            f"the form has {len(profiles)} files; expected one, the profile: "
            "a part with a file name, or a field called profile or file"
        )
    fields = [(part.name, _text(part)) for part in parts if not part.is_profile]
    return Upload(profiles[0].content, fields)


def _text(part: _Part) -> str:
    content = part.content
    if len(content) > _MAX_FIELD_BYTES:
        raise BadParameter(part.name, f"expected at most {_MAX_FIELD_BYTES} bytes in the field")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadParameter(part.name, "expected UTF-8 in the field") from error
