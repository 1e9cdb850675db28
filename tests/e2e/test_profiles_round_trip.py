"""Whatever profiles a client may send lie in the tables as they were sent, sample by sample."""

import json
import time
from typing import Any

from fleet import Fleet, lag_is_zero, post_traces, select, wait_until
from profile_generation import Frame, expected_samples, profiles
from rak_libs.kafka.topics import PPROF_PROFILES
from round_trips import drawn

PROFILES = 200
SERVICE = "round-trip"

STORED = f"""
SELECT labels['number'], hex(raw_pprof), samples.stack, samples.values, samples.label_texts,
    totals, length(sample_types)
FROM cpu_profiles WHERE service_name = '{SERVICE}'
"""
STACKS = f"""
SELECT stack, arrayZip(functions, system_names, files, start_lines, lines, columns, inlined,
    mappings, addresses)
FROM profile_stacks FINAL WHERE service_name = '{SERVICE}'
"""


def test_generated_profiles_lie_in_the_tables_as_they_were_sent(started: Fleet) -> None:
    """Byte for byte; and stacks, values and labels as a plain reading of each profile has them."""
    sent = drawn(profiles(time_ns=time.time_ns()), PROFILES)
    url = f"http://127.0.0.1:{started.ports.pprof}/pprof/profile?service_name={SERVICE}"
    for number, profile in enumerate(sent):
        post_traces(f"{url}&labels=number%3D{number}", profile.SerializeToString())
    wait_until(lambda: lag_is_zero(started, PPROF_PROFILES), "everything is written", seconds=60)

    frames = {stack: tuple(Frame(*each) for each in of) for stack, of in select(started, STACKS)}
    stored = {int(row[0]): row[1:] for row in select(started, STORED)}
    assert len(stored) == PROFILES
    for number, profile in enumerate(sent):
        raw, stacks, values, labels, totals, types = stored[number]
        assert bytes.fromhex(raw) == profile.SerializeToString()
        expected = expected_samples(profile)
        assert [frames[stack] for stack in stacks] == [each.frames for each in expected]
        assert [tuple(each) for each in values] == [each.values for each in expected]
        assert [_labels(text) for text in labels] == [each.labels for each in expected]
        assert list(totals) == [
            _sum(each.values[place] for each in expected) for place in range(types)
        ]


def _labels(text: str) -> dict[str, Any]:
    labels: dict[str, Any] = json.loads(text) if text else {}
    return labels


def _sum(values: Any) -> int:
    """Add as a column of 64 bits does."""
    total = sum(values) % 2**64
    return total - 2**64 if total >= 2**63 else total
