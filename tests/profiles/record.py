"""Records profiles anew; README.md here tells how."""

import gzip
import re
import tempfile
from dataclasses import asdict
from pathlib import Path

import msgspec

import pprof_tool
from profiles.recordings import EXPECTED, LANGUAGES, RECORDED, RealProfile, write_profiles
from rak_libs.pprof.profile_pb2 import Profile

BUILT_IN = re.compile(r"/[^ ]*/rak-ingest/clients/profiled-[a-z]+-[0-9a-f]+")
LARGEST = 6_000
"""What is larger is made by tests, and not kept."""


def main() -> None:
    """Write `recorded/` and `expected.json`."""
    expected = {}
    for language in LANGUAGES:
        with tempfile.TemporaryDirectory() as folder:
            for profile in map(anonymous, write_profiles(language, Path(folder))):
                packed = gzip.compress(profile.content, mtime=0)
                if len(packed) > LARGEST:
                    continue
                path = RECORDED / f"{profile.name}.pb.gz"
                path.write_bytes(packed)
                expected[profile.name] = {
                    sample_type: asdict(pprof_tool.tops([path], sample_type))
                    for sample_type in pprof_tool.sample_types(path)
                }
    EXPECTED.write_bytes(msgspec.json.format(msgspec.json.encode(expected), indent=1) + b"\n")


def anonymous(profile: RealProfile) -> RealProfile:
    """Return a profile that does not tell whose machine it is from."""
    message = Profile.FromString(profile.content)
    message.string_table[:] = [BUILT_IN.sub("/srv/profiled", text) for text in message.string_table]
    return RealProfile(profile.name, message.SerializeToString())


if __name__ == "__main__":
    main()
