"""Questions about profiles, against the same answered in plain Python."""

import gzip
import json
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from integration.query.api_client import Api
from integration.query.conftest import query_service
from integration.query.known_profiles import (
    TYPES,
    KnownProfile,
    KnownSample,
    Merge,
    make_profiles,
    matches,
    merge,
    paths,
    store,
)
from integration.query.known_spans import SECOND
from rak_libs.model.time_text import format_time
from rak_libs.pprof.profile_pb2 import Profile
from rak_libs.runtime.settings import ClickHouseSettings, Config, QuerySettings

PROFILES = "/api/v1/profiles"
START = (time.time_ns() - 3 * 86_400 * SECOND) // SECOND * SECOND
PERIOD = {"start": str(START), "end": str(START + 3_600 * SECOND)}


@pytest.fixture(scope="module")
def known(clickhouse: ClickHouseSettings) -> list[KnownProfile]:
    """Random profiles, three days old; the first ones are stored twice, as agents may send them."""
    profiles = make_profiles(seed=11, count=90, first=START)
    store(clickhouse, profiles, time.time_ns())
    store(clickhouse, profiles[:30], time.time_ns())
    return profiles


def draw_filters(draw: random.Random, known: list[KnownProfile]) -> dict[str, str]:
    """Return filters that some profile meets, as far as it has what they ask for."""
    profile = draw.choice(known)
    own = {
        "service": profile.service,
        "agent": profile.agent,
        "invocation": profile.invocation,
        "session": profile.session,
        "kind": profile.kind.lower(),
        "trace_id": profile.trace_id,
        **{f"label.{key}": text for key, text in profile.labels.items()},
        "label.tool": draw.choice(["", "search"]),
    }
    asked = {name: text for name, text in own.items() if text and draw.random() < 0.25}
    of_sample = [dict(sample.labels).get("trace_id") for sample in profile.samples]
    if draw.random() < 0.15 and any(of_sample):
        asked["trace_id"] = next(filter(None, of_sample))
    return asked


def test_a_walk_lists_what_matches_newest_first_and_once(
    api: Api, known: list[KnownProfile]
) -> None:
    draw = random.Random(1)
    for limit in (1, 7, 50):
        asked = draw_filters(draw, known) if limit > 1 else {"service": "beta", "kind": "HEAP"}
        items = api.items(PROFILES, {**PERIOD, **asked, "limit": str(limit)})
        found = [(profile.time, profile.profile_id) for profile in known if matches(profile, asked)]
        expected = [profile_id for _, profile_id in sorted(found, reverse=True)]
        assert [item["profile_id"] for item in items] == expected, asked


def test_every_filter_finds_what_it_should(api: Api, known: list[KnownProfile]) -> None:
    draw = random.Random(2)
    for _ in range(25):
        asked = draw_filters(draw, known)
        items = api.items(PROFILES, {**PERIOD, **asked, "limit": "1000"})
        expected = {profile.profile_id for profile in known if matches(profile, asked)}
        assert {item["profile_id"] for item in items} == expected, asked


def test_the_range_is_half_open(api: Api, known: list[KnownProfile]) -> None:
    period = {"start": str(START + SECOND), "end": str(START + 2 * SECOND)}
    items = api.items(PROFILES, period)
    expected = {profile.profile_id for profile in known if profile.time == START + SECOND}
    assert {item["profile_id"] for item in items} == expected


def test_one_profile_is_answered_whole(api: Api, known: list[KnownProfile]) -> None:
    profile = next(each for each in known if each.kind == "HEAP" and each.trace_id and each.labels)
    answer = api.get(f"{PROFILES}/{profile.profile_id.upper()}").json
    assert answer["profile_id"] == profile.profile_id
    assert answer["timestamp"] == format_time(profile.time)
    assert answer["labels"] == profile.labels
    assert answer["sample_types"] == list(TYPES["HEAP"])
    assert answer["totals"] == [profile.total(each) for each in TYPES["HEAP"]]
    assert answer["sample_type"] == "inuse_space/bytes"
    assert answer["samples"] == len(profile.samples)
    assert answer["raw_bytes"] == len(profile.content)
    names = sorted(function for function, _ in profile.frames)
    assert [function["name"] for function in answer["function_list"]] == names
    assert answer["links"]["trace"] == f"/api/v1/traces/{profile.trace_id}"
    assert api.get(answer["links"]["hotspots"]).json["profiles"] == 1


def test_the_bytes_of_a_profile_are_those_that_were_sent(
    api: Api, known: list[KnownProfile]
) -> None:
    answer = api.get(f"{PROFILES}/{known[0].profile_id}/raw")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.body == known[0].content


@pytest.mark.parametrize("path", ["", "/raw"])
def test_a_profile_that_is_not_stored_is_not_found(api: Api, path: str) -> None:
    answer = api.get(f"{PROFILES}/{'0' * 32}{path}")
    assert (answer.status, answer.json["detail"]) == (404, f"no profile {'0' * 32} is stored")


def check_head(answer: Any, expected: Merge) -> None:
    assert answer["profile_type"] == expected.kind
    assert answer["sample_type"] == expected.sample_type
    assert (answer["profiles"], answer["left_out"]) == (expected.profiles, expected.left_out)
    assert answer["total"] == sum(value for _, value in expected.samples)
    assert answer["complete"] is True


def test_hotspots_are_the_sums_of_everything_that_matches(
    api: Api, known: list[KnownProfile]
) -> None:
    draw = random.Random(3)
    for _ in range(25):
        asked = draw_filters(draw, known)
        sample_type = draw.choice(["", "", "cpu", "alloc_space", "inuse_space/bytes", "delay"])
        chosen = {"sample_type": sample_type} if sample_type else {}
        order = draw.choice(["self", "total"])
        answer = api.get(
            f"{PROFILES}/hotspots", {**PERIOD, **asked, **chosen, "order": order, "limit": "1000"}
        ).json
        expected = merge(known, asked, sample_type)
        check_head(answer, expected)
        items = answer["items"]
        assert {each["name"]: (each["self"], each["total"]) for each in items} == expected.tops()
        assert [each[order] for each in items] == sorted((e[order] for e in items), reverse=True)


def test_hotspots_have_their_share_of_the_total(api: Api, known: list[KnownProfile]) -> None:
    answer = api.get(f"{PROFILES}/hotspots", {**PERIOD, "limit": "2"}).json
    assert answer["functions"] > len(answer["items"]) == 2
    for item in answer["items"]:
        assert item["self_percent"] == pytest.approx(100 * item["self"] / answer["total"], abs=1e-4)
        assert item["total_percent"] == pytest.approx(
            100 * item["total"] / answer["total"], abs=1e-4
        )


def test_a_flame_graph_is_the_tree_of_everything_that_matches(
    api: Api, known: list[KnownProfile]
) -> None:
    draw = random.Random(4)
    for _ in range(15):
        asked = draw_filters(draw, known)
        # Of a flame graph that is the agent of spans.
        asked.pop("agent", None)
        answer = api.get(f"{PROFILES}/flamegraph", {**PERIOD, **asked}).json
        expected = merge(known, asked, "")
        check_head(answer, expected)
        found = {p: (n["self"], n["total"]) for p, n in paths(answer["root"]).items()}
        assert {path: values for path, values in found.items() if any(values)} == expected.tree()


def test_a_small_tree_has_the_same_sums(api: Api, known: list[KnownProfile]) -> None:
    answer = api.get(f"{PROFILES}/flamegraph", {**PERIOD, "max_nodes": "30"}).json
    nodes = paths(answer["root"])
    assert answer["nodes"] == len(nodes) <= 30
    expected = merge(known, {}, "").tree()
    for path, node in nodes.items():
        assert node["total"] == node["self"] + sum(child["total"] for child in node["children"])
        if "(other)" not in path:
            assert (node["self"], node["total"]) == expected[path]


def test_focus_and_ignore_choose_whole_stacks(api: Api, known: list[KnownProfile]) -> None:
    asked = {**PERIOD, "limit": "1000", "focus": r"^json\."}
    answer = api.get(f"{PROFILES}/hotspots", asked).json
    expected = merge(known, {}, "")
    check_head(answer, expected)
    found = {each["name"]: (each["self"], each["total"]) for each in answer["items"]}
    assert found == expected.only("json.").tops()
    ignored = api.get(f"{PROFILES}/hotspots", {**asked, "ignore": "/src/json.go$"}).json
    assert ignored["items"] == []


@pytest.mark.parametrize("name", ["focus", "ignore"])
@pytest.mark.parametrize("path", ["flamegraph", "hotspots"])
def test_what_is_no_regular_expression_is_told(api: Api, path: str, name: str) -> None:
    answer = api.get(f"{PROFILES}/{path}", {**PERIOD, name: "main.("})
    assert (answer.status, answer.json["parameter"]) == (400, name)


def test_levels_above_the_stacks_are_services_agents_and_labels(
    api: Api, known: list[KnownProfile]
) -> None:
    groups = [("group_by", name) for name in ("service", "label.env", "label.tool")]
    answer = api.get(f"{PROFILES}/flamegraph", [*PERIOD.items(), *groups]).json
    sums: dict[tuple[str, ...], int] = {}
    for profile in known:
        if profile.kind == "CPU":
            for sample in profile.samples:
                labels = profile.labels | dict(sample.labels)
                texts = [labels.get(name, "(none)") for name in ("env", "tool")]
                path = (profile.service, *texts)
                sums[path] = sums.get(path, 0) + sample.values[1]
    nodes = paths(answer["root"])
    found = {path: node["total"] for path, node in nodes.items() if len(path) == 3}
    assert found == {path: total for path, total in sums.items() if total}


def test_frames_are_told_by_line_when_asked(api: Api, known: list[KnownProfile]) -> None:
    asked = {**PERIOD, "group_by": "line", "limit": "1000"}
    items = api.get(f"{PROFILES}/hotspots", asked).json["items"]
    sums: dict[tuple[str, int], int] = {}
    for stack, value in merge(known, {}, "").samples:
        for function, line in set(stack):
            sums[function, line] = sums.get((function, line), 0) + value
    found = {(item["function"], item["line"]): item["total"] for item in items}
    assert found == {frame: total for frame, total in sums.items() if total}


def test_files_for_other_tools_have_the_same_sums(api: Api, known: list[KnownProfile]) -> None:
    expected = merge(known, {"service": "alpha"}, "")
    asked = {**PERIOD, "service": "alpha"}
    total = sum(value for _, value in expected.samples)

    folded = api.get(f"{PROFILES}/flamegraph", {**asked, "format": "folded"}).body.decode()
    lines = [line.rpartition(" ") for line in folded.splitlines()]
    own = {path: values[0] for path, values in expected.tree().items() if values[0]}
    found = {tuple(stack.split(";")): int(value) for stack, _, value in lines}
    assert found == {path or ("<unknown>",): value for path, value in own.items()}

    file = json.loads(api.get(f"{PROFILES}/flamegraph", {**asked, "format": "speedscope"}).body)
    assert sum(file["profiles"][0]["weights"]) == total

    answer = api.get(f"{PROFILES}/flamegraph", {**asked, "format": "pprof"})
    profile = Profile.FromString(gzip.decompress(answer.body))
    assert sum(sample.value[0] for sample in profile.sample) == total


def test_a_diff_sets_two_merges_beside_one_another(api: Api, known: list[KnownProfile]) -> None:
    asked = {**PERIOD, "service": "alpha", "baseline_service": "beta", "limit": "1000"}
    answer = api.get(f"{PROFILES}/diff", asked).json
    comparison, baseline = (merge(known, {"service": name}, "") for name in ("alpha", "beta"))
    for side, expected in (("comparison", comparison), ("baseline", baseline)):
        assert answer[side]["profiles"] == expected.profiles
        assert answer[side]["left_out"] == expected.left_out
        assert answer[side]["total"] == sum(value for _, value in expected.samples)
        tops = {
            item["name"]: (item[f"{side}_self"], item[f"{side}_total"]) for item in answer["items"]
        }
        assert {name: values for name, values in tops.items() if any(values)} == expected.tops()
        tree = {
            path: (node[f"{side}_self"], node[f"{side}_total"])
            for path, node in paths(answer["root"]).items()
        }
        assert {path: values for path, values in tree.items() if any(values)} == expected.tree()
    for node in [*answer["items"], *paths(answer["root"]).values()]:
        assert node["delta_self"] == node["comparison_self"] - node["baseline_self"]
        assert node["delta_total"] == node["comparison_total"] - node["baseline_total"]


def test_a_normalised_diff_has_the_total_of_the_baseline(
    api: Api, known: list[KnownProfile]
) -> None:
    asked = {**PERIOD, "service": "alpha", "baseline_service": "beta", "normalize": "true"}
    answer = api.get(f"{PROFILES}/diff", asked).json
    scale = answer["baseline"]["total"] / answer["comparison"]["total"]
    assert answer["scale"] == pytest.approx(scale)
    root = answer["root"]
    assert root["comparison_total"] == pytest.approx(root["baseline_total"], rel=1e-9)


def test_a_diff_without_a_baseline_is_refused(api: Api) -> None:
    answer = api.get(f"{PROFILES}/diff", {**PERIOD, "service": "alpha"})
    assert (answer.status, answer.json["parameter"]) == (400, "baseline_start")


def test_a_stack_deeper_than_json_can_be_is_cut_and_adds_up(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    stack = tuple((f"main.f{depth}", 1) for depth in range(2_000))
    deep = KnownProfile(START + 1_800 * SECOND, (KnownSample(stack, (1, 5)),), service="deep")
    store(clickhouse, [deep], time.time_ns())
    asked = {**PERIOD, "service": "deep"}
    answer = json.loads(api.get(f"{PROFILES}/flamegraph", asked).body)
    assert {node["total"] for node in paths(answer["root"]).values()} == {5}
    assert answer["nodes"] == 252
    folded = api.get(f"{PROFILES}/flamegraph", {**asked, "format": "folded"}).body
    assert folded.count(b";") == 1_999


def heap_profiles(known: Iterable[KnownProfile]) -> list[KnownProfile]:
    return [profile for profile in known if profile.kind == "HEAP"]


def memory_of(profile: KnownProfile) -> tuple[int, ...]:
    return tuple(
        profile.total(name)
        for name in (
            "alloc_space/bytes",
            "alloc_objects/count",
            "inuse_space/bytes",
            "inuse_objects/count",
        )
    )


def answered(item: dict[str, Any]) -> tuple[int, ...]:
    names = ("total_allocated", "allocation_count", "current_usage", "current_count")
    return tuple(item[name] for name in names)


def test_memory_has_a_row_a_heap_profile_newest_first(api: Api, known: list[KnownProfile]) -> None:
    items = api.items("/api/v1/memory", {**PERIOD, "limit": "5"})
    expected = {each.profile_id: memory_of(each) for each in heap_profiles(known)}
    assert {item["profile_id"]: answered(item) for item in items} == expected
    assert len(items) == len(expected)
    times = [item["timestamp"] for item in items]
    assert times == sorted(times, reverse=True)


def test_memory_in_steps_has_the_largest_of_each(api: Api, known: list[KnownProfile]) -> None:
    step = 10 * SECOND
    items = api.items("/api/v1/memory", {**PERIOD, "step": "10s", "limit": "3"})
    groups: dict[tuple[str, str, str], list[tuple[int, ...]]] = {}
    for each in heap_profiles(known):
        key = (format_time(each.time // step * step), each.service, each.agent)
        groups.setdefault(key, []).append(memory_of(each))
    found = {
        (item["timestamp"], item["service_name"], item["agent_name"]): (
            item["profiles"],
            answered(item),
        )
        for item in items
    }
    assert found == {
        key: (len(rows), tuple(map(max, zip(*rows, strict=True)))) for key, rows in groups.items()
    }
    assert len(items) == len(groups)


def test_allocators_are_the_leaves_of_all_heap_profiles(
    api: Api, known: list[KnownProfile]
) -> None:
    asked = {**PERIOD, "service": "alpha", "order": "current_size", "limit": "1000"}
    answer = api.get("/api/v1/memory/allocators", asked).json
    chosen = [each for each in heap_profiles(known) if each.service == "alpha"]
    assert answer["profiles"] == len(chosen)
    sums: dict[tuple[str, int], list[int]] = {}
    for profile in chosen:
        for sample in profile.samples:
            if sample.stack:
                values = sums.setdefault(sample.stack[0], [0] * 4)
                for index, value in enumerate(sample.values):
                    values[index] += value
    found = {
        (item["location"], item["line"]): [
            item[name] for name in ("count", "size", "current_count", "current_size")
        ]
        for item in answer["items"]
    }
    assert found == sums
    sizes = [item["current_size"] for item in answer["items"]]
    assert sizes == sorted(sizes, reverse=True)


def test_what_a_limit_cuts_says_so(endless: Config, tmp_path: Path) -> None:
    """Lists say that they are not complete; a merge has no meaning in part."""
    limits = QuerySettings(max_query_time_seconds=0.4)
    with query_service(endless, tmp_path, limits) as (api, _):
        everything = {"start": "0"}
        assert api.page(PROFILES, everything)["complete"] is False
        assert api.page("/api/v1/memory", everything)["complete"] is False
        assert api.page("/api/v1/memory/allocators", everything)["complete"] is False
        for path in ("flamegraph", "hotspots", "diff"):
            asked = {**everything, "baseline_end": "now"} if path == "diff" else everything
            assert api.get(f"{PROFILES}/{path}", asked).status in {422, 504}
