"""Recorded profiles, changed as other profilers would have written them."""

from collections.abc import Callable

from profiles.recordings import RealProfile
from rak_libs.pprof.profile_pb2 import Profile


def altered_profile(
    profile: RealProfile, name: str, alter: Callable[[Profile], None]
) -> RealProfile:
    """Return a profile of another name that is changed."""
    changed = Profile.FromString(profile.content)
    alter(changed)
    kind = profile.name.rpartition("-")[2]
    return RealProfile(f"{name}-{kind}", changed.SerializeToString())


def take_symbols(profile: Profile) -> None:
    """Leave nothing but addresses, as a profiler of native code does."""
    for location in profile.location:
        del location.line[:]
    for mapping in profile.mapping:
        mapping.has_functions = False


def take_half_of_symbols(profile: Profile) -> None:
    """Leave nothing but addresses at every second location."""
    for location in profile.location[::2]:
        del location.line[:]


def take_mappings(profile: Profile) -> None:
    """Leave no program or library, nor addresses."""
    del profile.mapping[:]
    for location in profile.location:
        location.mapping_id = 0
        location.address = 0


def drop_frames(profile: Profile) -> None:
    """Say that frames of two functions, and what they called, are of no interest."""
    profile.drop_frames = _text(profile, r"main\.(even|fibonacci)")


def drop_and_keep_frames(profile: Profile) -> None:
    """Say the same, but for one of them."""
    profile.drop_frames = _text(profile, r"main\.(even|fibonacci)")
    profile.keep_frames = _text(profile, r"main\.fib.*")


def negate_half(profile: Profile) -> None:
    """Make it a difference."""
    for sample in profile.sample[::2]:
        sample.value[:] = [-value for value in sample.value]


def empty_stacks(profile: Profile) -> None:
    """Take the stacks of some samples."""
    for sample in profile.sample[::4]:
        del sample.location_id[:]


def show_first(profile: Profile) -> None:
    """Say that the first value is the one to show."""
    profile.default_sample_type = profile.sample_type[0].type


ALTERATIONS: dict[str, tuple[str, Callable[[Profile], None]]] = {
    "no symbols": ("go-http-cpu", take_symbols),
    "half of the symbols": ("go-http-cpu", take_half_of_symbols),
    "no mappings": ("go-http-cpu", take_mappings),
    "dropped frames": ("go-http-cpu", drop_frames),
    "kept frames": ("go-http-cpu", drop_and_keep_frames),
    "negative values": ("go-http-cpu", negate_half),
    "empty stacks": ("go-http-cpu", empty_stacks),
    "another default": ("go-http-cpu", show_first),
}
"""What is changed in which recorded profile, by name."""


def _text(profile: Profile, text: str) -> int:
    profile.string_table.append(text)
    return len(profile.string_table) - 1
