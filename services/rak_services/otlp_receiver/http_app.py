"""OTLP over HTTP, as a plain ASGI application: `POST` of protobuf or JSON."""

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from rak_libs.receiving.admission import Admission
from rak_libs.receiving.answers import DISCONNECTED, count, refuse
from rak_libs.receiving.errors import (
    ClientGone,
    MethodNotAllowed,
    NoSuchPath,
    UnsupportedContentType,
)
from rak_libs.receiving.http_answers import (
    BODY_SECONDS,
    BodyHeaders,
    body_headers,
    send_answer,
    send_refusal,
)
from rak_libs.receiving.http_body import RequestBody
from rak_services.otlp_receiver.encodings import Encoding, encode, encoding_of
from rak_services.otlp_receiver.export import Exporter
from rak_services.otlp_receiver.statuses import STATUSES


class OtlpHttpApp:
    """Serves the path of every signal."""

    def __init__(
        self,
        exporters: Sequence[Exporter],
        admission: Admission,
        max_request_bytes: int,
        retry_after_seconds: int,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """Compose the application; `max_request_bytes` holds before and after decompression."""
        self._exporters = {exporter.signal.http_path: exporter for exporter in exporters}
        self._admission = admission
        self._max_request_bytes = max_request_bytes
        self._retry_after_seconds = retry_after_seconds
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = body_headers(scope["headers"])
        encoding = encoding_of(headers.content_type)
        body = RequestBody(receive)
        exporter = self._exporters.get(scope["path"])
        signal = "" if exporter is None else exporter.signal.name
        # An answer in an encoding that was not asked for should be one that people can read.
        readable = encoding or Encoding.JSON
        try:
            answer = await self._export(exporter, scope["method"], body, headers, encoding)
        except ClientGone:
            count("http", signal, DISCONNECTED)
            return
        except Exception as error:  # noqa: BLE001 - the edge: every error becomes a status
            refusal = refuse(error, STATUSES, "http", signal, self._retry_after_seconds)
            message = encode(refusal.message, readable)
            await send_refusal(send, error, refusal, message, readable.value)
            await body.discard()
            await send({"type": "http.response.body"})
        else:
            await send_answer(send, 200, answer, readable.value)

    async def _export(
        self,
        exporter: Exporter | None,
        method: str,
        body: RequestBody,
        headers: BodyHeaders,
        encoding: Encoding | None,
    ) -> bytes:
        if exporter is None:
            raise NoSuchPath(f"nothing is here; expected one of {', '.join(self._exporters)}")
        if method != "POST":
            raise MethodNotAllowed("expected POST")
        if encoding is None:
            expected = " or ".join(each.value for each in Encoding)
            raise UnsupportedContentType(f"the Content-Type is not supported; expected {expected}")
        decoder = headers.decoder(self._max_request_bytes)
        with self._admission.enter() as ticket:
            response = await exporter.export(
                await body.read(decoder, ticket, self._body_seconds), encoding, "http", ticket
            )
        return encode(response, encoding)
