"""The shape of the API's table: what an endpoint is and what its handler is given."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct

from rak_libs.clickhouse.select import ReadPool
from rak_libs.runtime.settings import QuerySettings, StorageSettings
from rak_services.query.cursors import encode_cursor
from rak_services.query.metrics.grid_probe import GridProbe
from rak_services.query.problems import ApiError
from rak_services.query.streams import Streams

EVENT_STREAM: Final = "text/event-stream"

_PATH_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Store:
    """What handlers work with.

    Attributes:
        pool: Connections to ClickHouse.
        limits: The `[query]` section.
        now: The clock, in nanoseconds since 1970.
        clustered: Whether the tables are spread over the nodes of a cluster.
        storage: The `[storage]` section.
        status_interval_seconds: How often receivers and writers say what they have done.
        streams: The answers without an end that are being sent.
        grids: Whether the engine computes metrics on grids as it should.
    """

    pool: ReadPool
    limits: QuerySettings
    now: Callable[[], int]
    clustered: bool
    storage: StorageSettings
    status_interval_seconds: float
    streams: Streams = field(default_factory=Streams)
    grids: GridProbe = field(default_factory=GridProbe)

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
        last_event_id: What the client had of a stream before; '' for nothing.
    """

    digest: str
    url: str
    last_event_id: str = ""

    def cursor_after(self, position: Struct) -> str:
        """Return the cursor of the page after a position."""
        return encode_cursor(self.digest, position)


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """An answer that is not one of the structs: its bytes and its headers."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class EventStream:
    """An answer in server-sent events, which may have no end.

    Attributes:
        events: The bytes of the stream, as they become known.
        closed: Called once, when the stream has ended, was left, or was never begun.
    """

    events: AsyncGenerator[bytes, None]
    closed: Callable[[], None]

    async def close(self) -> None:
        """End the stream, wherever it is."""
        try:
            await self.events.aclose()
        finally:
            self.closed()


Handler = Callable[[Store, Question, Any], Awaitable[Struct | EncodedAnswer | EventStream]]


@dataclass(frozen=True, slots=True)
class OtherFormat:
    """A form of an answer that is not the endpoint's struct.

    Attributes:
        media_type: Its `Content-Type`.
        name: What it is called.
        type: Its type in JSON schema.
    """

    media_type: str
    name: str
    type: str = "string"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the API's table.

    Attributes:
        method: The HTTP method.
        path: The path; `{name}` is one segment, `{name:path}` may hold slashes.
        request: The struct of its parameters, those of the path included.
        answer: The struct of its answer; of a stream, of the data of each event. None when every
            answer is in one of `formats`.
        handle: The handler, which knows nothing of HTTP.
        summary: One line for readers.
        example: Query string of an example, for the documentation.
        streams: Whether it answers with an `EventStream`.
        problems: What it may answer beside the problems of every endpoint.
        formats: What else an answer may be, as its parameter `format` says.
    """

    method: str
    path: str
    request: type[Struct]
    answer: type[Struct] | None
    handle: Handler
    summary: str
    example: str = ""
    streams: bool = False
    problems: tuple[type[ApiError], ...] = ()
    formats: tuple[OtherFormat, ...] = ()

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names of the parameters that are parts of the path."""
        return tuple(_PATH_PARAMETER.findall(self.path))

    @property
    def template(self) -> str:
        """The path without converters, as OpenAPI and metrics write it."""
        return _PATH_PARAMETER.sub(r"{\1}", self.path)
