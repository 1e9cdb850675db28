"""Merged stacks as a file of speedscope.

The form is that of https://www.speedscope.app/file-format-schema.json: stacks from the root to the
leaf as indexes of frames, and their weights.
"""

from typing import Any, Final

import msgspec

from rak_services.query.endpoint import EncodedAnswer
from rak_services.query.profiles.merged import MergedStacks
from rak_services.query.profiles.shown import Grouping, shown_stacks
from rak_services.query.profiles.stacks import Node

_SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"
_UNITS: Final = frozenset({"nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"})


def speedscope_file(merged: MergedStacks, grouping: Grouping) -> EncodedAnswer:
    """Return merged stacks as a file that speedscope opens."""
    shown = shown_stacks(merged, grouping.by)
    starts, frames = shown.stacks.starts.tolist(), shown.stacks.frames.tolist()
    weights = shown.stacks.values[:, 0].tolist()
    profile = {
        "type": "sampled",
        "name": merged.sample_type,
        "unit": merged.unit if merged.unit in _UNITS else "none",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": [frames[starts[n] : starts[n + 1]][::-1] for n in range(len(weights))],
        "weights": weights,
    }
    file = {
        "$schema": _SCHEMA,
        "shared": {"frames": [_frame(node) for node in shown.nodes]},
        "profiles": [profile],
        "name": f"{merged.kind} {merged.sample_type}",
        "exporter": "rak-ingest",
    }
    return EncodedAnswer(msgspec.json.encode(file), {"Content-Type": "application/json"})


def _frame(node: Node) -> dict[str, Any]:
    frame: dict[str, Any] = {"name": node.name}
    if node.file:
        frame["file"] = node.file
    if node.line:
        frame["line"] = node.line
    return frame
