"""Profiles that would fill a receiver's memory, or that lie: refused by what is wrong in them.

The limits are the defaults. The peak of the resident memory is the kernel's own (VmHWM), so
nothing escapes between two looks.
"""

import gzip
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import psutil
import pytest

from fleet import wait_until
from integration.otlp_receiver.agents import Answer
from integration.otlp_receiver.bombs import GIBIBYTE, MEBIBYTE, gzip_members, gzip_of_zeros
from integration.pprof_receiver.agents import PprofReceiver, error_of
from pprof_generation import small_profile
from rak_libs.pprof.profile_pb2 import Line, Location, Profile, Sample

AT_ONCE: Final = 8
LARGE: Final = 9 * MEBIBYTE
DAY_NS: Final = 24 * 3600 * 1_000_000_000


@pytest.fixture(scope="module")
def idle_bytes(receiver: PprofReceiver) -> int:
    """What the receiver holds before the first bomb."""
    assert receiver.post(small_profile().SerializeToString()).status == 200
    return psutil.Process(receiver.service.pid).memory_info().rss


@pytest.fixture(autouse=True)
def unharmed(receiver: PprofReceiver, idle_bytes: int) -> Iterator[None]:
    """Whatever a test sends, the receiver stays below its budget; neighbours are taken after it."""
    process = Path(f"/proc/{receiver.service.pid}")
    (process / "clear_refs").write_text("5")  # the peak begins anew
    yield
    peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert peak is not None
    print(f"idle {idle_bytes // MEBIBYTE} MiB, peak {int(peak[1]) // 1024} MiB")
    assert int(peak[1]) * 1024 - idle_bytes < receiver.config.receiver.memory_budget_bytes
    neighbour = small_profile().SerializeToString()
    assert receiver.post(gzip.compress(neighbour)).status == 200
    assert any(each.value == neighbour for each in receiver.published())
    wait_until(lambda: receiver.metric('ingest_buffer_size{signal="all"}') == 0, "all is over")


def profile_with(change: Callable[[Profile], object]) -> Callable[[], bytes]:
    def build() -> bytes:
        profile = small_profile()
        change(profile)
        return gzip.compress(profile.SerializeToString(), 1)

    return build


def many_samples() -> bytes:
    sample = Sample(location_id=[1], value=[1, 2]).SerializeToString()
    sample = bytes([2 << 3 | 2, len(sample)]) + sample
    content = small_profile(0).SerializeToString() + sample * 1_000_000
    assert len(Profile.FromString(content).sample) == 1_000_000
    return gzip.compress(content, 1)


def a_deep_stack(depth: int) -> Callable[[], bytes]:
    return lambda: gzip.compress(small_profile(1, depth).SerializeToString())


def deep_by_inlining() -> bytes:
    profile = small_profile(1, 100)
    profile.location[1].line.extend([Line(function_id=2)] * 100)
    return profile.SerializeToString()


def length_of(message: bytes) -> bytes:
    size, length = len(message), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*length, size])


def filled(message: bytes, number: int) -> Callable[[], bytes]:
    """Build a profile that goes on with one field, again and again."""
    field = bytes([number << 3 | 2]) + length_of(message) + message

    def build() -> bytes:
        content = small_profile().SerializeToString()
        return gzip.compress(content + field * ((LARGE - len(content)) // len(field)), 1)

    return build


def filled_inside(number: int, message: bytes, inner: int) -> Callable[[], bytes]:
    """Build a profile with one message that holds nothing but one field, again and again."""
    field = bytes([inner << 3 | 2, len(message)]) + message

    def build() -> bytes:
        content = field * (LARGE // len(field))
        head = small_profile().SerializeToString() + bytes([number << 3 | 2])
        return gzip.compress(head + length_of(content) + content, 1)

    return build


def at_time(time_ns: int) -> Callable[[], bytes]:
    return profile_with(lambda p: setattr(p, "time_nanos", time_ns))


HOSTILE: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "gzip without its end": (
        lambda: gzip.compress(small_profile(100).SerializeToString())[:-9],
        400,
        "the gzip body is cut off",
    ),
    "gzip with something behind it": (
        lambda: gzip.compress(small_profile().SerializeToString()) + b"x",
        400,
        "gzip",
    ),
    "1 GiB in gzip": (lambda: gzip_of_zeros(GIBIBYTE), 413, "when it is not compressed"),
    "1 GiB in a thousand members": (lambda: gzip_members(1024), 413, "when it is not compressed"),
    "gzip in gzip": (
        lambda: gzip.compress(gzip_of_zeros(GIBIBYTE)),
        400,
        "expected a serialized pprof",
    ),
    "no sample types": (
        profile_with(lambda p: p.ClearField("sample_type")),
        400,
        "the profile has no sample types",
    ),
    "an unknown location": (
        profile_with(lambda p: p.sample[2].location_id.append(77)),
        400,
        "location 77, which is not in the profile",
    ),
    "an unknown mapping": (
        profile_with(lambda p: p.location.add(id=3, mapping_id=77)),
        400,
        "mapping 77, which is not in the profile",
    ),
    "an unknown function": (
        profile_with(lambda p: p.location[0].line.append(Line(function_id=77))),
        400,
        "function 77, which is not in the profile",
    ),
    "a text out of range": (
        profile_with(lambda p: p.function.add(id=3, name=2**40)),
        400,
        f"a function's name is text {2**40}; expected one of 0 to 8",
    ),
    "a label's text out of range": (
        profile_with(lambda p: p.sample[1].label.add(key=-1)),
        400,
        "a label is text -1; expected one of 0 to 8",
    ),
    "a value too few": (
        profile_with(lambda p: p.sample[1].value.pop()),
        400,
        "a sample has 1 values; expected 2",
    ),
    "two locations of one id": (
        profile_with(lambda p: p.location.append(Location(id=1))),
        400,
        "several locations have the same id",
    ),
    "no string table": (
        profile_with(lambda p: p.ClearField("string_table")),
        400,
        "the string table does not begin with ''",
    ),
    "1,000,000 samples": (many_samples, 413, "the profile has more than 250000 samples"),
    "a stack 10,000 deep": (a_deep_stack(10_000), 413, "10000 frames; at most 4096 are taken"),
    "a stack 9,999 deep by inlining": (deep_by_inlining, 413, "frames; at most 4096 are taken"),
    "a week and a day ago": (
        at_time(time.time_ns() - 8 * DAY_NS),
        400,
        "the profile's time is",
    ),
    "tomorrow": (at_time(time.time_ns() + DAY_NS), 400, "the profile's time is"),
    "9 MiB of empty samples": (filled(b"", 2), 413, "more than 250000 samples"),
    "9 MiB of empty mappings": (filled(b"", 3), 413, "more than 1000000 samples, mappings"),
    "9 MiB of empty locations": (filled(b"", 4), 413, "locations, functions and texts"),
    "9 MiB of sample types": (filled(b"\x08\x00" * 8, 1), 413, "more than 64 sample types"),
    "1 MiB of sample types": (
        lambda: small_profile().SerializeToString() + b"\x0a\x00" * 500_000,
        413,
        "500002 sample types; at most 64 are taken",
    ),
    "9 MiB of long mappings": (filled(b"\x08\x01" * 30, 3), 413, "more than 65536 mappings"),
    "9 MiB of comments": (filled(b"\x00" * 100, 13), 413, "more than 65536 comments"),
    "9 MiB of empty labels in one sample": (
        filled_inside(2, b"", 3),
        413,
        "a sample has 9437184 bytes; at most 262144 are taken",
    ),
    "9 MiB of lines in one location": (filled_inside(4, b"", 4), 413, "a location has 9437184"),
    "9 MiB of empty labels, 100,000 a sample": (
        filled(b"\x1a\x00" * 100_000, 2),
        413,
        "too many labels or locations",
    ),
    "9 MiB of empty labels, 60 a sample": (
        filled(b"\x1a\x00" * 60, 2),
        413,
        "more than 4000000 locations of stacks, values, labels or lines",
    ),
    "9 MiB of stacks, 4,000 deep": (
        filled(Sample(location_id=[1] * 4_000, value=[1, 2]).SerializeToString(), 2),
        413,
        "more than 4000000 locations",
    ),
    "9 MiB of unknown fields in samples": (
        filled(b"\xa0\x06\x01" * 30, 2),
        413,
        "fields that are unknown",
    ),
    "9 MiB of groups": (
        lambda: gzip.compress(
            small_profile().SerializeToString() + b"\xa3\x06\xa4\x06" * (LARGE // 4 - 100)
        ),
        400,
        "the profile has groups",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_it_is_refused_by_what_is_wrong_in_it(receiver: PprofReceiver, case: str) -> None:
    build, status, text = HOSTILE[case]
    answer = receiver.post(build())
    assert answer.status == status, answer.body
    assert text in error_of(answer).message
    assert "retry-after" not in answer.headers


TAKEN: dict[str, Callable[[], bytes]] = {
    "as deep as is allowed": a_deep_stack(4_096),
    "no samples": profile_with(lambda p: p.ClearField("sample")),
    "a sample without a stack": profile_with(lambda p: p.sample.append(Sample(value=[1, 2]))),
    "no time": at_time(0),
    "6 days ago": at_time(time.time_ns() - 6 * DAY_NS),
    "3 MiB of texts": profile_with(lambda p: p.string_table.extend(["x" * 1024] * 3 * 1024)),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_only_looks_strange_is_taken(receiver: PprofReceiver, case: str) -> None:
    answer = receiver.post(TAKEN[case]())
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("case", ["1 GiB in gzip", "9 MiB of empty labels, 60 a sample"])
def test_many_at_once_share_the_budget(receiver: PprofReceiver, case: str) -> None:
    """One that finds no room may come again; none is a failure."""
    body = HOSTILE[case][0]()

    def post(_number: int) -> Answer:
        return receiver.post(body)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(post, range(AT_ONCE)))
    assert {answer.status for answer in answers} <= {413, 503}
    assert any(answer.status == 413 for answer in answers)
    assert all(("retry-after" in answer.headers) == (answer.status == 503) for answer in answers)
