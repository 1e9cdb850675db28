"""Messages under numbered keys: `gen_ai.prompt.0.content`, as OpenLLMetry wrote them."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from rak_services.query.sessions.message_reading import message_of
from rak_services.query.sessions.messages import Message, Told
from rak_services.query.sessions.span_content import COMPLETION_KEY, PROMPT_KEY, SpanContent

_KEY: Final = re.compile(
    rf"({re.escape(PROMPT_KEY)}|{re.escape(COMPLETION_KEY)})\.(\d{{1,9}})\."
    r"(?:tool_calls\.(\d{1,9})\.)?(.+)",
    re.ASCII | re.DOTALL,
)


def told_by_numbered_keys(span: SpanContent) -> Told:
    """Read the messages of a call, each put together from its keys."""
    sides: dict[str, dict[int, dict[str, Any]]] = {PROMPT_KEY: {}, COMPLETION_KEY: {}}
    calls: dict[tuple[str, int], dict[int, dict[str, Any]]] = defaultdict(dict)
    for key, value in span.attributes.items():
        found = _KEY.fullmatch(key)
        if found is None:
            continue
        side, number, call, name = found[1], int(found[2]), found[3], found[4]
        message = sides[side].setdefault(number, {})
        if call is None:
            message[name] = value
        else:
            calls[side, number].setdefault(int(call), {})[name] = value
    for (side, number), of_message in calls.items():
        sides[side][number]["tool_calls"] = [of_message[call] for call in sorted(of_message)]
    return Told(_messages(sides[PROMPT_KEY], "user"), _messages(sides[COMPLETION_KEY], "assistant"))


def _messages(numbered: Mapping[int, dict[str, Any]], role: str) -> tuple[Message, ...]:
    return tuple(
        message for number in sorted(numbered) for message in message_of(numbered[number], role)
    )
