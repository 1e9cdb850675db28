"""The query service put together; the only place that makes its clients."""

import asyncio
import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rak_libs.clickhouse.select import ReadPool
from rak_libs.model.spans import SPANS
from rak_libs.runtime.admin import ReadinessCheck, admin_routes, not_stopping
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.serving import bind, serve_asgi
from rak_libs.runtime.settings import Config
from rak_services.query.docs_page import CONTENT_SECURITY_POLICY, docs_page
from rak_services.query.endpoint import Store
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.openapi import openapi_text
from rak_services.query.routes import answer_http_exception, api_routes

log = get_logger(__name__)


def build_app(store: Store, checks: dict[str, ReadinessCheck]) -> Starlette:
    """Return the ASGI application: the API, its documentation and the admin endpoints."""
    app = Starlette(
        routes=[*api_routes(ENDPOINTS, store), *_document_routes(), *admin_routes(checks)],
        exception_handlers={HTTPException: answer_http_exception},
    )
    # A name in a path may end with a slash.
    app.router.redirect_slashes = False
    return app


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Answer questions until `stop` is set, then let those being answered finish.

    Raises:
        CannotListen: The port is in use or the host is not of this machine.
    """
    server = config.server
    listener = bind(server.host, server.query_api_port, "[server] query_api_port")
    pool = ReadPool(config.clickhouse, config.query)
    store = Store(
        pool=pool,
        limits=config.query,
        now=time.time_ns,
        clustered=bool(config.clickhouse.cluster),
        storage=config.storage,
        status_interval_seconds=server.status_interval_seconds,
    )

    async def storage() -> None:
        await pool.check(SPANS.name)

    checks: dict[str, ReadinessCheck] = {"clickhouse": storage, "service": not_stopping(stop)}
    running = await serve_asgi(build_app(store, checks), listener)
    log.info("query.listening", host=server.host, port=running.port)
    await stop.wait()
    store.streams.end()
    await running.stop(server.shutdown_timeout_seconds / 2)
    await pool.close()


def _document_routes() -> list[Route]:
    page, document = docs_page(), openapi_text()

    async def docs(_request: Request) -> Response:
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return Response(page, media_type="text/html", headers=headers)

    async def openapi(_request: Request) -> Response:
        return Response(document, media_type="application/json")

    return [Route("/docs", docs), Route("/openapi.json", openapi)]
