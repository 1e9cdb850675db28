"""What differs between the items of the OTLP signals: spans, data points and log records.

Every OTLP request has the same outline: it repeats the groups of resources, these the groups of
scopes, and these what this module calls elements: a span or a log record, which is one item, or a
metric, which holds many (its data points).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.message import Message

from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.verdict import Verdict
from rak_libs.otlp.wire import Outline


class Divided(NamedTuple):
    """An element of which items were refused.

    Attributes:
        stays: Whether anything is left of it.
        refused: By reason, an element with the items refused for it alone.
    """

    stays: bool
    refused: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ItemKind:
    """One kind of items.

    Attributes:
        items: Their name in the plural, for messages to people.
        request_type: The message of a request.
        path: The repeated fields on the way to the elements: of the request, of a resource's group
            and of a scope's group.
        outline: The way to the items on the wire.
        check: Removes from a repeated field of elements, in place, every item that cannot be
            stored, and adds to the verdict.
        divide: Takes the items that `check` would remove out of one element.
        count: Counts the items of one element.
    """

    items: str
    request_type: type[Message]
    path: tuple[str, str, str]
    outline: Outline
    check: Callable[[Any, TimeWindow, Verdict], None]
    divide: Callable[[Any, TimeWindow], Divided]
    count: Callable[[Any], int]


def check_request(request: Any, window: TimeWindow, kind: ItemKind) -> Verdict:
    """Remove from a request, in place, every item that cannot be stored."""
    verdict = Verdict()
    resources, scopes, elements = kind.path
    for resource_group in getattr(request, resources):
        for scope_group in getattr(resource_group, scopes):
            kind.check(getattr(scope_group, elements), window, verdict)
    return verdict
