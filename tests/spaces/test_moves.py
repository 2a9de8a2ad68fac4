import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax import spaces
from nmjax.spaces import Choice, RealChoice, Space

ODD = Space.build(
    "odd",
    [Choice("a", range(3)), Choice("b", ("only",)), Choice("c", range(4))],
    valid=lambda architecture: architecture.sum(-1) % 2 == 1,
)


def test_sample_is_uniform_over_the_valid_architectures():
    draws = spaces.sample(jax.random.key(0), ODD, (6000,))
    assert draws.dtype == jnp.int32
    counts = np.bincount(spaces.to_index(ODD, draws), minlength=ODD.size).reshape(3, 4)
    valid = np.add.outer(np.arange(3), np.arange(4)) % 2 == 1
    assert not counts[~valid].any()
    assert stats.chisquare(counts[valid]).pvalue > 1e-3


def test_sample_vmaps_over_keys():
    def keys():
        return jax.random.split(jax.random.key(1), 4)

    draws = jax.vmap(lambda key: spaces.sample(key, ODD, (20,)))(keys())
    np.testing.assert_array_equal(spaces.sample(keys()[0], ODD, (20,)), draws[0])
    assert len(np.unique(draws, axis=0)) == 4
    assert spaces.sample(keys()[0], ODD).shape == (3,)


@pytest.mark.slow
def test_moves_agree_without_jit():
    def moves():
        architecture = spaces.sample(jax.random.key(5), ODD, (6,))
        return architecture, spaces.mutate(jax.random.key(6), ODD, architecture)

    compiled = moves()
    with jax.disable_jit():
        jax.tree.map(np.testing.assert_array_equal, moves(), compiled)


def test_sample_reals_is_uniform_on_each_scale():
    space = Space.build("r", (), [RealChoice("x", -2.0, 3.0), RealChoice("y", 1e-4, 10.0, "log")])
    draws = np.asarray(spaces.sample_continuous(jax.random.key(2), space, (4000,)))
    assert draws.shape == (4000, 2)
    assert stats.kstest(draws[:, 0], stats.uniform(-2, 5).cdf).pvalue > 1e-3
    assert stats.kstest(draws[:, 1], stats.loguniform(1e-4, 10).cdf).pvalue > 1e-3
    assert spaces.sample_continuous(jax.random.key(0), ODD, (3,)).shape == (3, 0)


@pytest.mark.parametrize("start", [(0, 0, 1), (2, 0, 3), (1, 0, 0)])
def test_neighbors_are_all_one_choice_changes(start):
    changed, valid = spaces.neighbors(ODD, np.array(start))
    assert changed.shape == (5, 3)
    expected = {
        (a, 0, c)
        for a in range(3)
        for c in range(4)
        if ((a, 0, c) != start) and (a == start[0] or c == start[2])
    }
    assert {tuple(row) for row in np.asarray(changed).tolist()} == expected
    np.testing.assert_array_equal(valid, np.asarray(changed).sum(-1) % 2 == 1)


def test_neighbors_over_leading_axes():
    space = spaces.get_space("nas-bench-201")
    architecture = np.random.default_rng(0).integers(5, size=(2, 3, 6))
    changed, valid = spaces.neighbors(space, architecture)
    assert changed.shape == (2, 3, 24, 6)
    assert valid.shape == (2, 3, 24)
    differences = np.sum(np.asarray(changed) != architecture[:, :, None, :], axis=-1)
    np.testing.assert_array_equal(differences, 1)


def test_mutate_is_uniform_over_choices_then_options():
    space = spaces.get_space("hpobench")
    start = np.broadcast_to([3, 0, 1, 9, 4], (5000, 5))
    result = spaces.mutate(jax.random.key(3), space, start)
    different = np.asarray(result != start)
    np.testing.assert_array_equal(different.sum(-1), 1)
    assert stats.chisquare(different.sum(0)).pvalue > 1e-3
    first = np.bincount(np.asarray(result)[different[:, 0], 0], minlength=10)
    assert first[3] == 0
    assert stats.chisquare(np.delete(first, 3)).pvalue > 1e-3


def test_mutate_is_uniform_over_the_choices_that_have_a_valid_change():
    start = np.broadcast_to([0, 0, 1], (3000, 3))
    result = np.asarray(spaces.mutate(jax.random.key(4), ODD, start))
    found, counts = np.unique(result, axis=0, return_counts=True)
    np.testing.assert_array_equal(found, [[0, 0, 3], [2, 0, 1]])
    assert stats.chisquare(counts).pvalue > 1e-3


def test_mutate_leaves_what_cannot_change():
    stuck = Space.build(
        "stuck",
        [Choice("a", range(3)), Choice("b", range(2))],
        valid=lambda architecture: architecture.sum(-1) == 0,
    )
    zero = jnp.zeros(2, jnp.int32)
    np.testing.assert_array_equal(spaces.mutate(jax.random.key(0), stuck, zero), zero)
    single = Space.build("single", [Choice("a", ("only",))])
    np.testing.assert_array_equal(spaces.mutate(jax.random.key(0), single, zero[:1]), [0])


def test_moves_are_traced_once_for_a_shape():
    space = spaces.get_space("nas-bench-graph")
    traces = []

    @jax.jit
    def walk(key):
        traces.append(None)
        first, second = jax.random.split(key)
        return spaces.mutate(second, space, spaces.sample(first, space, (4,)))

    for seed in range(3):
        assert spaces.is_valid(space, walk(jax.random.key(seed))).all()
    assert len(traces) == 1
