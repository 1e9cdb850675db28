from collections.abc import Mapping

import pytest

from e2e.clients.builds import ToolchainMissing
from e2e.profiles.altered import ALTERATIONS, altered_profile
from e2e.profiles.asked import ProfileStore, Sent
from fleet import Fleet
from profiles.recordings import LANGUAGES, RealProfile, recorded, write_profiles

MERGED_SERVICE = "merged"


@pytest.fixture(scope="package")
def profiles(started: Fleet, tmp_path_factory: pytest.TempPathFactory) -> ProfileStore:
    return ProfileStore(started, tmp_path_factory.mktemp("profiles"))


@pytest.fixture(scope="package")
def known(profiles: ProfileStore) -> Mapping[str, Sent]:
    """The recorded profiles, stored, by name; each is of a service of its name."""
    sent = {profile.name: profiles.send(profile) for profile in recorded()}
    profiles.wait_stored()
    return sent


@pytest.fixture(scope="package")
def merged(profiles: ProfileStore) -> list[Sent]:
    """Three recorded CPU profiles of Go, one of them twice at another time, of one service."""
    kept = {profile.name: profile for profile in recorded()}
    sent = [
        profiles.send(kept[name], service_name=MERGED_SERVICE)
        for name in ("go-cpu", "go-http-cpu", "go-cpu")
    ]
    profiles.wait_stored()
    return sent


@pytest.fixture(scope="package")
def made(
    profiles: ProfileStore, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[Sent] | ToolchainMissing]:
    """What the program of each language writes now, stored."""
    sent: dict[str, list[Sent] | ToolchainMissing] = {}
    for language in LANGUAGES:
        try:
            written = write_profiles(language, tmp_path_factory.mktemp(language))
        except ToolchainMissing as error:
            sent[language] = error
        else:
            sent[language] = [profiles.send(as_new(profile)) for profile in written]
    profiles.wait_stored()
    return sent


@pytest.fixture(scope="package")
def altered(profiles: ProfileStore) -> Mapping[str, Sent]:
    """Recorded profiles as other profilers would have written them, stored, by what they are."""
    kept = {profile.name: profile for profile in recorded()}
    sent = {
        name: profiles.send(altered_profile(kept[of], name, alter))
        for name, (of, alter) in ALTERATIONS.items()
    }
    profiles.wait_stored()
    return sent


def as_new(profile: RealProfile) -> RealProfile:
    """Return a profile under a name that no recorded one has."""
    language, _, kind = profile.name.partition("-")
    return RealProfile(f"{language}-new-{kind}", profile.content)
