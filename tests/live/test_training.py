"""Training many children at once: determinism, independence, failures and compilations."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.live import (
    MLPFamily,
    TrainingConfig,
    TrainingHyper,
    batch_order,
    train_children,
)
from nmjax.live.training import _train
from tests.live.plain import small_data

FAMILY = MLPFamily(4, 3, widths=(2, 4), depths=(1,), activations=("relu",))
CONFIG = TrainingConfig(optimizer="sgd", epochs=3, batch_size=8, chunk=4)
CHILDREN = jnp.array([[0, 0, 0], [0, 1, 0], [0, 1, 0]], jnp.int32)
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
