"""The call tree of stacks, whose totals stay exact however few of its nodes are shown."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rak_services.query.profiles.stacks import Integers, Stacks

ROOT_FRAME: Final = -1
"""The frame of a tree's root, which is of all stacks."""

OTHER_FRAME: Final = -2
"""The frame of a node that stands for all that was left out below its parent."""

LEAST_NODES: Final = 2


@dataclass(frozen=True, slots=True)
class Tree:
    """A call tree; parents come before their children, and the root is the first node.

    The total of a node is its own value and the totals of its children, exactly.

    Attributes:
        parents: The number of each node's parent; of the root, -1.
        frames: The number of each node's frame, or `ROOT_FRAME` or `OTHER_FRAME`.
        self_values: What stacks have that end in the node, one column a value.
        totals: What stacks have that go through the node.
    """

    parents: Integers
    frames: Integers
    self_values: Integers
    totals: Integers


@dataclass(frozen=True, slots=True)
class _Grown:
    """A tree with every node down to some depth, and for each what lies deeper."""

    tree: Tree
    weights: Integers
    deeper: Integers
    has_deeper: NDArray[np.bool_]


def build_tree(stacks: Stacks, max_nodes: int, max_depth: int) -> Tree:
    """Return the call tree of stacks.

    Of a tree that would be larger, the nodes with the largest totals (by size, where some are
    negative) stay. What is left out below a node is one child of it with `OTHER_FRAME`.

    Args:
        stacks: The stacks; no value is zero in every column.
        max_nodes: How many nodes the tree has at most, two or more, those of `OTHER_FRAME`
            included.
        max_depth: How many levels it has at most below its root, one more for `OTHER_FRAME`.
    """
    grown = _grow(stacks, max_depth)
    return _pruned(grown, max(max_nodes, LEAST_NODES))


def sums(numbers: Integers, values: Integers, size: int) -> Integers:
    """Return the sums of the rows of `values` that have the same number, for 0 to `size` - 1."""
    added = np.zeros((size, values.shape[1]), np.int64)
    for column in range(values.shape[1]):
        np.add.at(added[:, column], numbers, values[:, column])
    return added


def _grow(stacks: Stacks, max_depth: int) -> _Grown:
    values, lengths = stacks.values, stacks.lengths
    weights = np.abs(values).sum(axis=1, keepdims=True)
    both = np.concatenate((values, weights), axis=1)
    frames_end = int(stacks.frames.max(initial=0)) + 1
    parents, frames = [np.array([-1])], [np.array([ROOT_FRAME])]
    totals = [both.sum(axis=0, keepdims=True)]
    at = np.zeros(len(values), np.int64)
    growing = np.arange(len(values))
    nodes = 1
    for depth in range(1, max_depth + 1):
        growing = growing[lengths[growing] >= depth]
        if not len(growing):
            break
        frame = stacks.frames[stacks.starts[growing] + lengths[growing] - depth]
        found, which = np.unique(at[growing] * frames_end + frame, return_inverse=True)
        parents.append(found // frames_end)
        frames.append(found % frames_end)
        totals.append(sums(which, both[growing], len(found)))
        at[growing] = nodes + which
        nodes += len(found)
    ends = lengths <= max_depth
    total = np.concatenate(totals)
    return _Grown(
        tree=Tree(
            parents=np.concatenate(parents),
            frames=np.concatenate(frames),
            self_values=sums(at[ends], values[ends], nodes),
            totals=total[:, :-1],
        ),
        weights=total[:, -1],
        deeper=sums(at[~ends], values[~ends], nodes),
        has_deeper=np.bincount(at[~ends], minlength=nodes) > 0,
    )


def _pruned(grown: _Grown, max_nodes: int) -> Tree:
    tree = grown.tree
    ranks = np.empty(len(tree.parents), np.int64)
    # Parents are as large as their children at least and come before them, so also in this order.
    ranks[np.argsort(-grown.weights, kind="stable")] = np.arange(len(ranks))
    kept = ranks < _most_that_fit(grown, ranks, max_nodes)
    numbers = np.cumsum(kept) - 1
    cut = ~kept
    cut[1:] &= kept[tree.parents[1:]]
    left_out = grown.deeper + sums(tree.parents[cut], tree.totals[cut], len(kept))
    has_other = grown.has_deeper.copy()
    has_other[tree.parents[cut]] = True
    with_other = np.flatnonzero(has_other & kept)
    others = left_out[with_other]
    parents = np.where(tree.parents >= 0, numbers[tree.parents], -1)[kept]
    return Tree(
        parents=np.concatenate((parents, numbers[with_other])),
        frames=np.concatenate((tree.frames[kept], np.full(len(with_other), OTHER_FRAME))),
        self_values=np.concatenate((tree.self_values[kept], others)),
        totals=np.concatenate((tree.totals[kept], others)),
    )


def _most_that_fit(grown: _Grown, ranks: Integers, max_nodes: int) -> int:
    """Return how many of the largest nodes may stay, with a node more where something is cut."""
    size = len(ranks)
    last_child = np.zeros(size, np.int64)
    np.maximum.at(last_child, grown.tree.parents[1:], ranks[1:])
    last_child[grown.has_deeper] = size
    # A node has such a child while it stays and its last child does not.
    changes = np.zeros(size + 2, np.int64)
    inner = last_child > 0
    np.add.at(changes, ranks[inner] + 1, 1)
    np.add.at(changes, last_child[inner] + 1, -1)
    others = np.cumsum(changes)[: size + 1]
    fits = np.flatnonzero(np.arange(size + 1) + others <= max_nodes)
    return int(fits[-1])
