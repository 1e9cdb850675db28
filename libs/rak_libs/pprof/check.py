"""Reading a profile: parsed, and every index, id and count in it checked.

The receiver refuses what fails here, and the writer checks again, since other producers and
replays feed the topic too; code behind it looks up ids and texts without asking. All is done
on whole columns, since a profile has thousands of samples and a receiver takes a hundred a second.
"""

from typing import Final

import numpy as np

from rak_libs.model.time_window import TIME_REASONS, TimeWindow, reject_reason
from rak_libs.pprof.errors import InvalidProfile, ProfileTooLarge, UndecodableProfile
from rak_libs.pprof.number_messages import Bits, Numbers, sums_of_groups
from rak_libs.pprof.profile_columns import Locations, ProfileColumns, read_columns

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


def read_profile(content: bytes, window: TimeWindow, received_ns: int) -> ProfileColumns:
    """Parse a profile and check it.

    Args:
        content: A serialized `Profile`, not compressed.
        window: The times that its table takes.
        received_ns: When it arrived, unix nanoseconds: its time if it says none itself.

    Raises:
        UndecodableProfile: The bytes are no profile.
        InvalidProfile: It contradicts itself or the format, or the window does not hold its time.
        ProfileTooLarge: It has more samples, frames or labels than are taken.
    """
    if not content:
        raise UndecodableProfile("the profile is empty; expected a serialized pprof Profile")
    profile = read_columns(content, MAX_SAMPLES)
    _check_head(profile)
    _check_times(profile, window, received_ns)
    _check_tables(profile)
    _check_samples(profile)
    return profile


def profile_time(profile: ProfileColumns, received_ns: int) -> int:
    """Return when a profile began or, if it does not say, when it arrived: unix nanoseconds."""
    return int(profile.head.time_nanos) or received_ns


def _check_head(profile: ProfileColumns) -> None:
    head = profile.head
    if not head.sample_type:
        raise InvalidProfile("no_sample_types", "the profile has no sample types; expected one")
    if not profile.texts or profile.texts[0]:
        raise InvalidProfile("string_table", "the string table does not begin with ''")
    types = [*head.sample_type, head.period_type]
    indexes = {
        "sample or period type": [each.type for each in types] + [each.unit for each in types],
        "default sample type": [head.default_sample_type],
        "drop_frames": [head.drop_frames],
        "keep_frames": [head.keep_frames],
        "comment": head.comment[:],
        "doc_url": [head.doc_url],
        "mapping's filename": [mapping.filename for mapping in head.mapping],
        "mapping's build_id": [mapping.build_id for mapping in head.mapping],
    }
    for name, texts in indexes.items():
        _check_texts(profile, name, np.array(texts, np.int64))


def _check_times(profile: ProfileColumns, window: TimeWindow, received_ns: int) -> None:
    time_ns = profile_time(profile, received_ns)
    reason = reject_reason(time_ns & _UINT64, window)
    if reason is not None:
        raise InvalidProfile(
            reason,
            f"the profile's time is {time_ns} ns; "
            f"expected one from {window.oldest_ns} to {window.newest_ns}",
        )
    duration_ns = profile.head.duration_nanos
    if not 0 <= duration_ns <= _MAX_DURATION_NS:
        raise InvalidProfile(
            "duration",
            f"the profile's duration is {duration_ns} ns; "
            f"expected one from 0 to {_MAX_DURATION_NS}",
        )


def _check_tables(profile: ProfileColumns) -> None:
    locations, functions = profile.locations, profile.functions
    mapping_ids = np.array([mapping.id for mapping in profile.head.mapping], np.uint64)
    for name, ids in (
        ("mapping", mapping_ids),
        ("function", functions.ids),
        ("location", locations.ids),
    ):
        _check_ids(name, ids)
    for name, indexes in (
        ("function's name", functions.names),
        ("function's system_name", functions.system_names),
        ("function's filename", functions.filenames),
    ):
        _check_texts(profile, name, indexes)
    # 0 means that the mapping is not known.
    unknown = (locations.mapping_rows < 0) & (locations.mapping_ids != 0)
    _check_known("a location", "mapping", locations.mapping_ids[unknown])
    _check_known("a line", "function", locations.line_functions[locations.function_rows < 0])


def _check_samples(profile: ProfileColumns) -> None:
    samples = profile.samples
    _check_known("a sample", "location", samples.locations[samples.location_rows < 0])
    _check_depths(samples.depths, samples.location_rows, profile.locations)
    expected = len(profile.head.sample_type)
    wrong = samples.value_counts[samples.value_counts != expected]
    if len(wrong):
        raise InvalidProfile(
            "value_count",
            f"a sample has {wrong.min()} values; expected {expected}, one for each sample type",
        )
    for indexes in (samples.label_keys, samples.label_texts, samples.label_units):
        _check_texts(profile, "label", indexes)


def _check_depths(depths: Numbers, stacks: Numbers, locations: Locations) -> None:
    counts = locations.line_counts
    deepest, total = int(depths.max(initial=0)), int(depths.sum())
    most = int(counts.max(initial=0))
    if most > 1 and (most * deepest > MAX_DEPTH or most * total > MAX_STACK_ENTRIES):
        # A location is as many frames as it has lines, and one if it has none.
        depths = sums_of_groups(np.maximum(counts, 1)[stacks], depths)
        deepest, total = int(depths.max(initial=0)), int(depths.sum())
    if deepest > MAX_DEPTH:
        raise ProfileTooLarge(f"a stack has {deepest} frames; at most {MAX_DEPTH} are taken")
    if total > MAX_STACK_ENTRIES:
        raise ProfileTooLarge(
            f"the stacks have {total} frames together; at most {MAX_STACK_ENTRIES} are taken"
        )


def _check_ids(name: str, ids: Bits) -> None:
    if not ids.all():
        raise InvalidProfile("id", f"a {name} has the id 0; expected another number")
    in_order = np.sort(ids)
    if (in_order[1:] == in_order[:-1]).any():
        raise InvalidProfile("id", f"several {name}s have the same id; expected each id once")


def _check_known(what: str, name: str, unknown: Bits) -> None:
    if len(unknown):
        raise InvalidProfile(
            "unknown_id", f"{what} refers to {name} {unknown.min()}, which is not in the profile"
        )


def _check_texts(profile: ProfileColumns, what: str, indexes: Numbers) -> None:
    if not len(indexes):
        return
    size = len(profile.texts)
    for index in (int(indexes.min()), int(indexes.max())):
        if not 0 <= index < size:
            raise InvalidProfile(
                "string_index",
                f"a {what} is text {index}; expected one of 0 to {size - 1} in the string table",
            )
