"""Asks the query service, page by page, and reads what was spent as the books are written."""

from collections.abc import Hashable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from e2e.agents.books import Sum, Usage
from e2e.agents.ledger_rows import owned
from fleet import Fleet, get_json

PAGE = 3
SINCE = "now-3d"


def spent(answer: dict[str, Any]) -> Sum:
    """Return the fields of money and tokens as the books sum up."""
    usage = Usage(
        input=answer["input_tokens"],
        output=answer["output_tokens"],
        cache_read=answer["cache_read_tokens"],
        cache_write=answer["cache_write_tokens"],
        reasoning=answer["reasoning_tokens"],
        unsplit=answer["unsplit_tokens"],
    )
    return Sum(usage, Decimal(answer["cost"]), answer["unpriced_tokens"])


def ask(started: Fleet, path: str, **parameters: str) -> Any:
    """GET an answer; the path's parts are quoted by the caller."""
    return get_json(f"{started.query_url}{path}?{urlencode(parameters)}")


def ask_session(started: Fleet, session: str) -> Any:
    """GET the answer about one session."""
    return ask(started, f"/sessions/{quote(session, safe='')}")


def ask_about(started: Fleet, kind: str, name: str) -> Any:
    """GET the answer about one agent, model or tool in the last days, whatever its name holds."""
    return ask(started, f"/{kind}/{quote(name, safe='')}", start=SINCE)


def items(started: Fleet, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
    """List everything, some at a time."""
    cursor: dict[str, str] = {}
    while True:
        page = ask(started, path, start=SINCE, limit=str(PAGE), **parameters, **cursor)
        assert page["complete"]
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def spent_by(started: Fleet, path: str, field: str, **parameters: str) -> dict[Hashable, Sum]:
    """Sum up a list by one of its fields, without what nothing was spent on."""
    return owned((item[field], spent(item)) for item in items(started, path, **parameters))
