"""From the texts of a URL to a request struct, or every problem with them at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, cast, get_args
from urllib.parse import parse_qsl

import msgspec
from msgspec import NODEFAULT, Struct, inspect

from rak_services.query.parameter_types import KeyedTexts
from rak_services.query.problems import InvalidParameters, ParameterProblem, QuestionTooLong

Request = TypeVar("Request", bound=Struct)

MAX_QUERY_BYTES: Final = 48 * 1024
"""The longest query string that is read.

The HTTP server gives up on URLs of 64 KiB, and the engine takes statements up to
`MAX_STATEMENT_BYTES`, into which a text goes up to six times, its letters escaped.
"""


@dataclass(frozen=True, slots=True)
class ParameterField:
    """One parameter of a request.

    Attributes:
        name: Its name in the URL; of an open parameter, what comes before the dot (`attr`).
        type: The annotated type without None.
        required: Whether it must be given.
        expected: What its text must be, for messages.
        choices: The allowed texts, when they are listed.
        repeatable: Whether it may be given several times; its type is then a tuple.
    """

    name: str
    type: Any
    required: bool
    expected: str
    choices: tuple[str, ...] = ()
    repeatable: bool = False

    @property
    def is_open(self) -> bool:
        """Whether this is a parameter that takes every `<name>.<key>`."""
        plain = _plain(self.type)
        return isinstance(plain, type) and issubclass(plain, KeyedTexts)

    @property
    def prefix(self) -> str:
        """What the names begin with that an open parameter takes."""
        return cast("type[KeyedTexts]", _plain(self.type)).PREFIX


@cache
def fields_of(request: type[Struct]) -> tuple[ParameterField, ...]:
    """Return the parameters of a request struct."""
    described = inspect.type_info(request)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{request} is no struct")
    return tuple(
        _field(name.name, name.type, info)
        for name, info in zip(msgspec.structs.fields(request), described.fields, strict=True)
    )


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """Return the names and texts of a query string, in order.

    Raises:
        QuestionTooLong: It has more than `MAX_QUERY_BYTES`.
        InvalidParameters: A name or a text is not UTF-8.
    """
    if len(query) > MAX_QUERY_BYTES:
        raise QuestionTooLong
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
    problems = [
        ParameterProblem(name.encode("utf-8", "replace").decode(), "percent-encoded UTF-8")
        for name, text in pairs
        if not (_is_text(name) and _is_text(text))
    ]
    if problems:
        raise InvalidParameters(problems)
    return pairs


def _is_text(text: str) -> bool:
    """Whether a text is without the lone surrogates that stand for bytes that are not UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def parse_request(
    request: type[Request], query: Iterable[tuple[str, str]], path: Mapping[str, str]
) -> Request:
    """Build a request from the pairs of a query string and the parts of a path.

    Raises:
        InvalidParameters: One entry for each parameter that is unknown, repeated, missing or
            malformed.
    """
    problems: list[ParameterProblem] = []
    texts = _collect(request, [*path.items(), *query], problems)
    values: dict[str, Any] = {}
    for field in fields_of(request):
        if field.is_open:
            values[field.name] = _keyed_texts(field, texts.get(field.name, []), problems)
        elif field.name in texts:
            _convert(field, texts[field.name], values, problems)
        elif field.required:
            problems.append(ParameterProblem(field.name, field.expected))
    if problems:
        raise InvalidParameters(problems)
    return request(**values)


def _collect(
    request: type[Struct], pairs: list[tuple[str, str]], problems: list[ParameterProblem]
) -> dict[str, list[tuple[str, str]]]:
    known = {field.name: field for field in fields_of(request)}
    opened = [field for field in known.values() if field.is_open]
    texts: dict[str, list[tuple[str, str]]] = {}
    for name, text in pairs:
        taker = next((field.name for field in opened if name.startswith(field.prefix)), None)
        if taker is not None:
            texts.setdefault(taker, []).append((name, text))
        elif name in known and not known[name].is_open:
            texts.setdefault(name, []).append((name, text))
        else:
            names = [f"{n}.<key>" if field.is_open else n for n, field in known.items()]
            problems.append(ParameterProblem(name, f"one of the parameters {', '.join(names)}"))
    return texts


def _convert(
    field: ParameterField,
    texts: list[tuple[str, str]],
    values: dict[str, Any],
    problems: list[ParameterProblem],
) -> None:
    if field.repeatable:
        _convert_all(field, [text for _, text in texts], values, problems)
        return
    if len(texts) > 1:
        problems.append(ParameterProblem(field.name, "to be given once"))
        return
    text = texts[0][1]
    chosen = {choice.casefold(): choice for choice in field.choices}.get(text.casefold(), text)
    try:
        values[field.name] = msgspec.convert(chosen, field.type, strict=False, dec_hook=_parse)
    except msgspec.ValidationError:
        problems.append(ParameterProblem(field.name, field.expected, text[:200]))


def _convert_all(
    field: ParameterField,
    texts: list[str],
    values: dict[str, Any],
    problems: list[ParameterProblem],
) -> None:
    try:
        values[field.name] = msgspec.convert(texts, field.type, strict=False, dec_hook=_parse)
    except msgspec.ValidationError:
        problems.append(ParameterProblem(field.name, field.expected, ", ".join(texts)[:200]))


def _keyed_texts(
    field: ParameterField, texts: list[tuple[str, str]], problems: list[ParameterProblem]
) -> KeyedTexts:
    pairs = tuple((name.removeprefix(field.prefix), text) for name, text in texts)
    if len(pairs) > KeyedTexts.MOST or any(not key for key, _ in pairs):
        problems.append(ParameterProblem(field.name, field.expected))
    return cast("type[KeyedTexts]", _plain(field.type))(pairs)


def _parse(kind: type, text: object) -> Any:
    return cast("Any", kind).parse(text)


def _field(name: str, annotation: Any, info: inspect.Field) -> ParameterField:
    described = _without_none(info.type)
    plain = described.type if isinstance(described, inspect.Metadata) else described
    choices = plain.values if isinstance(plain, inspect.LiteralType) else ()
    repeatable = isinstance(plain, inspect.VarTupleType)
    return ParameterField(
        name=name,
        type=_annotation_without_none(annotation),
        required=info.default is NODEFAULT and info.default_factory is NODEFAULT,
        expected=_expected(plain),
        choices=tuple(str(choice) for choice in choices),
        repeatable=repeatable,
    )


def _without_none(described: inspect.Type) -> inspect.Type:
    if isinstance(described, inspect.UnionType):
        return next(part for part in described.types if not isinstance(part, inspect.NoneType))
    return described


def _annotation_without_none(annotation: Any) -> Any:
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0] if type(None) in get_args(annotation) else annotation


def _plain(annotation: Any) -> Any:
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _expected(described: inspect.Type) -> str:
    match described:
        case inspect.CustomType(cls=cls):
            return str(cast("Any", cls).EXPECTED)
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.StrType():
            return "a text that is not empty"
        case inspect.Metadata(type=inner):
            return _expected(inner)
        case inspect.VarTupleType(item_type=item, max_length=most):
            return f"{_expected(item)}, {most} times at most"
        case _:
            raise TypeError(f"a parameter cannot be of type {described}")
