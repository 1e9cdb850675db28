"""Sends profiles to a fleet, and asks it what `go tool pprof` is asked of the same files."""

import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fleet import Fleet, get_json, lag_is_zero, wait_until
from pprof_tool import Tops
from profiles.recordings import RealProfile
from rak_libs.kafka.topics import PPROF_PROFILES

EVERY_FUNCTION = "10000"
EVERY_NODE = "100000"


@dataclass(frozen=True)
class Sent:
    """A profile that was taken.

    Attributes:
        name: What it is called, which is its service too unless it was sent as of another.
        profile_id: What the receiver calls it.
        content: What was sent.
        path: A file that holds that.
    """

    name: str
    profile_id: str
    content: bytes
    path: Path


@dataclass(frozen=True)
class ProfileStore:
    """A fleet that takes profiles and answers about them.

    Attributes:
        fleet: It.
        folder: Where files of what was sent go.
    """

    fleet: Fleet
    folder: Path

    def send(self, profile: RealProfile, **context: str) -> Sent:
        """Send a profile with the time of now, as of a service of its own unless told otherwise."""
        return self.send_as_it_is(profile.of_now(), **context)

    def send_as_it_is(self, profile: RealProfile, **context: str) -> Sent:
        """Send a profile with its own time."""
        query = urllib.parse.urlencode({"service_name": profile.name, **context})
        url = f"http://127.0.0.1:{self.fleet.ports.pprof}/pprof/{profile.kind}?{query}"
        request = urllib.request.Request(url, data=profile.content, method="POST")
        with urllib.request.urlopen(request, timeout=60) as response:
            profile_id = msgspec.json.decode(response.read())["profile_id"]
        path = self.folder / f"{profile.name}-{profile_id}.pb"
        path.write_bytes(profile.content)
        return Sent(profile.name, profile_id, profile.content, path)

    def wait_stored(self) -> None:
        """Wait until everything that was sent is stored."""
        wait_until(
            lambda: lag_is_zero(self.fleet, PPROF_PROFILES), "profiles are stored", seconds=60
        )

    def url(self, path: str, **parameters: str | Sequence[str]) -> str:
        """Return the URL of a question about profiles."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        return f"{self.fleet.query_url}/profiles{path}?{query}"

    def tops(self, **parameters: str | Sequence[str]) -> Tops:
        """Return what every function has, by `hotspots`."""
        answer = get_json(self.url("/hotspots", limit=EVERY_FUNCTION, **parameters))
        assert answer["complete"]
        assert answer["functions"] == len(answer["items"])
        functions = {item["name"]: (item["self"], item["total"]) for item in answer["items"]}
        assert len(functions) == len(answer["items"]), "two functions of one name"
        return Tops(answer["total"], functions)

    def tree_tops(self, **parameters: str | Sequence[str]) -> Tops:
        """Return what every function has, by the tree of `flamegraph`, whose sums are checked."""
        answer = get_json(self.url("/flamegraph", max_nodes=EVERY_NODE, **parameters))
        assert answer["complete"]
        functions: dict[str, tuple[int, int]] = {}
        # Each with the functions that are above it: one in its own call counts once.
        waiting: list[tuple[Any, frozenset[str]]] = [(answer["root"], frozenset())]
        while waiting:
            node, above = waiting.pop()
            assert node["total"] == node["self"] + sum(each["total"] for each in node["children"])
            if node is not answer["root"]:
                own, total = functions.get(node["name"], (0, 0))
                counted = 0 if node["name"] in above else node["total"]
                functions[node["name"]] = own + node["self"], total + counted
                above = above | {node["name"]}
            waiting += [(child, above) for child in node["children"]]
        return Tops(answer["total"], functions)

    def differences(self, **parameters: str | Sequence[str]) -> Tops:
        """Return what every function has more or less than in a baseline, whose total it is of."""
        answer = get_json(self.url("/diff", limit=EVERY_FUNCTION, **parameters))
        assert answer["complete"]
        functions = {
            item["name"]: (item["delta_self"], item["delta_total"]) for item in answer["items"]
        }
        return Tops(answer["baseline"]["total"], functions)

    def download(self, path: str, to: Path, **parameters: str | Sequence[str]) -> Path:
        """Write an answer that is a file to one, and return its path."""
        with urllib.request.urlopen(self.url(path, **parameters), timeout=60) as response:
            to.write_bytes(response.read())
        return to
