"""Text of a resource's entity references (opentelemetry-proto, common/v1 `EntityRef`)."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import EntityRef

from rak_libs.model.json_text import json_to_text
from rak_libs.otlp.typed_json import text_to_plain


def entity_refs_to_text(references: Iterable[EntityRef]) -> str:
    """Write references as a JSON array of objects with OTLP's JSON names; none is ''."""
    objects = [_to_json(reference) for reference in references]
    return json_to_text(objects) if objects else ""


def _to_json(reference: EntityRef) -> dict[str, Any]:
    fields = {
        "schemaUrl": reference.schema_url,
        "type": reference.type,
        "idKeys": list(reference.id_keys),
        "descriptionKeys": list(reference.description_keys),
    }
    return {name: content for name, content in fields.items() if content}


def text_to_entity_refs(text: str) -> list[EntityRef]:
    """Rebuild the references that `entity_refs_to_text` wrote.

    Raises:
        ValueError: The text is not JSON.
    """
    objects = text_to_plain(text) if text else []
    return [
        EntityRef(
            schema_url=fields.get("schemaUrl", ""),
            type=fields.get("type", ""),
            id_keys=fields.get("idKeys", ()),
            description_keys=fields.get("descriptionKeys", ()),
        )
        for fields in objects
    ]
