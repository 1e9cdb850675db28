"""The only place that knows HTTP: requests become calls of handlers, outcomes become responses."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

import msgspec
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rak_libs.clickhouse.errors import ClickHouseError, PermanentClickHouseError, SchemaError
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter, histogram
from rak_services.query.cursors import question_digest
from rak_services.query.endpoint import (
    EVENT_STREAM,
    EncodedAnswer,
    Endpoint,
    EventStream,
    Question,
    Store,
)
from rak_services.query.parsing import parse_request, query_pairs
from rak_services.query.problems import (
    MEDIA_TYPE,
    ApiError,
    MethodNotAllowed,
    NotFound,
    problem_of,
)

Answer = TypeVar("Answer")

CLIENT_LEFT: Final = 499
"""The status in metrics and logs of a request whose client did not wait for the answer."""

_REASON_LETTERS: Final = 300
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

log = get_logger(__name__)


class _AnyName(PathConvertor):
    """`{name:path}`: any text; Starlette's own leaves out those with a line feed."""

    regex = "(?s:.*)"


register_url_convertor("path", _AnyName())


class _ClientLeft(Exception):
    """The client closed the connection before its answer was ready."""


def api_routes(endpoints: Sequence[Endpoint], store: Store) -> list[Route]:
    """Return a route for each endpoint, in their order: the first that matches a path answers."""
    return [_route(endpoint, store) for endpoint in endpoints]


def _route(endpoint: Endpoint, store: Store) -> Route:
    async def answer(request: Request) -> Response:
        started = time.perf_counter()
        response = await _respond(endpoint, store, request)
        counter("query_requests_total").labels(endpoint.template, response.status_code).inc()
        elapsed = time.perf_counter() - started
        histogram("query_duration_seconds").labels(endpoint.template).observe(elapsed)
        return response

    return Route(endpoint.path, answer, methods=[endpoint.method])


async def _respond(endpoint: Endpoint, store: Store, request: Request) -> Response:
    try:
        return await _unless_client_leaves(request, _answer(endpoint, store, request))
    except ApiError as error:
        return problem_response(error)
    except ClickHouseError as error:
        _log_engine_error(endpoint, error)
        return problem_response(problem_of(error))
    except _ClientLeft:
        log.info("query.client_left", path=endpoint.template)
        return Response(status_code=CLIENT_LEFT)
    except Exception:
        log.exception("query.failed", path=endpoint.template)
        return problem_response(ApiError())


async def _answer(endpoint: Endpoint, store: Store, request: Request) -> Response:
    pairs = query_pairs(request.scope["query_string"])
    parsed = parse_request(endpoint.request, pairs, request.path_params)
    path = request.url.path
    url = f"{path}?{request.url.query}" if request.url.query else path
    question = Question(
        digest=question_digest(path, pairs),
        url=url,
        last_event_id=request.headers.get("last-event-id", ""),
    )
    answer = await endpoint.handle(store, question, parsed)
    if isinstance(answer, EventStream):
        return await _stream(answer, request.method)
    if isinstance(answer, EncodedAnswer):
        return Response(answer.body, headers={**_HEADERS, **answer.headers})
    body = await asyncio.to_thread(msgspec.json.encode, answer)
    return Response(body, media_type="application/json", headers=_HEADERS)


async def _stream(stream: EventStream, method: str) -> Response:
    if method == "HEAD":
        await stream.close()
        return Response(media_type=EVENT_STREAM, headers=_HEADERS)
    return _EventStreamResponse(stream)


class _EventStreamResponse(StreamingResponse):
    """Sends a stream until it ends or the client leaves, and closes it then."""

    def __init__(self, stream: EventStream) -> None:
        # Proxies that gather answers must pass these on as they come.
        headers = {**_HEADERS, "X-Accel-Buffering": "no"}
        super().__init__(stream.events, media_type=EVENT_STREAM, headers=headers)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            # The status is sent: all that is left is to cut the connection.
            log.exception("query.stream_failed", path=scope["path"])
        finally:
            await self._stream.close()


def problem_response(error: ApiError) -> Response:
    """Return the response that tells a client of an error."""
    return Response(
        error.body(),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**_HEADERS, **error.headers},
    )


async def answer_http_exception(_request: Request, error: Exception) -> Response:
    """Answer what the router raises: no such path, no such method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == MethodNotAllowed.status:
        return problem_response(MethodNotAllowed())
    return problem_response(NotFound() if status == NotFound.status else ApiError())


def _log_engine_error(endpoint: Endpoint, error: ClickHouseError) -> None:
    defect = isinstance(error, SchemaError | PermanentClickHouseError)
    write = log.error if defect and problem_of(error).status >= 500 else log.warning
    # The first line: a stack trace follows, and a statement may be long.
    reason = error.message.partition("\n")[0][:_REASON_LETTERS]
    write("query.engine_error", path=endpoint.template, code=error.code, reason=reason)


async def _unless_client_leaves(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Await work; when the client closes the connection first, cancel it.

    Raises:
        _ClientLeft: The work was cancelled.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise _ClientLeft
    finally:
        leaving.cancel()
        working.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
