"""Gzip around a profile, and the account of what is refused."""

import asyncio
import gzip
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from pprof_generation import small_profile
from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher
from rak_libs.model.profiles import ProfileType
from rak_libs.pprof.errors import PermanentPprofError, ProfileTooLarge
from rak_libs.receiving.admission import Admission
from rak_libs.receiving.errors import UndecodableBody
from rak_libs.runtime.boot import Boot
from rak_libs.runtime.settings import KafkaSettings
from rak_services.pprof_receiver.errors import BadParameter
from rak_services.pprof_receiver.intake import Intake, Request, gunzipped

MEBIBYTE = 1024 * 1024
GZIPPED = gzip.compress(b"a profile", mtime=0)  # the same in every test process


def test_gzip_around_a_profile_is_taken_off() -> None:
    assert gunzipped(b"a profile", 100) == b"a profile"
    assert gunzipped(GZIPPED, 100) == b"a profile"
    assert gunzipped(GZIPPED + gzip.compress(b", in two"), 100) == b"a profile, in two"


@pytest.mark.parametrize("content", [GZIPPED[:-1], GZIPPED[:5], GZIPPED + b"x", b"\x1f\x8b\x00"])
def test_broken_gzip_is_refused(content: bytes) -> None:
    with pytest.raises(UndecodableBody, match="gzip"):
        gunzipped(content, 100)


@pytest.mark.parametrize("content", [bytes(101), gzip.compress(bytes(101), mtime=0)])
def test_the_limit_is_one_on_the_profile_itself(content: bytes) -> None:
    with pytest.raises(ProfileTooLarge, match="exceeds 100 bytes"):
        gunzipped(content, 100)


def test_a_bomb_is_given_up_at_the_limit() -> None:
    bomb = gzip.compress(bytes(64 * MEBIBYTE))
    tracemalloc.start()
    with pytest.raises(ProfileTooLarge):
        gunzipped(bomb, MEBIBYTE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MEBIBYTE


@pytest.mark.parametrize(
    ("body", "query", "reason"),
    [
        (b"no profile", b"", "undecodable"),
        (b"\x1f\x8b", b"", "undecodable"),
        (bytes(MEBIBYTE), b"", "too_large"),
        (small_profile().SerializeToString(), b"trace_id=1", "context"),
        (b"\x0a\x00", b"", "string_table"),
    ],
)
def test_what_is_refused_for_good_is_in_the_account(body: bytes, query: bytes, reason: str) -> None:
    account = Account(Boot.now())
    admission = Admission(MEBIBYTE)

    async def take() -> None:
        with ThreadPoolExecutor(1) as threads:
            publisher = Publisher(KafkaSettings(), "test")
            intake = Intake(publisher, threads, MEBIBYTE, 7, account)
            request = Request(ProfileType.CPU, query, [], "")
            with admission.enter() as ticket, intake.refusals_counted(ProfileType.CPU):
                await intake.take(request, body, ticket)

    with pytest.raises((PermanentPprofError, UndecodableBody, BadParameter)):
        asyncio.run(take())
    (change,) = account.changes()
    assert (change.signal, change.outcome) == ("profiles", "rejected")
    assert (change.reason, change.items) == (reason, 1)
    assert admission.used_bytes == 0
