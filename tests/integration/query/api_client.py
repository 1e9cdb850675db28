"""A client of the query API that shows everything of an answer."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any

import msgspec


@dataclass
class Answer:
    """Status, headers and body of a response."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Api:
    """The query service of a test."""

    base: str

    def get(self, path: str, parameters: Any = (), method: str = "GET") -> Answer:
        """Ask; `parameters` are pairs or a mapping. Any status is an answer."""
        url = self.base + path
        if parameters:
            url += "?" + urllib.parse.urlencode(parameters)
        request = urllib.request.Request(url, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def page(self, path: str, parameters: Any = ()) -> Any:
        """Ask for one page that must be there."""
        answer = self.get(path, parameters)
        assert answer.status == 200, answer.body
        assert answer.json.keys() >= {"items", "next_cursor", "complete"}
        return answer.json

    def pages(self, path: str, parameters: dict[str, str]) -> Iterator[list[Any]]:
        """Walk all pages."""
        cursor = None
        while True:
            asked = parameters if cursor is None else {**parameters, "cursor": cursor}
            page = self.page(path, asked)
            assert page["complete"] is True
            yield page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def items(self, path: str, parameters: dict[str, str]) -> list[Any]:
        """Return the items of all pages."""
        return [item for page in self.pages(path, parameters) for item in page]
