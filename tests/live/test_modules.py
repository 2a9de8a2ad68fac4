"""User modules: grouped by shape and trained as any child."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from flax import nnx

from nmjax import NmjaxError
from nmjax.live import TrainingConfig, TrainingHyper, train_modules
from nmjax.live.children import _train
from nmjax.spaces import Ordinal, Space
from tests.live.plain import small_data, train_plainly

CONFIG = TrainingConfig(epochs=2, batch_size=8)
SPACE = Space(width=Ordinal(2, 3), learning_rate=Ordinal(0.01, 0.1))


class Linen(nn.Module):
    """A Linen module with one argument."""

    width: int

    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(nn.relu(nn.Dense(self.width)(x)))


class WithDropout(nnx.Module):
    def __init__(self, width, rngs):
        self.dense = nnx.Linear(4, width, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.dense(x))


class Plain(nnx.Module):
    def __init__(self, width, rngs):
        self.hidden = nnx.Linear(4, width, rngs=rngs)
        self.head = nnx.Linear(width, 3, rngs=rngs)

    def __call__(self, x):
        return self.head(nnx.relu(self.hidden(x)))


def test_modules_of_one_shape_train_in_one_call_and_as_they_would_alone():
    before = _train._cache_size()
    rows = [[0, 0], [0, 1]]
    results = train_modules(
        jax.random.key(0), Linen, SPACE, rows, small_data(), config=CONFIG, keep_params=True
    )
    assert _train._cache_size() == before + 1
    init_key, order_key = jax.random.split(jax.random.key(0))
    with jax.numpy_rank_promotion("allow"):
        variables = Linen(2).init(jax.random.fold_in(init_key, 1), np.zeros((1, 4), np.float32))
    found, curve = train_plainly(
        Linen(2), variables, small_data(), order_key, TrainingHyper(0.1), CONFIG
    )
    np.testing.assert_allclose(results[1].curve, curve, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), results[1].params, found)


@pytest.mark.slow
def test_nnx_modules_train_and_each_shape_is_a_program():
    before = _train._cache_size()
    results = train_modules(
        jax.random.key(0), Plain, SPACE, [[1, 1], [0, 1], [1, 0]], small_data(), config=CONFIG
    )
    assert _train._cache_size() == before + 2
    assert all(np.isfinite(result.score) for result in results)
    assert all(result.train_loss[-1] < result.train_loss[0] for result in results[:2])


def test_other_things_are_refused():
    with pytest.raises(NmjaxError, match=r"expected a flax\.linen\.Module"):
        train_modules(jax.random.key(0), dict, SPACE, [[0, 0]], small_data(), config=CONFIG)
    with pytest.raises(NmjaxError, match="without dropout"):
        train_modules(jax.random.key(0), WithDropout, SPACE, [[0, 0]], small_data(), config=CONFIG)
