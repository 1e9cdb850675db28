"""The shape of the API's table: what an endpoint is and what its handler is given."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct

from rak_libs.clickhouse.select import ReadPool
from rak_libs.runtime.settings import QuerySettings
from rak_services.query.cursors import encode_cursor

_PATH_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Store:
    """What handlers work with.

    Attributes:
        pool: Connections to ClickHouse.
        limits: The `[query]` section.
        now: The clock, in nanoseconds since 1970.
        clustered: Whether the tables are spread over the nodes of a cluster.
    """

    pool: ReadPool
    limits: QuerySettings
    now: Callable[[], int]
    clustered: bool

    def page_rows(self, limit: int | None) -> int:
        """Return how many rows a page holds: the limit asked for, up to `max_result_rows`."""
        most = self.limits.max_result_rows
        return most if limit is None else min(limit, most)


@dataclass(frozen=True, slots=True)
class Question:
    """What a handler needs of the URL beside its parsed parameters.

    Attributes:
        digest: Of the path and parameters, for cursors.
        url: The path and query, for links to the next page.
    """

    digest: str
    url: str

    def cursor_after(self, position: Struct) -> str:
        """Return the cursor of the page after a position."""
        return encode_cursor(self.digest, position)


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """An answer that is not one of the structs: its bytes and its headers."""

    body: bytes
    headers: dict[str, str]


Handler = Callable[[Store, Question, Any], Awaitable[Struct | EncodedAnswer]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the API's table.

    Attributes:
        method: The HTTP method.
        path: The path; `{name}` is one segment, `{name:path}` may hold slashes.
        request: The struct of its parameters, those of the path included.
        answer: The struct of its answer.
        handle: The handler, which knows nothing of HTTP.
        summary: One line for readers.
        example: Query string of an example, for the documentation.
    """

    method: str
    path: str
    request: type[Struct]
    answer: type[Struct]
    handle: Handler
    summary: str
    example: str = ""

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names of the parameters that are parts of the path."""
        return tuple(_PATH_PARAMETER.findall(self.path))

    @property
    def template(self) -> str:
        """The path without converters, as OpenAPI and metrics write it."""
        return _PATH_PARAMETER.sub(r"{\1}", self.path)
