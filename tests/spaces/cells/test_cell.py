import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import Cell, line_graph, rooted_tree


def test_rooted_tree_feeds_children_and_sends_leaves_out():
    assert set(rooted_tree((0, 1, 1, 2))) == {
        (0, 1), (1, 2), (1, 3), (2, 4), (3, 5), (4, 5),
    }  # fmt: skip


def test_line_graph_of_a_four_node_dag():
    edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    expected = {
        (0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7),
    }  # fmt: skip
    assert set(line_graph(edges)) == expected


def test_adjacency_and_depths():
    cell = Cell((1, 2), [[(0, 1), (1, 2), (2, 3)], [(0, 1), (0, 2), (1, 2), (2, 3)]], 0)
    assert cell.adjacency.shape == (2, 4, 4)
    assert {tuple(pair) for pair in np.argwhere(cell.adjacency[0])} == {(0, 1), (1, 2), (2, 3)}
    np.testing.assert_array_equal(cell.depths, [[1, 2], [1, 1]])


@pytest.mark.parametrize(
    ("labels", "topologies", "topology"),
    [
        ((), [[(0, 1)]], None),
        ((0, 0), [[(0, 1), (1, 2), (2, 3)]], None),
        ((0,), [[(0, 1), (1, 2)]], 0),
        ((0,), [[(0, 1), (1, 2)]] * 2, None),
        ((0,), [], 1),
        ((0,), [[(0, 1), (1, 3)]], None),
        ((0,), [[(1, 0), (1, 2)]], None),
        ((0,), [[(0, 1), (0, 1), (1, 2)]], None),
        ((0,), [[(0, 2)]], None),
        ((0,), [[(0, 1)]], None),
    ],
)
def test_cells_that_make_no_sense_are_refused(labels, topologies, topology):
    with pytest.raises(NmjaxError):
        Cell(labels, topologies, topology)
