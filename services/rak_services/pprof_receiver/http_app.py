"""Profiles over HTTP, as a plain ASGI application: `POST` of pprof or of a form with it."""

import msgspec
from starlette.types import Receive, Scope, Send

from rak_libs.model.profiles import ProfileType
from rak_libs.receiving.admission import Admission
from rak_libs.receiving.answers import DISCONNECTED, count, refuse
from rak_libs.receiving.errors import ClientGone, MethodNotAllowed, NoSuchPath
from rak_libs.receiving.http_answers import (
    BODY_SECONDS,
    JSON,
    body_headers,
    send_answer,
    send_refusal,
    status_json,
)
from rak_libs.receiving.http_body import RequestBody
from rak_services.pprof_receiver.intake import SIGNAL, Intake, Request
from rak_services.pprof_receiver.kinds import KINDS
from rak_services.pprof_receiver.statuses import STATUSES


class Accepted(msgspec.Struct, frozen=True):
    """The answer to a profile that was taken."""

    profile_id: str
    status: str = "accepted"


class PprofHttpApp:
    """Serves the path of every kind of profile."""

    def __init__(
        self,
        intake: Intake,
        admission: Admission,
        max_request_bytes: int,
        retry_after_seconds: int,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """Compose the application; `max_request_bytes` holds before and after decompression."""
        self._intake = intake
        self._admission = admission
        self._max_request_bytes = max_request_bytes
        self._retry_after_seconds = retry_after_seconds
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = RequestBody(receive)
        kind = KINDS.get(scope["path"])
        signal = "" if kind is None else SIGNAL
        try:
            answer = await self._take(kind, scope, body)
        except ClientGone:
            count("http", signal, DISCONNECTED)
            return
        except Exception as error:  # noqa: BLE001 - the edge: every error becomes a status
            refusal = refuse(error, STATUSES, "http", signal, self._retry_after_seconds)
            await send_refusal(send, error, refusal, status_json(refusal.message), JSON)
            await body.discard()
            await send({"type": "http.response.body"})
        else:
            await send_answer(send, 200, answer, JSON)

    async def _take(self, kind: ProfileType | None, scope: Scope, body: RequestBody) -> bytes:
        if kind is None:
            raise NoSuchPath(f"nothing is here; expected one of {', '.join(KINDS)}")
        if scope["method"] != "POST":
            raise MethodNotAllowed("expected POST")
        headers = body_headers(scope["headers"])
        request = Request(kind, scope["query_string"], scope["headers"], headers.content_type)
        with self._admission.enter() as ticket, self._intake.refusals_counted(kind):
            decoder = headers.decoder(self._max_request_bytes)
            content = await body.read(decoder, ticket, self._body_seconds)
            name = await self._intake.take(request, content, ticket)
        return msgspec.json.encode(Accepted(name))
