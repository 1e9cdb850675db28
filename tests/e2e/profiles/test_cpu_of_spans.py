"""The CPU that an agent in Go spent inside its spans is found by what the spans are."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import pprof_tool
from e2e.clients.builds import ToolchainMissing, programs
from e2e.profiles.asked import ProfileStore
from fleet import get_json, lag_is_zero, wait_until
from profiles.recordings import RealProfile
from rak_libs.pprof.profile_pb2 import Profile

CPU = "cpu/nanoseconds"
SERVICE = "profiled-agent"
INVOCATION = "profiled-invocation"
SEARCH = ("execute_tool search", "execute_tool search again")
SHARED = {
    "main.main",
    "main.run",
    "main.(*agent).work",
    "main.(*agent).work.func1",
    "main.(*agent).inSpan",
    "main.burn",
    "main.cpuTime",
}
"""Functions of the program that are around every piece of its work."""

WORK = {
    "invoke_agent planner": {"main.planSteps", "main.planStep"},
    "chat": {"main.(*agent).work.func1.1", "main.readAnswer", "main.readToken"},
    "execute_tool search": {
        "main.(*agent).work.func1.2",
        "main.searchIndex",
        "main.rankHits",
        "main.rankHits.func1",
        "main.compareHits",
    },
    "execute_tool calculator": {
        "main.(*agent).work.func1.3",
        "main.calculate",
        "main.raisePower",
    },
    "execute_tool search again": {
        "main.(*agent).work.func1.4",
        "main.searchAgain",
        "main.rankAgain",
    },
}
"""What nothing but the work of one span calls, by its name."""

BURNERS = {
    "invoke_agent planner": "main.planStep",
    "chat": "main.readToken",
    "execute_tool search": "main.compareHits",
    "execute_tool calculator": "main.raisePower",
    "execute_tool search again": "main.rankAgain",
}
"""The function that spends the CPU of a span."""


@dataclass(frozen=True)
class AgentRun:
    """What the agent did.

    Attributes:
        trace_id: Its trace.
        spans: Ids of its spans, by name.
        path: A file with the profile that it sent.
    """

    trace_id: str
    spans: Mapping[str, str]
    path: Path

    def labelled(self, names: Sequence[str]) -> pprof_tool.Tops:
        """Return what pprof says of the samples that the labels of some spans are on."""
        ids = "|".join(self.spans[name] for name in names)
        told = pprof_tool.tops([self.path], CPU, f"-tagfocus=span_id=({ids})")
        return pprof_tool.Tops(self.cpu_time(names), told.functions)

    def cpu_time(self, names: Sequence[str]) -> int:
        """Return the nanoseconds of those samples, read from the profile itself."""
        profile = Profile.FromString(pprof_tool.unpacked(self.path))
        texts = profile.string_table
        ids = {self.spans[name] for name in names}
        return sum(
            sample.value[1]
            for sample in profile.sample
            if any(texts[each.key] == "span_id" and texts[each.str] in ids for each in sample.label)
        )


@pytest.fixture(scope="module")
def agent(profiles: ProfileStore, tmp_path_factory: pytest.TempPathFactory) -> AgentRun:
    """An agent that has run to its end, its spans and its profile stored."""
    try:
        command = programs("go")["agent"]
    except ToolchainMissing as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error}, and CI needs it")
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("agent") / "cpu.pb.gz"
    receiver = f"http://127.0.0.1:{profiles.fleet.ports.pprof}"
    options = ["--invocation", INVOCATION, "--pprof", receiver, "--profile", str(path)]
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": profiles.fleet.otlp_http,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": SERVICE,
    }
    ended = subprocess.run(
        [*command, *options],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    wait_until(lambda: lag_is_zero(profiles.fleet), "spans are stored")
    profiles.wait_stored()
    line = json.loads(ended.stdout)
    return AgentRun(line["trace_id"], line["spans"], path)


@pytest.mark.parametrize(
    ("parameter", "value", "names"),
    [
        ("tool", "search", SEARCH),
        ("tool", "calculator", ["execute_tool calculator"]),
        ("model", "small-model", ["chat"]),
        ("name", "execute_tool search again", ["execute_tool search again"]),
        # With all that it called.
        ("agent", "planner", list(WORK)),
    ],
)
def test_the_flame_graph_of_spans_has_their_functions_and_no_others(
    parameter: str, value: str, names: Sequence[str], profiles: ProfileStore, agent: AgentRun
) -> None:
    asked = {parameter: value, "invocation": INVOCATION}
    shown = profiles.tree_tops(**asked)
    assert shown == agent.labelled(names)
    # What is not of the program is Go's runtime, which works for whoever calls it.
    own = {name for name in shown.functions if name.startswith("main.")}
    theirs = tuple(function for name in names for function in WORK[name])
    assert {name for name in own if not name.startswith(theirs)} <= SHARED
    assert own >= {BURNERS[name] for name in names}
    # The program spends 200 ms in each span; a sample stands for 10.
    assert shown.total >= len(names) * 100_000_000
    answer = get_json(profiles.url("/flamegraph", **asked))
    found = [(each["method"], each["profiles"], each["value"]) for each in answer["attribution"]]
    assert found == [("sample_span", 1, shown.total)]


def test_the_profile_of_a_trace_is_all_that_its_labels_are_on(
    profiles: ProfileStore, agent: AgentRun
) -> None:
    everything = profiles.tree_tops(service=SERVICE, trace_id=agent.trace_id)
    assert everything == agent.labelled(list(WORK))
    answer = get_json(f"{profiles.fleet.query_url}/traces/{agent.trace_id}/profile")
    assert answer["total"] == everything.total
    assert "main.sweepFiles" not in everything.functions
    unfiltered = profiles.tree_tops(service=SERVICE)
    assert unfiltered == pprof_tool.tops([agent.path], CPU)
    assert "main.sweepFiles" in unfiltered.functions


def test_without_labels_a_profile_counts_whole_for_the_invocation_and_the_answer_says_so(
    profiles: ProfileStore, agent: AgentRun
) -> None:
    profile = Profile.FromString(pprof_tool.unpacked(agent.path))
    for sample in profile.sample:
        del sample.label[:]
    unlabelled = RealProfile("unlabelled-cpu", profile.SerializeToString())
    sent = profiles.send_as_it_is(unlabelled, invocation_id=INVOCATION)
    profiles.wait_stored()
    asked = {"tool": "calculator", "service": sent.name}
    assert profiles.tree_tops(**asked) == pprof_tool.tops([sent.path], CPU)
    (method,) = get_json(profiles.url("/flamegraph", **asked))["attribution"]
    assert (method["method"], method["profiles"]) == ("invocation_overlap", 1)
