"""Answers about real profiles are those of `go tool pprof` about the same files."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import pprof_tool
from e2e.clients.builds import ToolchainMissing
from e2e.profiles.altered import ALTERATIONS
from e2e.profiles.asked import EVERY_FUNCTION, ProfileStore, Sent
from e2e.profiles.conftest import MERGED_SERVICE
from fleet import get_json
from profiles.recordings import EXPECTED, LANGUAGES, RECORDED, expected
from rak_libs.pprof.profile_pb2 import Profile

RECORDED_TOPS = expected()
CPU = "cpu/nanoseconds"
FILTERS = (
    ["-focus=fibonacci"],
    ["-focus=main.go"],
    ["-ignore=main.(mix|even)"],
    ["-focus=main.loop", "-ignore=odd"],
    ["-focus=nothing-has-this"],
)
DIFFERENCES = (
    ("go-cpu", "go-http-cpu"),
    ("go-block", "go-http-block"),
    ("python-cpu", "python-cpu"),
)


def top_ten(tops: pprof_tool.Tops, column: int) -> list[int]:
    """Return the ten largest values: those that are alike have no order."""
    return sorted((values[column] for values in tops.functions.values()), reverse=True)[:10]


@pytest.mark.parametrize("name", RECORDED_TOPS)
def test_what_is_kept_of_pprofs_answers_is_what_it_says(name: str) -> None:
    path = RECORDED / f"{name}.pb.gz"
    assert {
        sample_type: pprof_tool.tops([path], sample_type)
        for sample_type in pprof_tool.sample_types(path)
    } == RECORDED_TOPS[name], EXPECTED
    sums = {sample_type: tops.total for sample_type, tops in RECORDED_TOPS[name].items()}
    assert pprof_tool.totals(path) == sums


@pytest.mark.parametrize("name", RECORDED_TOPS)
def test_a_recorded_profile_has_the_totals_and_tops_of_pprof(
    name: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    sent = known[name]
    row = get_json(profiles.url(f"/{sent.profile_id}"))
    sums = {sample_type: tops.total for sample_type, tops in RECORDED_TOPS[name].items()}
    assert dict(zip(row["sample_types"], row["totals"], strict=True)) == sums
    for sample_type, tops in RECORDED_TOPS[name].items():
        asked = {"profile_id": sent.profile_id, "sample_type": sample_type}
        assert profiles.tops(**asked) == tops, sample_type
        assert profiles.tree_tops(**asked) == tops, sample_type


@pytest.mark.parametrize("order", ["self", "total"])
def test_the_first_ten_functions_are_those_of_pprof(
    order: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    for name, by_type in RECORDED_TOPS.items():
        url = profiles.url("/hotspots", profile_id=known[name].profile_id, order=order, limit="10")
        answer = get_json(url)
        tops = by_type[answer["sample_type"]]
        assert [item[order] for item in answer["items"]] == top_ten(
            tops, ["self", "total"].index(order)
        ), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_profile_made_now_has_the_totals_and_tops_of_pprof(
    language: str,
    profiles: ProfileStore,
    made: Mapping[str, Sequence[Sent] | ToolchainMissing],
) -> None:
    written = made[language]
    if isinstance(written, ToolchainMissing):
        if os.environ.get("CI"):
            pytest.fail(f"{written}, and CI needs it")
        pytest.skip(str(written))
    for sent in written:
        row = get_json(profiles.url(f"/{sent.profile_id}"))
        sums = pprof_tool.totals(sent.path)
        assert dict(zip(row["sample_types"], row["totals"], strict=True)) == sums, sent.name
        for sample_type in sums:
            told = pprof_tool.tops([sent.path], sample_type)
            asked = {"service": sent.name, "sample_type": sample_type}
            assert profiles.tree_tops(**asked) == told, (sent.name, sample_type)
        assert profiles.tops(**asked) == told, (sent.name, sample_type)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_a_profile_of_another_shape_has_the_totals_and_tops_of_pprof(
    name: str, profiles: ProfileStore, altered: Mapping[str, Sent]
) -> None:
    sent = altered[name]
    for sample_type in pprof_tool.sample_types(sent.path):
        told = pprof_tool.tops([sent.path], sample_type)
        asked = {"profile_id": sent.profile_id, "sample_type": sample_type}
        shown = profiles.tops(**asked)
        assert shown.functions == told.functions
        assert profiles.tree_tops(**asked).functions == told.functions
        # Of negative values pprof adds the sizes in each sample; here, those in each stack.
        assert shown.total == told.total or name == "negative values"


def test_a_merge_of_profiles_is_that_of_pprof(profiles: ProfileStore, merged: list[Sent]) -> None:
    files = [sent.path for sent in merged]
    for sample_type in pprof_tool.sample_types(files[0]):
        told = pprof_tool.tops(files, sample_type)
        asked = {"service": MERGED_SERVICE, "sample_type": sample_type}
        assert profiles.tops(**asked) == told
        assert profiles.tree_tops(**asked) == told
    answer = get_json(profiles.url("/flamegraph", service=MERGED_SERVICE))
    assert answer["profiles"] == len(merged)


@pytest.mark.parametrize("name", ["go-cpu", "rust-cpu", "javascript-wall", "go-http-goroutine"])
def test_lines_are_those_of_pprof(
    name: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    (sample_type, *_) = RECORDED_TOPS[name]
    told = pprof_tool.tops([known[name].path], sample_type, "-lines")
    url = profiles.url(
        "/hotspots",
        profile_id=known[name].profile_id,
        sample_type=sample_type,
        group_by="line",
        limit=EVERY_FUNCTION,
    )
    answer = get_json(url)
    lines = {item["name"]: (item["self"], item["total"]) for item in answer["items"]}
    assert lines == told.functions


@pytest.mark.parametrize("filters", FILTERS, ids=" ".join)
def test_focus_and_ignore_are_those_of_pprof(
    filters: list[str], profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    sent = known["go-http-cpu"]
    told = pprof_tool.tops([sent.path], CPU, *filters)
    asked = dict(option.removeprefix("-").split("=", 1) for option in filters)
    tops = profiles.tops(profile_id=sent.profile_id, **asked)
    assert tops == told
    assert profiles.tree_tops(profile_id=sent.profile_id, **asked) == told


@pytest.mark.parametrize(("baseline", "comparison"), DIFFERENCES)
def test_a_difference_is_that_of_pprof(
    baseline: str, comparison: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    base, compared = known[baseline], known[comparison]
    for sample_type in RECORDED_TOPS[baseline]:
        told = pprof_tool.tops([compared.path], sample_type, f"-diff_base={base.path}")
        asked = {"baseline_profile_id": base.profile_id, "profile_id": compared.profile_id}
        shown = profiles.differences(sample_type=sample_type, **asked)
        assert shown.total == told.total
        # pprof lists what has no difference too.
        assert without_zeros(shown.functions) == without_zeros(told.functions), sample_type


@pytest.mark.parametrize(("baseline", "comparison"), DIFFERENCES)
def test_a_normalized_difference_is_that_of_pprof_but_for_rounding(
    baseline: str, comparison: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    base, compared = known[baseline], known[comparison]
    options = [f"-diff_base={base.path}", "-normalize"]
    # pprof rounds each sample, by the addresses of its frames; here, each stack of lines.
    rounded = len(Profile.FromString(compared.content).sample) / 2
    for sample_type in RECORDED_TOPS[baseline]:
        told = pprof_tool.tops([compared.path], sample_type, *options)
        asked = {"baseline_profile_id": base.profile_id, "profile_id": compared.profile_id}
        shown = profiles.differences(sample_type=sample_type, normalize="true", **asked)
        assert shown.total == told.total
        for name in told.functions.keys() | shown.functions.keys():
            values = shown.functions.get(name, (0, 0))
            assert values == pytest.approx(told.functions.get(name, (0, 0)), rel=0, abs=rounded)


def without_zeros(functions: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {name: values for name, values in functions.items() if any(values)}


@pytest.mark.parametrize("name", ["go-heap", "rust-cpu", "python-wall", "javascript-heap"])
def test_go_tool_pprof_opens_the_url_of_a_profile(
    name: str, profiles: ProfileStore, known: Mapping[str, Sent]
) -> None:
    url = profiles.url(f"/{known[name].profile_id}/raw").rstrip("?")
    assert pprof_tool.totals(url) == pprof_tool.totals(known[name].path)
    sample_type = next(iter(RECORDED_TOPS[name]))
    assert pprof_tool.tops([url], sample_type) == RECORDED_TOPS[name][sample_type]


def test_a_profile_is_given_back_byte_for_byte(
    profiles: ProfileStore, known: Mapping[str, Sent], tmp_path: Path
) -> None:
    for sent in known.values():
        path = profiles.download(f"/{sent.profile_id}/raw", tmp_path / sent.name)
        assert path.read_bytes() == sent.content, sent.name


def test_go_tool_pprof_opens_a_flame_graph(
    profiles: ProfileStore, merged: list[Sent], tmp_path: Path
) -> None:
    path = profiles.download(
        "/flamegraph", tmp_path / "merged.pb.gz", service=MERGED_SERVICE, format="pprof"
    )
    assert pprof_tool.tops([path], CPU) == pprof_tool.tops([sent.path for sent in merged], CPU)
    lines = pprof_tool.tops([path], CPU, "-lines")
    assert lines == pprof_tool.tops([sent.path for sent in merged], CPU, "-lines")


def test_folded_stacks_and_speedscope_hold_what_pprof_shows(
    profiles: ProfileStore, known: Mapping[str, Sent], tmp_path: Path
) -> None:
    for name in ("go-heap", "rust-cpu", "javascript-wall", "python-cpu"):
        by_type = RECORDED_TOPS[name]
        asked = {"profile_id": known[name].profile_id}
        shown = get_json(profiles.url("/flamegraph", **asked))["sample_type"]
        folded = profiles.download("/flamegraph", tmp_path / name, format="folded", **asked)
        lines = [line.rpartition(" ") for line in folded.read_text().splitlines()]
        assert sum(int(value) for _, _, value in lines) == by_type[shown].total, name
        drawn = get_json(profiles.url("/flamegraph", format="speedscope", **asked))
        assert sum(drawn["profiles"][0]["weights"]) == by_type[shown].total, name
        assert drawn["profiles"][0]["endValue"] == by_type[shown].total, name
