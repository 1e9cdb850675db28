"""The OpenAPI 3.1 document of the table of endpoints.

`python -m rak_services.query.openapi schema/openapi.json` writes the committed copy.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rak_services.query.endpoint import EVENT_STREAM, Endpoint
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.parsing import ParameterField, fields_of
from rak_services.query.problems import (
    MEDIA_TYPE,
    ApiError,
    EngineUnavailable,
    InvalidParameters,
    NotFound,
    QuestionTimedOut,
    QuestionTooLarge,
    QuestionTooLong,
)

API_VERSION: Final = "1"

_REF: Final = "#/components/schemas/{name}"
_SHARED_PROBLEMS: Final[tuple[type[ApiError], ...]] = (
    InvalidParameters,
    QuestionTooLong,
    QuestionTooLarge,
    ApiError,
    EngineUnavailable,
    QuestionTimedOut,
)
_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "A problem document (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Where the kind of problem is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "parameter": {"type": "string", "description": "The first parameter that was refused."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["parameter", "expected"],
                "properties": {
                    "parameter": {"type": "string"},
                    "expected": {"type": "string"},
                },
            },
        },
    },
}


def openapi_document(endpoints: Sequence[Endpoint] = ENDPOINTS) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    structs = [
        kind
        for endpoint in endpoints
        for kind in (endpoint.request, endpoint.answer)
        if kind is not None
    ]
    _, schemas = msgspec.json.schema_components(
        structs, ref_template=_REF, schema_hook=_text_schema
    )
    requests = {endpoint.request.__name__ for endpoint in endpoints}
    answers = {name: schema for name, schema in schemas.items() if name not in requests}
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, schemas[endpoint.request.__name__]["properties"])
        paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rak-ingest query API",
            "version": API_VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {**answers, "Problem": _PROBLEM_SCHEMA}},
    }


def openapi_text() -> str:
    """Return the document as it is committed and served."""
    return json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"


def parameter_schema(field: ParameterField, property_schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a parameter without the null that a struct's field has."""
    schema = dict(property_schema)
    for option in schema.pop("anyOf", []):
        if option != {"type": "null"}:
            schema.update(option)
    if schema.get("default", ...) is None or field.is_open or field.repeatable:
        schema.pop("default", None)
    return schema


def _operation(endpoint: Endpoint, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": endpoint.handle.__name__,
        "summary": endpoint.summary,
        "parameters": [
            _parameter(endpoint, field, properties[field.name])
            for field in fields_of(endpoint.request)
        ],
        "responses": _responses(endpoint),
    }


def _parameter(
    endpoint: Endpoint, field: ParameterField, property_schema: dict[str, Any]
) -> dict[str, Any]:
    schema = parameter_schema(field, property_schema)
    described: dict[str, Any] = {
        "name": field.name,
        "in": "path" if field.name in endpoint.path_parameters else "query",
        "required": field.required,
        "description": schema.pop("description"),
    }
    if field.is_open:
        described |= {"style": "form", "explode": True}
    return {**described, "schema": schema}


def _event(data: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one server-sent event, whose data is JSON of another schema."""
    json = {"contentMediaType": "application/json", "contentSchema": data}
    properties = {name: {"type": "string"} for name in ("event", "id")}
    return {"type": "object", "properties": {**properties, "data": {"type": "string", **json}}}


def _content(endpoint: Endpoint) -> dict[str, Any]:
    """Return the schemas of an endpoint's answers by media type."""
    schemas: dict[str, list[dict[str, Any]]] = {}
    if endpoint.answer is not None:
        answer: dict[str, Any] = {"$ref": _REF.format(name=endpoint.answer.__name__)}
        if endpoint.streams:
            schemas[EVENT_STREAM] = [_event(answer)]
        else:
            schemas["application/json"] = [answer]
    for other in endpoint.formats:
        schema = {"type": other.type, "title": other.name}
        schemas.setdefault(other.media_type, []).append(schema)
    return {
        media_type: {"schema": {"anyOf": of_type} if len(of_type) > 1 else of_type[0]}
        for media_type, of_type in schemas.items()
    }


def _description(endpoint: Endpoint) -> str:
    if endpoint.streams and endpoint.answer is not None:
        return f"Events whose data is {_REF.format(name=endpoint.answer.__name__)}."
    return "A page of the answer."


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    problems = [*_SHARED_PROBLEMS, *endpoint.problems]
    if endpoint.path_parameters:
        problems.append(NotFound)
    responses: dict[str, Any] = {
        "200": {
            "description": _description(endpoint),
            "content": _content(endpoint),
        }
    }
    for problem in sorted(problems, key=lambda kind: kind.status):
        responses[str(problem.status)] = {
            "description": problem.title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
        }
    return responses


def _text_schema(kind: Any) -> dict[str, Any]:
    return dict(kind.SCHEMA)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(openapi_text(), encoding="utf-8")
