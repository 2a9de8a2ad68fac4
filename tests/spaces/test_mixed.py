import jax
import numpy as np
import pytest
from scipy import stats

from nmjax import spaces
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Real, Space, when
from tests.spaces.conditional import DISCRETE, MIXED

PLAIN = Space("plain", op=["a", "b", "c"], rate=Real(1e-4, 1.0, log=True), decay=Real(-2.0, 2.0))


def test_mixed_samples_are_uniform_on_their_scales_and_canonical():
    architecture, continuous = map(
        np.asarray, spaces.sample_mixed(jax.random.key(0), MIXED, (6000,))
    )
    assert (architecture.dtype, continuous.dtype) == (np.int32, np.float32)
    sgd, step = architecture[:, 0] == 1, architecture[:, 2] == 1
    assert not architecture[~sgd, 2].any()
    np.testing.assert_array_equal(continuous[~sgd, 1], np.float32(0.5))
    np.testing.assert_array_equal(continuous[~step, 2], -3)
    laws = [
        (continuous[:, 0], stats.loguniform(1e-4, 1e-1)),
        (continuous[sgd, 1], stats.uniform(0.5, 0.49)),
        (continuous[step, 2], stats.uniform(-3, 5)),
    ]
    for values, law in laws:
        assert stats.kstest(values, law.cdf).pvalue > 1e-3
    assert spaces.sample_mixed(jax.random.key(0), MIXED)[1].shape == (3,)


def test_mixed_canonical_forms_keep_what_is_active():
    architecture = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 1]])
    continuous = np.float32([[0.01, 0.9, 1.0]] * 3)
    found, values = spaces.canonicalize_mixed(MIXED, architecture, continuous)
    np.testing.assert_array_equal(found, [[0, 1, 0], [1, 1, 0], [1, 0, 1]])
    expected = np.float32([[0.01, 0.5, -3.0], [0.01, 0.9, -3.0], [0.01, 0.9, 1.0]])
    np.testing.assert_array_equal(values, expected)
    before = spaces.encode(MIXED, architecture, continuous)
    np.testing.assert_array_equal(before, spaces.encode(MIXED, found, values))
    columns = np.asarray(before)[:, -3:] != 0
    np.testing.assert_array_equal(columns, [[1, 0, 0], [1, 1, 0], [1, 1, 1]])


def test_a_mixed_mutation_changes_one_choice_uniformly():
    start = np.zeros((8000, 1), np.int32), np.float32([[0.01, 0.5]] * 8000)
    architecture, continuous = spaces.mutate_mixed(jax.random.key(1), PLAIN, *start)
    changed = np.concatenate([architecture != start[0], continuous != start[1]], axis=-1)
    np.testing.assert_array_equal(changed.sum(-1), 1)
    assert stats.chisquare(changed.sum(0)).pvalue > 1e-3
    assert spaces.within_bounds(PLAIN, continuous).all()


def test_a_perturbation_is_a_normal_step_reflected_at_the_bounds():
    start = np.zeros((9000, 1), np.int32), np.float32([[1e-4, 1.0]] * 9000)
    _, continuous = spaces.mutate_mixed(jax.random.key(2), PLAIN, *start)
    share = 0.5 * (np.asarray(spaces.to_scale(PLAIN, continuous)) + 1)
    rate = share[np.asarray(continuous)[:, 0] != start[1][0, 0], 0]
    decay = share[np.asarray(continuous)[:, 1] != 1.0, 1]
    assert stats.kstest(rate, stats.halfnorm(0, 0.2).cdf).pvalue > 1e-3
    reflected = stats.norm(0.75, 0.2)
    images = lambda x: (  # noqa: E731
        reflected.cdf(x) - reflected.cdf(-x) + reflected.sf(2 - x) - reflected.sf(2)
    )
    assert stats.kstest(decay, images).pvalue > 1e-3


def test_mutation_of_inactive_choices_does_not_happen():
    start = np.array([[0, 0, 0]] * 3000), np.float32([[0.01, 0.5, -3.0]] * 3000)
    architecture, continuous = spaces.mutate_mixed(jax.random.key(3), MIXED, *start)
    again = spaces.canonicalize_mixed(MIXED, architecture, continuous)
    np.testing.assert_array_equal(again[0], architecture)
    np.testing.assert_array_equal(again[1], continuous)
    architecture, continuous = np.asarray(architecture), np.asarray(continuous)
    active = np.stack(
        [architecture[:, 0] != 0, architecture[:, 1] != 0, continuous[:, 0] != start[1][0, 0]], -1
    )
    np.testing.assert_array_equal(active.sum(-1), 1)
    assert stats.chisquare(active.sum(0)).pvalue > 1e-3
    momentum = continuous[architecture[:, 0] == 1, 1]
    assert stats.kstest(momentum, stats.uniform(0.5, 0.49).cdf).pvalue > 1e-3


def test_mixed_moves_of_discrete_and_of_real_spaces():
    real = Space("real", rate=Real(0, 1))
    none, values = spaces.mutate_mixed(
        jax.random.key(4), real, np.zeros((5, 0), np.int32), np.full((5, 1), 0.5)
    )
    assert none.shape == (5, 0)
    assert (np.asarray(values) != 0.5).all()
    architecture, nothing = spaces.mutate_mixed(
        jax.random.key(4), DISCRETE, np.zeros((5, 6), np.int32), np.zeros((5, 0))
    )
    assert nothing.shape == (5, 0)
    assert (np.asarray(architecture) != 0).any(-1).all()
    stuck = Space.build("stuck", [Choice("a", ("only",))])
    found, _ = spaces.mutate_mixed(jax.random.key(0), stuck, np.zeros((1,), np.int32), np.zeros(0))
    np.testing.assert_array_equal(found, [0])


def test_mixed_moves_vmap_over_keys_and_agree_without_jit():
    keys = jax.random.split(jax.random.key(5), 3)
    start = np.array([1, 0, 1]), np.float32([0.01, 0.9, 1.0])
    batched = jax.vmap(lambda key: spaces.mutate_mixed(key, MIXED, *start))(keys)
    for place, key in enumerate(keys):
        one = spaces.mutate_mixed(key, MIXED, *start)
        np.testing.assert_array_equal(one[0], batched[0][place])
        np.testing.assert_allclose(one[1], batched[1][place], rtol=1e-6)


@pytest.mark.parametrize("space", [MIXED, PLAIN, DISCRETE, spaces.get_space("nas-bench-201")])
def test_a_pool_is_distinct_canonical_and_valid(space):
    architecture, continuous = spaces.sample_pool(jax.random.key(6), space, 300)
    rows = np.concatenate([architecture, continuous], axis=-1)
    expected = min(300, len(spaces.enumerate_architectures(space)) if not space.continuous else 300)
    assert len(rows) == len(np.unique(rows, axis=0)) == expected
    assert (architecture.dtype, continuous.dtype) == (np.int32, np.float32)
    again = spaces.canonicalize_mixed(space, architecture, continuous)
    np.testing.assert_array_equal(again[0], architecture)
    np.testing.assert_array_equal(again[1], continuous)
    assert np.asarray(spaces.is_valid(space, architecture)).all()
    assert spaces.within_bounds(space, continuous).all()
    same = spaces.sample_pool(jax.random.key(6), space, 300)
    np.testing.assert_array_equal(same[0], architecture)


def test_a_pool_of_a_space_too_large_to_enumerate():
    space = spaces.get_space("fbnet")
    architecture, continuous = spaces.sample_pool(jax.random.key(7), space, 1000)
    assert len(np.unique(architecture, axis=0)) == 1000
    assert continuous.shape == (1000, 0)


def test_a_pool_ends_where_the_space_does():
    few = Space("few", root=["x", "y"], **{f"c{i}": when(range_of(9), root="y") for i in range(12)})
    rare = few.replace(valid=lambda architecture: architecture[..., 0] == 0)
    architecture, _ = spaces.sample_pool(jax.random.key(8), rare, 5)
    np.testing.assert_array_equal(architecture, np.zeros((1, 13)))


def range_of(number):
    return list(range(number))


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None])
def test_pool_sizes_are_checked(size):
    with pytest.raises(NmjaxError, match="positive whole number"):
        spaces.sample_pool(jax.random.key(0), PLAIN, size)


def test_functions_of_discrete_choices_say_what_to_use_instead():
    with pytest.raises(NmjaxError, match="sample_pool"):
        spaces.enumerate_architectures(PLAIN)
    with pytest.raises(NmjaxError, match="mutate_mixed"):
        spaces.mutate(jax.random.key(0), PLAIN, np.zeros(1, np.int32))
    with pytest.raises(NmjaxError, match="mutate_mixed"):
        spaces.neighbors(PLAIN, np.zeros(1, np.int32))
    with pytest.raises(NmjaxError, match="continuous"):
        spaces.mutate_mixed(jax.random.key(0), PLAIN, np.zeros(1, np.int32), np.zeros(1))


@pytest.mark.parametrize("function", [spaces.enumerate_architectures])
def test_spaces_too_large_to_enumerate_name_what_to_use(function):
    with pytest.raises(NmjaxError, match=r"sample_pool.*SpaceSearch"):
        function(spaces.get_space("fbnet"))


def test_errors_of_large_spaces_are_raised_outside_of_a_trace():
    pool = np.zeros((2, 22), np.int32)
    for call in (
        lambda: spaces.to_index(spaces.get_space("fbnet"), pool),
        lambda: spaces.pool_neighbors(spaces.get_space("fbnet"), pool),
        lambda: spaces.pool_rows(spaces.get_space("fbnet"), pool, pool),
    ):
        with pytest.raises(NmjaxError, match=r"sample_pool.*SpaceSearch") as raised:
            call()
        assert "jit" not in "".join(entry.name for entry in raised.traceback)
