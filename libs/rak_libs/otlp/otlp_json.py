"""OTLP's JSON form, in both directions, for every OTLP message type.

The rules are those of https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: keys in
lowerCamelCase only, trace and span ids as hex of any case, enums as integers, 64-bit integers as
decimal strings or numbers, other bytes as base64, unknown keys ignored. A byte order mark and lone
surrogates are forgiven; of duplicate keys the last wins (RFC 8259, sections 8.1, 8.2 and 4).

protobuf's own `json_format` reads hex ids as base64 without an error, takes snake_case keys and
enum names, and spends 49 µs a span; these tables are built once from the message descriptors
instead.
"""

import codecs
from functools import cache, cached_property
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.otlp.json_values import (
    InvalidValue,
    ValueReader,
    ValueWriter,
    kind_of,
    value_reader,
    value_writer,
)
from rak_libs.otlp.lone_surrogates import replace_lone_surrogates

AnyMessage = TypeVar("AnyMessage", bound=Message)

MAX_DEPTH: Final = 100
"""Messages inside messages: what protobuf parsers accept, so that what is published can be read."""


def request_from_json(body: bytes, message_type: type[AnyMessage]) -> AnyMessage:
    """Read an OTLP JSON body into a message of `message_type`.

    Ids of a wrong length pass (they concern one item each); ids that are not hex do not.

    Raises:
        UndecodableRequest: The body is not JSON, or a known field has a value of another type
            than OTLP gives it; `field` says which.
    """
    decoded = _decode(body.removeprefix(codecs.BOM_UTF8))
    try:
        return message_type(**_reader(message_type.DESCRIPTOR).read(decoded, 1))
    except InvalidValue as error:
        raise UndecodableRequest(error.message, error.path) from error
    except (TypeError, ValueError) as error:
        raise UndecodableRequest("a value is outside what protobuf can hold") from error


def _decode(body: bytes) -> Any:
    try:
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError:
            repaired = replace_lone_surrogates(body)
            if repaired is body:
                raise
            return msgspec.json.decode(repaired)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRequest(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise UndecodableRequest("the body is nested too deeply") from error


def request_to_json(message: Message) -> bytes:
    """Write any OTLP message as OTLP JSON: hex ids, 64-bit integers as strings, set fields only."""
    return msgspec.json.encode(_writer(message.DESCRIPTOR).write(message))


class _ReadField(NamedTuple):
    name: str
    repeated: bool
    oneof: str | None
    read: ValueReader


class _Reader:
    """Turns the JSON object of one message type into the keyword arguments of its constructor."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    @cached_property
    def _fields(self) -> dict[str, _ReadField]:
        # Made when first used, since message types contain one another.
        return {field.json_name: _read_field(field) for field in self._descriptor.fields}

    def read(self, value: Any, depth: int) -> dict[str, Any]:
        if type(value) is not dict:
            raise InvalidValue(f"expected an object, got {kind_of(value)}")
        if depth > MAX_DEPTH:
            raise InvalidValue("the value is nested too deeply")
        arguments: dict[str, Any] = {}
        chosen: dict[str, str] | None = None
        fields = self._fields
        for key, item in value.items():
            field = fields.get(key)
            if field is None or item is None:
                continue
            name, repeated, oneof, read = field
            if oneof is not None:
                chosen = chosen or {}
                if chosen.setdefault(oneof, key) != key:
                    raise InvalidValue(f"has both {chosen[oneof]} and {key}")
            try:
                if repeated:
                    arguments[name] = _read_list(read, item, depth + 1)
                else:
                    arguments[name] = read(item, depth + 1)
            except InvalidValue as error:
                error.inside(key)
                raise
        return arguments


def _read_list(read: ValueReader, items: Any, depth: int) -> list[Any]:
    if type(items) is not list:
        raise InvalidValue(f"expected an array, got {kind_of(items)}")
    values: list[Any] = []
    try:
        for item in items:
            values.append(read(item, depth))  # noqa: PERF401 - its length tells the index
    except InvalidValue as error:
        error.inside(f"[{len(values)}]")
        raise
    return values


def _read_field(field: FieldDescriptor) -> _ReadField:
    oneof = field.containing_oneof
    exclusive = oneof is not None and len(oneof.fields) > 1
    message = field.message_type
    return _ReadField(
        name=field.name,
        repeated=field.is_repeated,
        oneof=oneof.name if oneof is not None and exclusive else None,
        read=value_reader(field) if message is None else _reader(message).read,
    )


@cache
def _reader(descriptor: Descriptor) -> _Reader:
    return _Reader(descriptor)


class _WriteField(NamedTuple):
    key: str
    repeated: bool
    write: ValueWriter


class _Writer:
    """Turns a message of one type into a JSON object of its set fields."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    @cached_property
    def _fields(self) -> dict[int, _WriteField]:
        return {field.number: _write_field(field) for field in self._descriptor.fields}

    def write(self, message: Message) -> dict[str, Any]:
        written: dict[str, Any] = {}
        fields = self._fields
        for descriptor, value in message.ListFields():
            key, repeated, write = fields[descriptor.number]
            written[key] = [write(item) for item in value] if repeated else write(value)
        return written


def _write_field(field: FieldDescriptor) -> _WriteField:
    message = field.message_type
    write = value_writer(field) if message is None else _writer(message).write
    return _WriteField(field.json_name, field.is_repeated, write)


@cache
def _writer(descriptor: Descriptor) -> _Writer:
    return _Writer(descriptor)
