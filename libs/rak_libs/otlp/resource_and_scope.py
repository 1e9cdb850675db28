"""What the resource and the scope around items say, as columns of their rows, and back.

Every signal wraps its items in the same two groups and stores the same columns of them.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from rak_libs.model.promotion import SERVICE_NAME_KEY, UNKNOWN_SERVICE
from rak_libs.otlp.entity_refs import entity_refs_to_text, text_to_entity_refs
from rak_libs.otlp.typed_json import (
    attributes_to_text,
    set_attributes,
    text_to_plain,
    value_to_plain_text,
)

RESOURCE_COLUMNS: Final = (
    "resource_attributes",
    "resource_dropped_attributes_count",
    "resource_entity_refs",
    "resource_schema_url",
)
"""The columns that tell one resource from another."""

SCOPE_COLUMNS: Final = (
    "scope_name",
    "scope_version",
    "scope_attributes",
    "scope_dropped_attributes_count",
    "scope_schema_url",
)
"""The columns that tell one scope of a resource from another."""


def resource_facts(group: Any) -> dict[str, Any]:
    """Return `RESOURCE_COLUMNS` and `service_name` of a `ResourceSpans` or one of its siblings."""
    resource: Resource = group.resource
    service = UNKNOWN_SERVICE
    for attribute in resource.attributes:
        if attribute.key == SERVICE_NAME_KEY:
            service = value_to_plain_text(attribute.value) or UNKNOWN_SERVICE
    return {
        "service_name": service,
        "resource_attributes": attributes_to_text(resource.attributes),
        "resource_dropped_attributes_count": resource.dropped_attributes_count,
        "resource_entity_refs": entity_refs_to_text(resource.entity_refs),
        "resource_schema_url": group.schema_url,
    }


def scope_facts(group: Any) -> dict[str, Any]:
    """Return `SCOPE_COLUMNS` of a `ScopeSpans` or one of its siblings."""
    scope: InstrumentationScope = group.scope
    return {
        "scope_name": scope.name,
        "scope_version": scope.version,
        "scope_attributes": attributes_to_text(scope.attributes),
        "scope_dropped_attributes_count": scope.dropped_attributes_count,
        "scope_schema_url": group.schema_url,
    }


def fill_resource(group: Any, row: Mapping[str, Any]) -> None:
    """Fill an empty `ResourceSpans`, or one of its siblings, from the columns of a row.

    Raises:
        ValueError: A text column is not typed JSON.
    """
    group.schema_url = row["resource_schema_url"]
    set_attributes(group.resource.attributes, text_to_plain(row["resource_attributes"]))
    group.resource.dropped_attributes_count = row["resource_dropped_attributes_count"]
    group.resource.entity_refs.extend(text_to_entity_refs(row["resource_entity_refs"]))


def fill_scope(group: Any, row: Mapping[str, Any]) -> None:
    """Fill an empty `ScopeSpans`, or one of its siblings, from the columns of a row.

    Raises:
        ValueError: A text column is not typed JSON.
    """
    group.schema_url = row["scope_schema_url"]
    group.scope.name = row["scope_name"]
    group.scope.version = row["scope_version"]
    set_attributes(group.scope.attributes, text_to_plain(row["scope_attributes"]))
    group.scope.dropped_attributes_count = row["scope_dropped_attributes_count"]
