"""What a profile measured, told by its sample types."""

from typing import Final

from rak_libs.model.profiles import ProfileType
from rak_libs.pprof.profile_columns import ProfileColumns

_BY_SAMPLE_TYPE: Final = (
    (("inuse_", "alloc_"), ProfileType.HEAP),
    (("goroutine",), ProfileType.GOROUTINE),
    (("contentions", "delay"), ProfileType.BLOCK),
)


def guess_type(profile: ProfileColumns) -> ProfileType:
    """Return the type of a checked profile whose message does not say it; CPU in doubt.

    A mutex profile has the sample types of a block profile, and passes for one.
    """
    names = [profile.texts[each.type] for each in profile.head.sample_type]
    for starts, kind in _BY_SAMPLE_TYPE:
        if any(name.startswith(starts) for name in names):
            return kind
    return ProfileType.CPU
