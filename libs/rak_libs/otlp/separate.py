"""The rare way of a message some of whose items must not be stored."""

from collections.abc import Iterable
from typing import Any

from rak_libs.model.rejected_items import RejectedItems
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.item_kind import ItemKind


def separate(value: bytes, window: TimeWindow, kind: ItemKind) -> tuple[bytes, list[RejectedItems]]:
    """Divide a message into the items that pass the checks of their kind and those that do not.

    Returns:
        A message with the items that pass, and the others by reason, each with its resource and
        scope (and a data point with what its metric says of it).

    Raises:
        google.protobuf.message.DecodeError: The value is no request of that kind.
    """
    request: Any = kind.request_type.FromString(value)
    rejected = _Rejected(kind)
    resources, scopes, elements = kind.path
    for resource_group in getattr(request, resources):
        for scope_group in getattr(resource_group, scopes):
            field = getattr(scope_group, elements)
            kept, refused = _divide_all(field, window, kind)
            for reason, group in refused.items():
                rejected.add(reason, resource_group, scope_group, group)
            if refused:
                del field[:]
                field.extend(kept)
    return request.SerializeToString(), rejected.items()


def _divide_all(
    elements: Iterable[Any], window: TimeWindow, kind: ItemKind
) -> tuple[list[Any], dict[str, list[Any]]]:
    kept = []
    refused: dict[str, list[Any]] = {}
    for element in elements:
        divided = kind.divide(element, window)
        if divided.stays:
            kept.append(element)
        for reason, part in divided.refused.items():
            refused.setdefault(reason, []).append(part)
    return kept, refused


class _Rejected:
    """Requests of the rejected items, one for each reason."""

    def __init__(self, kind: ItemKind) -> None:
        self._kind = kind
        self._requests: dict[str, Any] = {}
        self._counts: dict[str, int] = {}

    def add(self, reason: str, resource_group: Any, scope_group: Any, elements: list[Any]) -> None:
        resources, scopes, field = self._kind.path
        request = self._requests.setdefault(reason, self._kind.request_type())
        group = getattr(request, resources).add(schema_url=resource_group.schema_url)
        group.resource.CopyFrom(resource_group.resource)
        scope = getattr(group, scopes).add(schema_url=scope_group.schema_url)
        scope.scope.CopyFrom(scope_group.scope)
        getattr(scope, field).extend(elements)
        count = sum(map(self._kind.count, elements))
        self._counts[reason] = self._counts.get(reason, 0) + count

    def items(self) -> list[RejectedItems]:
        return [
            RejectedItems(reason, self._counts[reason], request.SerializeToString())
            for reason, request in self._requests.items()
        ]
