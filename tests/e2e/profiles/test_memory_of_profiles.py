"""What is answered about memory is what `go tool pprof` says of the same heap profiles."""

from collections.abc import Mapping
from typing import Any

import pytest

import pprof_tool
from e2e.profiles.asked import ProfileStore, Sent
from fleet import get_json

COLUMNS = {
    "total_allocated": "alloc_space/bytes",
    "allocation_count": "alloc_objects/count",
    "current_usage": "inuse_space/bytes",
    "current_count": "inuse_objects/count",
}
SITES = {
    "size": "alloc_space/bytes",
    "count": "alloc_objects/count",
    "current_size": "inuse_space/bytes",
    "current_count": "inuse_objects/count",
}
HEAPS = ("go-heap", "go-allocs", "javascript-heap")


@pytest.mark.parametrize("name", HEAPS)
def test_the_memory_of_a_heap_profile_is_its_totals(
    name: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    (row,) = get_json(f"{profiles.fleet.query_url}/memory?service={name}")["items"]
    sums = pprof_tool.totals(known[name].path)
    assert {column: row[column] for column in COLUMNS} == {
        column: sums.get(sample_type, 0) for column, sample_type in COLUMNS.items()
    }


def line_of(site: Mapping[str, Any]) -> str:
    """Return the name that pprof gives to a line of a function."""
    line = f":{site['line']}" if site["line"] else ""
    return f"{site['location']} {site['filename']}{line}".rstrip()


@pytest.mark.parametrize("name", HEAPS)
def test_the_places_that_allocate_have_what_pprof_says_of_their_lines(
    name: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    answer = get_json(f"{profiles.fleet.query_url}/memory/allocators?service={name}&limit=1000")
    assert answer["profiles"] == 1
    # The hundred largest are kept of a profile; these have fewer.
    assert len(answer["items"]) < 100
    kept = pprof_tool.sample_types(known[name].path)
    for column, sample_type in SITES.items():
        if sample_type not in kept:
            assert {site[column] for site in answer["items"]} == {0}
            continue
        told = pprof_tool.tops([known[name].path], sample_type, "-lines")
        lines = {line_of(site): site[column] for site in answer["items"]}
        flat = {line: own for line, (own, _) in told.functions.items() if own}
        assert {line: value for line, value in lines.items() if value} == flat
