"""Training many children at once: determinism, independence, failures and compilations."""

import re
from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.experiments import batch_mesh
from nmjax.live import (
    MLPFamily,
    TrainingConfig,
    TrainingHyper,
    TransformerFamily,
    batch_order,
    train_children,
)
from nmjax.live.children import _train
from nmjax.live.groups import split_by_size
from tests.live.plain import small_data

FAMILY = MLPFamily(4, 3, widths=(2, 4), depths=(1,), activations=("relu",))
CONFIG = TrainingConfig(optimizer="sgd", epochs=3, batch_size=8, chunk=4)
CHILDREN = jnp.array([[0, 0, 0], [0, 1, 0], [0, 1, 0]], jnp.int32)
COLLECTIVE = re.compile(" (all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute)")
RATES = TrainingHyper(learning_rate=jnp.array([0.1, 0.1, 1e30]))


def key(seed=0):
    return jax.random.key(seed)


@pytest.fixture(scope="module")
def result():
    return train_children(key(), FAMILY, CHILDREN, small_data(), RATES, config=CONFIG)


def test_the_same_key_gives_the_same_children_without_recompiling(result):
    before = _train._cache_size()
    again = train_children(key(), FAMILY, CHILDREN, small_data(), RATES, config=CONFIG)
    other = train_children(key(1), FAMILY, CHILDREN[::-1], small_data(seed=1), RATES, config=CONFIG)
    assert _train._cache_size() == before
    chex.assert_trees_all_equal(again, result)
    assert not np.allclose(other.train_loss[0], result.train_loss[0])


@pytest.mark.slow
def test_results_do_not_depend_on_chunks(result, unoptimized):
    narrow = TrainingConfig(optimizer="sgd", epochs=3, batch_size=8, chunk=2)
    chunked = train_children(key(), FAMILY, CHILDREN, small_data(), RATES, config=narrow)
    chex.assert_trees_all_close(chunked, result, rtol=1e-4)


@pytest.mark.slow
def test_results_do_not_depend_on_size_groups(unoptimized):
    family = MLPFamily(4, 3, widths=(2, 4), depths=(1, 2), activations=("relu",))
    children = jnp.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]], jnp.int32)
    one = TrainingConfig("sgd", epochs=2, batch_size=8, chunk=2)
    several = replace(one, size_groups=3)
    results, compiled = [], []
    for config in (one, several):
        results.append(
            train_children(key(), family, children, small_data(), config=config, keep_params=True)
        )
        compiled.append(_train._cache_size())
    chex.assert_trees_all_close(results[1], results[0], rtol=1e-4, atol=1e-6)
    train_children(key(), family, children[::-1], small_data(), config=several, keep_params=True)
    train_children(
        key(), family, children[:1].repeat(4, 0), small_data(), config=several, keep_params=True
    )
    assert _train._cache_size() == compiled[-1]


def test_groups_hold_their_children_in_smaller_arrays():
    family = TransformerFamily(8, 3, tokens=4, widths=(4, 8), depths=(1, 2))
    children = np.array([[0, 0, 0, 0], [1, 1, 2, 1], [0, 1, 0, 0]])
    groups = split_by_size(family, children, 2)
    small, large = (
        jax.eval_shape(group.init, key(), jnp.zeros(4, jnp.int32)) for group, _ in groups
    )
    assert groups[0][1].tolist() == [0]
    assert groups[1][1].tolist() == [1, 2]
    assert small["head"]["kernel"].shape == (4, 3)
    assert large["head"]["kernel"].shape == (8, 3)
    assert sum(leaf.size for leaf in jax.tree.leaves(large)) > sum(
        leaf.size for leaf in jax.tree.leaves(small)
    )


def test_divergence_is_nan_and_stays_with_its_child(result):
    assert np.isnan(result.score[2])
    assert np.isnan(result.test_score[2])
    assert np.isnan(result.curve[2, -1])
    assert np.isfinite(result.score[:2]).all()
    assert np.isfinite(result.train_loss[:2]).all()


def test_training_lowers_the_loss(result):
    assert (result.train_loss[:2, -1] < result.train_loss[:2, 0]).all()
    np.testing.assert_array_equal(result.score[:2], result.curve[:2, -1])
    assert result.params is None


def test_each_epoch_reads_every_row_at_most_once():
    order = np.asarray(batch_order(key(), 10, TrainingConfig(epochs=3, batch_size=4)))
    assert order.shape == (3, 2, 4)
    assert all(len(np.unique(epoch)) == 8 for epoch in order)
    assert not (order[0] == order[1]).all()
    assert batch_order(key(), 3, TrainingConfig(batch_size=32)).shape == (10, 1, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architectures": jnp.zeros((2, 4), jnp.int32)}, r"expected int32\[N, 3\]"),
        ({"architectures": jnp.full((1, 3), 9)}, "got index 9"),
        ({"data": small_data(features=5)}, "cannot read"),
        ({"data": small_data(classes=9)}, "classes=9 or more"),
        ({"hyper": TrainingHyper(learning_rate=jnp.ones(5))}, "one for each child"),
    ],
)
def test_mismatched_arguments_are_refused(change, message):
    given = {"architectures": CHILDREN, "data": small_data(), "hyper": None, **change}
    with pytest.raises(NmjaxError, match=message):
        train_children(key(), FAMILY, config=CONFIG, **given)


def test_settings_are_checked():
    with pytest.raises(NmjaxError, match="did you mean 'adamw'"):
        TrainingConfig(optimizer="adam")
    with pytest.raises(NmjaxError, match="Unknown schedule"):
        TrainingConfig(schedule="step")
    with pytest.raises(NmjaxError, match="epochs=0"):
        TrainingConfig(epochs=0)


@pytest.mark.slow
@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")
def test_children_divided_among_devices_train_as_on_one_without_communication(result, unoptimized):
    children, mesh = jnp.concatenate([CHILDREN, CHILDREN[:1]]), batch_mesh(2)
    rates = TrainingHyper(jnp.append(RATES.learning_rate, 0.1))

    def train(key, data):
        return train_children(key, FAMILY, children, data, rates, config=CONFIG, mesh=mesh)

    compiled = jax.jit(train).lower(key(), small_data()).compile()
    divided = compiled(key(), small_data())
    chex.assert_trees_all_close(jax.tree.map(lambda x: x[:3], divided), result, rtol=1e-4)
    assert len(divided.score.sharding.device_set) == 2
    assert COLLECTIVE.findall(compiled.as_text()) == []


@pytest.mark.slow
@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")
def test_groups_of_children_that_devices_do_not_divide_train_as_on_one(result, unoptimized):
    grouped = replace(CONFIG, size_groups=2, chunk=1)
    divided = train_children(
        key(), FAMILY, CHILDREN, small_data(), RATES, config=grouped, mesh=batch_mesh(2)
    )
    chex.assert_trees_all_close(divided, result, rtol=1e-4)
