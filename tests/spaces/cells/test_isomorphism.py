import numpy as np
import pytest

from nmjax import spaces
from nmjax.spaces.catalog.nas_bench_201 import EDGES
from nmjax.spaces.cells.isomorphism import representatives, tree_codes
from nmjax.spaces.enumeration import ENUMERABLE


def every_architecture(space):
    return np.stack(np.unravel_index(np.arange(space.size), space.num_options), axis=-1)


def every_representative(space):
    everything = every_architecture(space)
    canonical = np.asarray(spaces.canonicalize(space, everything))
    return everything, np.ravel_multi_index(canonical.T, space.num_options)


def assert_same_partition(a, b):
    pairs = np.unique(np.stack([a, b]), axis=1).shape[1]
    assert pairs == len(np.unique(a)) == len(np.unique(b))


def test_the_lowest_index_of_a_class_stands_for_it():
    codes = np.array([5, 3, 5, 9, 3])
    np.testing.assert_array_equal(representatives(codes), [0, 1, 0, 3, 1])


def test_trees_by_hand():
    index = np.arange(27).reshape(3, 3, 3)
    codes = tree_codes([(0, 0), (0, 1)], num_operations=3, identity=2)
    star, chain = codes.reshape(2, 3, 3)
    assert index.size == codes.size + 9
    np.testing.assert_array_equal(star, star.T)
    assert len(np.unique(star)) == 6
    assert chain[0, 1] != chain[1, 0]
    assert star[0, 1] not in chain
    assert star[0, 2] == chain[0, 2] == chain[2, 0]
    assert star[2, 2] == chain[2, 2] == 0


def test_a_childless_identity_stays_only_beside_a_sibling():
    codes = tree_codes([(0, 1, 1), (0, 1, 2), (0, 0, 1)], num_operations=3, identity=2)
    fork, chain, split = codes.reshape(3, 3, 3, 3)
    assert fork[0, 1, 2] == fork[0, 2, 1]
    assert fork[0, 1, 2] != chain[0, 1, 2]
    assert chain[0, 1, 2] == chain[0, 2, 1] == chain[2, 0, 1] == split[0, 2, 1]
    assert fork[0, 2, 2] not in chain
    assert fork[2, 0, 1] == split[0, 1, 2]


@pytest.mark.parametrize(
    ("name", "classes"), [("nas-bench-graph", 26_206), ("nas-bench-graph-proteins", 2_021)]
)
def test_nas_bench_graph_agrees_with_its_package(name, classes):
    package = pytest.importorskip("nas_bench_graph.architecture")
    space = spaces.get_space(name)
    everything, ours = every_representative(space)
    links = [[int(digit) for digit in option] for option in space.choices[0].options]
    names = space.choices[1].options
    theirs = [
        package.Arch(list(links[row[0]]), [names[op] for op in row[1:]]).valid_hash()
        for row in everything
    ]
    assert_same_partition(ours, np.array(theirs))
    valid = np.asarray(spaces.is_valid(space, everything))
    assert np.sum(~valid) == len(links)
    assert len(np.unique(ours[valid])) == classes
    assert len(np.unique(ours)) == classes + 1


@pytest.mark.parametrize(
    ("name", "published"), [("nas-bench-201", 6_466), ("transnas101-micro", None)]
)
def test_isomorphic_cells_compute_the_same(name, published):
    space = spaces.get_space(name)
    everything, representative = every_representative(space)
    random = np.random.default_rng(0)
    weights = random.normal(size=(max(space.num_options), 4, 4))
    nodes = [np.broadcast_to(random.normal(size=4), (space.size, 4)), 0, 0, 0]
    for (tail, head), operation in zip(EDGES, everything.T, strict=True):
        mapped = np.tanh(np.einsum("nij,nj->ni", weights[operation], nodes[tail]))
        mapped = np.where((operation == 1)[:, None], nodes[tail], mapped)
        nodes[head] = nodes[head] + np.where((operation == 0)[:, None], 0, mapped)
    np.testing.assert_allclose(nodes[3], nodes[3][representative], atol=1e-12)
    if published is not None:
        assert len(np.unique(representative)) == published
    assert len(np.unique(representative)) < space.size / 2


LISTED = [n for n in spaces.catalog.names() if spaces.get_space(n).size <= ENUMERABLE]


@pytest.mark.parametrize("name", LISTED)
def test_canonical_forms_are_idempotent_and_keep_validity(name):
    space = spaces.get_space(name)
    everything, representative = every_representative(space)
    np.testing.assert_array_equal(representative[representative], representative)
    valid = np.asarray(spaces.is_valid(space, everything))
    np.testing.assert_array_equal(valid, valid[representative])
    assert len(spaces.enumerate_architectures(space)) == len(np.unique(representative[valid]))
