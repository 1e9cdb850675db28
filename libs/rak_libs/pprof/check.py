"""Reading a profile: parsed, and every index, id and count in it checked.

The receiver refuses what fails here, and the writer checks again, since other producers and
replays feed the topic too; code behind it looks up ids and texts without asking. Loops are over
whole columns, since a profile has thousands of samples and a receiver takes a hundred a second.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from google.protobuf.message import DecodeError

from rak_libs.model.time_window import TIME_REASONS, TimeWindow, reject_reason
from rak_libs.pprof.errors import InvalidProfile, ProfileTooLarge, UndecodableProfile
from rak_libs.pprof.profile_pb2 import Function as ProfileFunction
from rak_libs.pprof.profile_pb2 import Location, Mapping, Profile, Sample

MAX_SAMPLES: Final = 250_000
MAX_DEPTH: Final = 4_096
"""Frames of a stack, inlined ones included."""
MAX_STACK_ENTRIES: Final = 4_000_000
"""Frames of all stacks of a profile."""

REASONS: Final = (
    "no_sample_types",
    "string_table",
    "string_index",
    "id",
    "unknown_id",
    "value_count",
    "duration",
    *TIME_REASONS,
)
"""Every reason of an `InvalidProfile`."""

_MAX_DURATION_NS: Final = (2**32 - 1) * 1_000_000_000
_UINT64: Final = 2**64 - 1


def read_profile(content: bytes, window: TimeWindow, received_ns: int) -> Profile:
    """Parse a profile and check it.

    Args:
        content: A serialized `Profile`, not compressed.
        window: The times that its table takes.
        received_ns: When it arrived, unix nanoseconds: its time if it says none itself.

    Raises:
        UndecodableProfile: The bytes are no profile.
        InvalidProfile: It contradicts itself or the format, or the window does not hold its time.
        ProfileTooLarge: It has more samples or frames than are taken.
    """
    if not content:
        raise UndecodableProfile("the profile is empty; expected a serialized pprof Profile")
    try:
        profile = Profile.FromString(content)
    except DecodeError as error:
        raise UndecodableProfile(
            "the profile cannot be decoded; expected a serialized pprof Profile"
        ) from error
    _check_head(profile)
    _check_times(profile, window, received_ns)
    _check_tables(profile)
    _check_samples(profile)
    return profile


def profile_time(profile: Profile, received_ns: int) -> int:
    """Return when a profile began or, if it does not say, when it arrived: unix nanoseconds."""
    return profile.time_nanos or received_ns


def _check_head(profile: Profile) -> None:
    if not profile.sample_type:
        raise InvalidProfile("no_sample_types", "the profile has no sample types; expected one")
    if not profile.string_table or profile.string_table[0]:
        raise InvalidProfile("string_table", "the string table does not begin with ''")
    types = [*profile.sample_type, profile.period_type]
    head = {
        "sample or period type": [each.type for each in types] + [each.unit for each in types],
        "default sample type": [profile.default_sample_type],
        "drop_frames": [profile.drop_frames],
        "keep_frames": [profile.keep_frames],
        "comment": profile.comment,
        "doc_url": [profile.doc_url],
    }
    for name, indexes in head.items():
        _check_texts(profile, name, indexes)


def _check_times(profile: Profile, window: TimeWindow, received_ns: int) -> None:
    time_ns = profile_time(profile, received_ns)
    reason = reject_reason(time_ns & _UINT64, window)
    if reason is not None:
        raise InvalidProfile(
            reason,
            f"the profile's time is {time_ns} ns; "
            f"expected one from {window.oldest_ns} to {window.newest_ns}",
        )
    if not 0 <= profile.duration_nanos <= _MAX_DURATION_NS:
        raise InvalidProfile(
            "duration",
            f"the profile's duration is {profile.duration_nanos} ns; "
            f"expected one from 0 to {_MAX_DURATION_NS}",
        )


def _check_tables(profile: Profile) -> None:
    mappings = _ids("mapping", profile.mapping)
    functions = _ids("function", profile.function)
    _ids("location", profile.location)
    for name in ("filename", "build_id"):
        indexes = [getattr(mapping, name) for mapping in profile.mapping]
        _check_texts(profile, f"mapping's {name}", indexes)
    for name in ("name", "system_name", "filename"):
        indexes = [getattr(function, name) for function in profile.function]
        _check_texts(profile, f"function's {name}", indexes)
    # 0 means that the mapping is not known.
    used = {location.mapping_id for location in profile.location} - {0}
    _check_known("a location", "mapping", used, mappings)
    used = {line.function_id for location in profile.location for line in location.line}
    _check_known("a line", "function", used, functions)


def _check_samples(profile: Profile) -> None:
    if len(profile.sample) > MAX_SAMPLES:
        raise ProfileTooLarge(
            f"the profile has {len(profile.sample)} samples; at most {MAX_SAMPLES} are taken"
        )
    samples = list(profile.sample)
    stacks = [sample.location_id for sample in samples]
    _check_depths(profile, stacks)
    locations = {location.id for location in profile.location}
    if not locations.issuperset(chain.from_iterable(stacks)):
        used = set(chain.from_iterable(stacks))
        _check_known("a sample", "location", used, locations)
    counts = {len(sample.value) for sample in samples}
    expected = len(profile.sample_type)
    if counts - {expected}:
        wrong = min(counts - {expected})
        raise InvalidProfile(
            "value_count",
            f"a sample has {wrong} values; expected {expected}, one for each sample type",
        )
    _check_texts(profile, "label", list(_label_texts(samples)))


def _check_depths(profile: Profile, stacks: Sequence[Sequence[int]]) -> None:
    depths = [len(stack) for stack in stacks]
    deepest, total = max(depths, default=0), sum(depths)
    most_lines = max((len(location.line) for location in profile.location), default=0)
    most_frames = (deepest * most_lines, total * most_lines)
    if most_lines > 1 and (most_frames[0] > MAX_DEPTH or most_frames[1] > MAX_STACK_ENTRIES):
        # A location is as many frames as it has lines, and one if it has none.
        frames = {location.id: len(location.line) or 1 for location in profile.location}
        depths = [sum(frames.get(location, 1) for location in stack) for stack in stacks]
        deepest, total = max(depths), sum(depths)
    if deepest > MAX_DEPTH:
        raise ProfileTooLarge(f"a stack has {deepest} frames; at most {MAX_DEPTH} are taken")
    if total > MAX_STACK_ENTRIES:
        raise ProfileTooLarge(
            f"the stacks have {total} frames together; at most {MAX_STACK_ENTRIES} are taken"
        )


def _label_texts(samples: Iterable[Sample]) -> Iterator[int]:
    for sample in samples:
        for label in sample.label:
            yield label.key
            yield label.str
            yield label.num_unit


def _ids(name: str, items: Sequence[Mapping | Location | ProfileFunction]) -> set[int]:
    ids = {item.id for item in items}
    if 0 in ids:
        raise InvalidProfile("id", f"a {name} has the id 0; expected another number")
    if len(ids) < len(items):
        raise InvalidProfile("id", f"several {name}s have the same id; expected each id once")
    return ids


def _check_known(what: str, name: str, used: set[int], known: set[int]) -> None:
    unknown = used - known
    if unknown:
        raise InvalidProfile(
            "unknown_id", f"{what} refers to {name} {min(unknown)}, which is not in the profile"
        )


def _check_texts(profile: Profile, what: str, indexes: Sequence[int]) -> None:
    if not indexes:
        return
    size = len(profile.string_table)
    for index in (min(indexes), max(indexes)):
        if not 0 <= index < size:
            raise InvalidProfile(
                "string_index",
                f"a {what} is text {index}; expected one of 0 to {size - 1} in the string table",
            )
