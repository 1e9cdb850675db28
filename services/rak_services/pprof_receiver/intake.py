"""The one way in: from the bytes of a request to a message that the broker has."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import PPROF_PROFILES, SIGNALS
from rak_libs.model.profiles import ProfileType
from rak_libs.model.time_window import time_window
from rak_libs.pprof.check import read_profile
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.errors import InvalidProfile, ProfileTooLarge, UndecodableProfile
from rak_libs.pprof.profile_id import profile_id
from rak_libs.receiving.acknowledged import PUBLISH_FACTOR, AccountedPublisher, largest_value
from rak_libs.receiving.admission import Ticket
from rak_libs.receiving.answers import ACCEPTED, count
from rak_libs.receiving.content_encoding import body_decoder
from rak_libs.receiving.errors import BodyTooLarge, UndecodableBody
from rak_libs.receiving.http_answers import Headers
from rak_libs.runtime.metrics import counter
from rak_services.pprof_receiver.errors import BadParameter
from rak_services.pprof_receiver.request_context import MAX_CONTEXT_BYTES, read_context
from rak_services.pprof_receiver.upload import read_upload

SIGNAL: Final = SIGNALS[PPROF_PROFILES]

_GZIP_MAGIC: Final = b"\x1f\x8b"
_NS_PER_MS: Final = 1_000_000
_INLINE_GZIP_BYTES: Final = 256 * 1024
_INLINE_BYTES: Final = 512 * 1024
"""Profiles up to these sizes are gunzipped and checked on the event loop, which that costs some
milliseconds; larger ones in a thread."""
_CHECK_FACTOR: Final = 24
"""Memory that a check takes, in sizes of the profile; measured on nothing but labels."""

UNDECODABLE: Final = "undecodable"
TOO_LARGE: Final = "too_large"
CONTEXT: Final = "context"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Request:
    """A request for the path of a kind of profile.

    Attributes:
        kind: What the path says was profiled.
        query: The query of the URL as it came.
        headers: All headers.
        content_type: The header of this name, '' when absent.
    """

    kind: ProfileType
    query: bytes
    headers: Headers
    content_type: str


class Intake:
    """Takes profiles and acknowledges them once the broker has them."""

    def __init__(
        self,
        publisher: Publisher,
        decoding: ThreadPoolExecutor,
        max_message_bytes: int,
        retention_days: int,
        account: Account,
    ) -> None:
        """Compose an intake.

        Args:
            publisher: Where profiles go.
            decoding: Checks profiles too large for the event loop.
            max_message_bytes: The largest message that the broker takes.
            retention_days: How long the table keeps profiles.
            account: Counts what becomes of them.
        """
        self._publisher = AccountedPublisher(publisher, account, SIGNAL, PPROF_PROFILES)
        self._decoding = decoding
        self._retention_days = retention_days
        self._max_bytes = largest_value(max_message_bytes) - MAX_CONTEXT_BYTES

    async def take(self, request: Request, body: bytes, ticket: Ticket) -> str:
        """Publish a profile and return its id.

        When it returns, the profile is acknowledged by the broker's in-sync replicas.

        Raises:
            UndecodableBody, UndecodableProfile, InvalidProfile, ProfileTooLarge, BadParameter,
                UnsupportedContentType: The client must not repeat the request.
            NotNow, KafkaError: It should (see `statuses`).
        """
        received_ns = time.time_ns()
        upload = read_upload(body, request.content_type)
        del body  # else it would stay beside what is in it until the broker has answered
        context = read_context(request.kind, request.query, upload.fields, request.headers)
        content = await self._gunzipped(upload.content)
        del upload
        ticket.charge(len(content) * _CHECK_FACTOR)
        name = await self._checked(content, context, received_ns)
        ticket.charge(len(content) * PUBLISH_FACTOR)
        await self._publisher.publish(content, 1, 0, received_ns, context.to_headers())
        count("http", SIGNAL, ACCEPTED)
        counter("ingest_profiles_received_total").labels(request.kind.name).inc()
        return name

    @contextlib.contextmanager
    def refusals_counted(self, kind: ProfileType) -> Iterator[None]:
        """Count a profile that is refused inside as received and rejected."""
        try:
            yield
        except Exception as error:
            reason = _reason(error)
            if reason is not None:
                now_ms = time.time_ns() // _NS_PER_MS
                self._publisher.count_rejected({reason: 1}, now_ms)
                counter("ingest_profiles_received_total").labels(kind.name).inc()
                counter("ingest_profiles_rejected_total").labels(reason).inc()
            raise

    async def _gunzipped(self, content: bytes) -> bytes:
        inline = len(content) <= _INLINE_GZIP_BYTES
        return await self._run(lambda: gunzipped(content, self._max_bytes), inline=inline)

    async def _checked(self, content: bytes, context: ProfileContext, received_ns: int) -> str:
        window = time_window(self._retention_days, received_ns)

        def check() -> str:
            read_profile(content, window, received_ns)
            return profile_id(content, context)

        return await self._run(check, inline=len(content) <= _INLINE_BYTES)

    async def _run(self, work: Callable[[], _Result], *, inline: bool) -> _Result:
        if inline:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._decoding, work)


def gunzipped(content: bytes, max_bytes: int) -> bytes:
    """Return a profile without the gzip around it, if there is any.

    Raises:
        UndecodableBody: The gzip is broken or cut off.
        ProfileTooLarge: The profile has more than `max_bytes` bytes; no more are ever made.
    """
    if not content.startswith(_GZIP_MAGIC):
        if len(content) > max_bytes:
            raise _too_large(max_bytes)
        return content
    decoder = body_decoder("gzip", max_bytes)
    try:
        profile = decoder.feed(content)
    except BodyTooLarge as error:
        raise _too_large(max_bytes) from error
    decoder.finish()
    return profile


def _too_large(max_bytes: int) -> ProfileTooLarge:
    return ProfileTooLarge(f"the profile exceeds {max_bytes} bytes when it is not compressed")


def _reason(error: Exception) -> str | None:
    """Return why a profile was rejected; None when it was not."""
    if isinstance(error, InvalidProfile):
        return error.reason
    if isinstance(error, ProfileTooLarge | BodyTooLarge):
        return TOO_LARGE
    if isinstance(error, UndecodableProfile | UndecodableBody):
        return UNDECODABLE
    return CONTEXT if isinstance(error, BadParameter) else None
