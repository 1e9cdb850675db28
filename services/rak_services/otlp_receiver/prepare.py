"""From the bytes of a request to the messages to publish: one pure function."""

from dataclasses import dataclass, field
from typing import Final

from rak_libs.model.time_window import time_window
from rak_libs.otlp.errors import RequestTooLarge
from rak_libs.otlp.item_kind import check_request
from rak_libs.otlp.json_containers import containers_at_most, count_containers
from rak_libs.otlp.message_flood import limit_messages
from rak_libs.otlp.otlp_json import request_from_json
from rak_libs.otlp.parse import request_from_protobuf
from rak_libs.otlp.split import RequestPart, split_request
from rak_libs.otlp.wire import count_outline, outline_at_most
from rak_services.otlp_receiver.encodings import Encoding
from rak_services.otlp_receiver.signals import Signal

MAX_ITEMS: Final = 262_144
"""Items in a request, with the groups around them: 8 MiB of empty spans would become 700 MiB of
objects, and 16 MiB of empty groups take a minute to check."""

_MAX_CONTAINERS: Final = 8 * MAX_ITEMS
"""Objects and arrays in a JSON request; 64 MiB of spans of agents have nearly as many."""

_LEAST_ITEM_BYTES: Final = 2
"""An empty item on the wire: its tag and its length."""

TOO_LARGE: Final = "too_large"
"""The reason of an item that fits no broker message even alone."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked request.

    Attributes:
        parts: What to publish; empty when nothing is left.
        accepted: Items in the parts.
        rejected: Items left out, by reason.
        warnings: What will not be stored as sent although it was not rejected, by reason.
    """

    parts: list[RequestPart]
    accepted: int
    rejected: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)


def prepare(
    signal: Signal, body: bytes, encoding: Encoding, now_ns: int, max_message_bytes: int
) -> Prepared:
    """Check a request and say what to publish.

    A binary request from which nothing is rejected, and that fits one message, is published byte
    for byte. JSON is converted once. Otherwise the request is serialised without what was
    rejected, and split into messages of at most `max_message_bytes`.

    Raises:
        UndecodableRequest: The body is no such request.
        RequestTooLarge: It has more than `MAX_ITEMS` items, or would take too much memory.
    """
    _limit_objects(signal, body, encoding)
    if encoding is Encoding.PROTOBUF:
        request = request_from_protobuf(body, signal.kind.request_type)
    else:
        request = request_from_json(body, signal.kind.request_type)
    window = time_window(signal.retention_days, now_ns)
    verdict = check_request(request, window, signal.kind)
    _limit_items(signal, verdict.accepted + sum(verdict.rejected.values()))
    if not verdict.accepted:
        return Prepared([], 0, verdict.rejected, verdict.warnings)
    if verdict.changed or encoding is Encoding.JSON:
        body = request.SerializeToString()
    if len(body) <= max_message_bytes:
        parts = [RequestPart(body, verdict.accepted)]
        return Prepared(parts, verdict.accepted, verdict.rejected, verdict.warnings)
    split = split_request(body, max_message_bytes, signal.kind.outline)
    if split.rejected:
        verdict.rejected[TOO_LARGE] = split.rejected
    accepted = verdict.accepted - split.rejected
    return Prepared(split.parts, accepted, verdict.rejected, verdict.warnings)


def _limit_objects(signal: Signal, body: bytes, encoding: Encoding) -> None:
    """Refuse what would become too many objects, before it becomes any."""
    if encoding is Encoding.PROTOBUF:
        outline = signal.kind.outline
        large = len(body) > MAX_ITEMS * _LEAST_ITEM_BYTES
        if large and outline_at_most(body, outline) > MAX_ITEMS:
            _limit_items(signal, count_outline(body, outline, MAX_ITEMS))
        limit_messages(body, signal.kind.request_type)
    elif containers_at_most(body) > _MAX_CONTAINERS and count_containers(body) > _MAX_CONTAINERS:
        raise RequestTooLarge(f"the request has more than {_MAX_CONTAINERS} objects and arrays")


def _limit_items(signal: Signal, items: int) -> None:
    if items > MAX_ITEMS:
        raise RequestTooLarge(
            f"the request has more than {MAX_ITEMS} {signal.kind.items} and groups of them"
        )
