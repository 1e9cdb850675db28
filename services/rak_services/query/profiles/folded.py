"""Merged stacks as folded text: a line a stack, what flamegraph.pl and its relatives read.

The form is that of https://github.com/brendangregg/FlameGraph: frames from the root to the
leaf, semicolons between them, a space, and the value.
"""

from collections import Counter
from typing import Final

from rak_services.query.endpoint import EncodedAnswer
from rak_services.query.profiles.merged import MergedStacks
from rak_services.query.profiles.shown import Grouping, shown_stacks

_SEPARATORS: Final = str.maketrans({";": ":", "\n": " ", "\r": " "})
_NO_FRAMES: Final = "<unknown>"


def folded_file(merged: MergedStacks, grouping: Grouping) -> EncodedAnswer:
    """Return merged stacks as folded text, each stack once, in the order of its text."""
    shown = shown_stacks(merged, grouping.by)
    names = [node.name.translate(_SEPARATORS) for node in shown.nodes]
    starts, frames = shown.stacks.starts.tolist(), shown.stacks.frames.tolist()
    sums: Counter[str] = Counter()
    for number, value in enumerate(shown.stacks.values[:, 0].tolist()):
        stack = [names[frame] for frame in reversed(frames[starts[number] : starts[number + 1]])]
        sums[";".join(stack) or _NO_FRAMES] += value
    text = "".join(f"{stack} {value}\n" for stack, value in sorted(sums.items()))
    return EncodedAnswer(text.encode(), {"Content-Type": "text/plain; charset=utf-8"})
