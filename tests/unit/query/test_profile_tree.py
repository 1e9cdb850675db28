"""Trees and top lists of stacks, against the same computed stack by stack in plain Python."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rak_services.query.profiles.stacks import Frame, Node, Stacks, nodes_of
from rak_services.query.profiles.top import tops_of
from rak_services.query.profiles.tree import OTHER_FRAME, ROOT_FRAME, Tree, build_tree

Path = tuple[int, ...]
Sample = tuple[list[int], tuple[int, int]]

FRAMES = 5
PLENTY = 10_000
EXAMPLES = settings(max_examples=60, deadline=None)
SAMPLES = st.lists(
    st.tuples(
        st.lists(st.integers(0, FRAMES - 1), max_size=6),
        st.tuples(st.integers(-50, 50), st.integers(-50, 50)).filter(any),
    ),
    max_size=25,
)


def stacks_of(samples: list[Sample]) -> Stacks:
    lengths = [len(frames) for frames, _ in samples]
    return Stacks(
        starts=np.cumsum([0, *lengths]),
        frames=np.array([frame for frames, _ in samples for frame in frames], np.int64),
        values=np.array([values for _, values in samples], np.int64).reshape(-1, 2),
    )


def naive_tree(samples: list[Sample]) -> dict[Path, list[list[int]]]:
    """Return own values and totals by the path from the root."""
    nodes: dict[Path, list[list[int]]] = defaultdict(lambda: [[0, 0], [0, 0]])
    nodes[()] = [[0, 0], [0, 0]]
    for frames, values in samples:
        path = tuple(reversed(frames))
        for column, value in enumerate(values):
            nodes[path][0][column] += value
            for depth in range(len(path) + 1):
                nodes[path[:depth]][1][column] += value
    return dict(nodes)


def paths_of(tree: Tree) -> list[Path]:
    paths: list[Path] = []
    for parent, frame in zip(tree.parents.tolist(), tree.frames.tolist(), strict=True):
        paths.append(() if frame == ROOT_FRAME else (*paths[parent], frame))
    return paths


def by_path(tree: Tree) -> dict[Path, list[list[int]]]:
    values = zip(tree.self_values.tolist(), tree.totals.tolist(), strict=True)
    found = dict(zip(paths_of(tree), map(list, values), strict=True))
    assert len(found) == len(tree.parents)
    return found


@EXAMPLES
@given(SAMPLES)
def test_a_tree_with_room_for_all_has_every_path_and_its_values(samples: list[Sample]) -> None:
    assert by_path(build_tree(stacks_of(samples), PLENTY, 6)) == naive_tree(samples)


@EXAMPLES
@given(SAMPLES, st.integers(2, 30), st.integers(1, 7))
def test_a_smaller_tree_keeps_what_it_shows_and_every_sum(
    samples: list[Sample], max_nodes: int, max_depth: int
) -> None:
    tree = build_tree(stacks_of(samples), max_nodes, max_depth)
    whole, found = naive_tree(samples), by_path(tree)

    assert len(found) <= max_nodes
    assert all(len(path) <= max_depth + (path[-1:] == (OTHER_FRAME,)) for path in found)
    for path, (own, total) in found.items():
        if path[-1:] != (OTHER_FRAME,):
            assert [own, total] == whole[path]
        children = [found[other][1] for other in found if other[:-1] == path and other]
        assert total == [sum(column) for column in zip(own, *children, strict=True)]


@EXAMPLES
@given(SAMPLES, st.integers(2, 30))
def test_no_node_that_is_left_out_is_larger_than_one_that_is_shown(
    samples: list[Sample], max_nodes: int
) -> None:
    positive = [(frames, (abs(a), abs(b))) for frames, (a, b) in samples]
    found = by_path(build_tree(stacks_of(positive), max_nodes, 6))
    whole = naive_tree(positive)
    shown = [sum(total) for path, (_, total) in found.items() if path[-1:] != (OTHER_FRAME,)]
    left_out = [sum(total) for path, (_, total) in whole.items() if path not in found]
    assert max(left_out, default=0) <= min(shown)


@EXAMPLES
@given(SAMPLES, st.integers(2, 30))
def test_a_larger_tree_would_not_have_fitted(samples: list[Sample], max_nodes: int) -> None:
    found = by_path(build_tree(stacks_of(samples), max_nodes, 6))
    if len(found) < max_nodes - 1:
        # One node more takes two places at most: its own and that of an `(other)` below it.
        assert found == naive_tree(samples)


@EXAMPLES
@given(SAMPLES)
def test_a_top_list_counts_a_stack_once_for_each_of_its_functions(samples: list[Sample]) -> None:
    own, totals = [[0, 0] for _ in range(FRAMES)], [[0, 0] for _ in range(FRAMES)]
    for frames, values in samples:
        for column, value in enumerate(values):
            for leaf in frames[:1]:
                own[leaf][column] += value
            for frame in set(frames):
                totals[frame][column] += value
    found = tops_of(stacks_of(samples), FRAMES)
    assert (found.self_values.tolist(), found.totals.tolist()) == (own, totals)


@EXAMPLES
@given(SAMPLES, st.sets(st.integers(0, FRAMES - 1)))
def test_stacks_can_be_chosen_by_their_frames(samples: list[Sample], marked: set[int]) -> None:
    stacks = stacks_of(samples)
    chosen = stacks.only(stacks.with_any(np.isin(np.arange(FRAMES), list(marked))))
    expected = [(frames, values) for frames, values in samples if marked & set(frames)]
    assert by_path(build_tree(chosen, PLENTY, 6)) == naive_tree(expected)


def test_a_value_beyond_what_a_double_holds_is_exact() -> None:
    samples: list[Sample] = [([0, 1], (2**62, 0)), ([0, 2], (1, 0))]
    assert by_path(build_tree(stacks_of(samples), PLENTY, 6))[()][1] == [2**62 + 1, 0]
    assert tops_of(stacks_of(samples), FRAMES).self_values[0].tolist() == [2**62 + 1, 0]


def test_a_very_deep_stack_is_cut_at_the_depth_that_is_asked_for() -> None:
    tree = build_tree(stacks_of([([1] * 4_000, (7, 0))]), PLENTY, 200)
    assert tree.frames.tolist() == [ROOT_FRAME, *[1] * 200, OTHER_FRAME]
    assert tree.totals[:, 0].tolist() == [7] * 202


def test_frames_are_shown_by_function_as_pprof_does_without_being_asked() -> None:
    frames = [
        Frame("main.work", "/src/a.go", 10),
        Frame("main.work", "/src/a.go", 12),
        Frame("main.rest", "/src/a.go", 30),
        Frame("", mapping="/usr/lib/libc.so", address=0x10),
        Frame("", mapping="/usr/lib/libc.so", address=0x20),
        Frame(""),
    ]
    nodes, numbers = nodes_of(frames, "function")
    assert numbers.tolist() == [0, 0, 1, 2, 2, 3]
    assert nodes == [
        Node("main.work", "main.work", "/src/a.go", 0),
        Node("main.rest", "main.rest", "/src/a.go", 30),
        Node("[libc.so]", "[libc.so]"),
        Node("<unknown>", "<unknown>"),
    ]


def test_frames_are_shown_more_or_less_finely_when_asked() -> None:
    frames = [
        Frame("work", "a.go", 10, "prog"),
        Frame("rest", "a.go", 30, "prog"),
        Frame("", mapping="/lib/c.so", address=16),
        Frame("", mapping="/lib/c.so", address=32),
        Frame("native", "b.cc"),
    ]

    def names(by: str) -> list[str]:
        nodes, numbers = nodes_of(frames, by)  # type: ignore[arg-type] # names of the type below
        return [nodes[number].name for number in numbers]

    assert names("line") == ["work a.go:10", "rest a.go:30", "[c.so]", "[c.so]", "native b.cc"]
    assert names("address")[2:] == ["c.so+0x10", "c.so+0x20", "native b.cc"]
    assert names("file") == ["a.go", "a.go", "[c.so]", "[c.so]", "b.cc"]
    assert names("mapping")[:3] == ["[prog]", "[prog]", "[c.so]"]
