from itertools import combinations, product

import numpy as np
import pytest

from nmjax.spaces import Cell, Choice, Space, encode_paths, get_space

NODES = 5
NAS_BENCH_101 = Space.build(
    "nas-bench-101",
    (
        Choice("edges", ("all", "chain", "apart")),
        *(Choice(f"op{node}", ("conv1x1", "conv3x3", "maxpool")) for node in range(NODES)),
    ),
    cell=Cell(
        labels=tuple(range(1, NODES + 1)),
        topologies=(
            tuple(combinations(range(NODES + 2), 2)),
            tuple((i, i + 1) for i in range(NODES + 1)),
            (
                *((0, i) for i in range(1, NODES + 1)),
                *((i, NODES + 1) for i in range(1, NODES + 1)),
            ),
        ),
        topology=0,
    ),
)
SPACES = {
    space.name: space
    for space in (NAS_BENCH_101, *map(get_space, ("nas-bench-201", "nas-bench-graph")))
}


def paths_by_hand(space, architecture, node=0):
    """The operations on each way from a node to the output, as tuples of options."""
    cell = space.cell
    edges = cell.topologies[0 if cell.topology is None else architecture[cell.topology]]
    found = set()
    for head in (head for tail, head in edges if tail == node):
        if head == cell.num_nodes + 1:
            found.add(())
        else:
            own = int(architecture[cell.labels[head - 1]])
            found |= {(own, *rest) for rest in paths_by_hand(space, architecture, head)}
    return found


@pytest.mark.parametrize(
    ("name", "lengths", "kept"),
    [
        ("nas-bench-101", (0, 1, 2, 3, 4, 5), 40),
        ("nas-bench-201", (1, 2, 3), 30),
        ("nas-bench-graph", (1, 2, 3), 90),
    ],
)
def test_an_enumeration_by_hand(name, lengths, kept):
    space = SPACES[name]
    random = np.random.default_rng(0)
    architecture = random.integers(space.num_options, size=(40, space.num_choices)).astype(np.int32)
    most = 10_000 if name != "nas-bench-graph" else 1000
    options = range(space.num_options[space.cell.labels[0]])
    order = [path for length in lengths for path in product(options, repeat=length)]
    expected = np.array([[p in paths_by_hand(space, a) for p in order] for a in architecture])
    found = np.asarray(encode_paths(space, architecture, most=most))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(encode_paths(space, architecture), expected[:, :kept])


def test_as_many_as_the_paper_says():
    """White, Neiswanger and Savani (2021, "BANANAS"): 364 paths of NAS-Bench-101.

    By their formula, a sum of powers of the number of operations, 155 of NAS-Bench-201.
    """
    for name, number in (("nas-bench-101", 364), ("nas-bench-201", 155)):
        space = SPACES[name]
        nothing = np.zeros(space.num_choices, np.int32)
        assert encode_paths(space, nothing, most=1000).shape == (number,)


def test_without_a_cell_there_are_one_hots():
    space = Space.build("flat", (Choice("a", "xyz"), Choice("b", "xy")))
    found = encode_paths(space, np.array([[2, 0], [0, 1]]))
    np.testing.assert_array_equal(found, [[0, 0, 1, 1, 0], [1, 0, 0, 0, 1]])
