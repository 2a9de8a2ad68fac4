"""Tasks of classes, and a meta-learned start of weights and strengths."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax import NmjaxError
from nmjax.live import Rows
from nmjax.meta import Batch, MAMLHyper, maml, reptile
from nmjax.oneshot import (
    MLPSupernet,
    SupernetParams,
    darts,
    sample_class_tasks,
    supernet_loss,
    train_supernets,
)
from tests.live.plain import small_data

SEARCH, HYPER = darts(MLPSupernet(4, 2, width=4, layers=2), steps=5)


def test_tasks_of_classes_have_disjoint_rows_of_their_classes():
    y = np.repeat(np.arange(5), 7)
    x = np.stack([np.arange(35), y], axis=1).astype(np.float32)
    rows = Rows(jnp.asarray(x), jnp.asarray(y))
    tasks = sample_class_tasks(jax.random.key(0), rows, tasks=6, ways=3, support=4, query=2)
    assert tasks.support_x.shape == (6, 12, 2)
    orders = set()
    for task in range(6):
        both = np.concatenate([tasks.support_x[task], tasks.query_x[task]])
        labels = np.concatenate([tasks.support_y[task], tasks.query_y[task]])
        assert len(np.unique(both[:, 0])) == 18
        owners = [np.unique(both[labels == label, 1]) for label in range(3)]
        assert all(len(owner) == 1 for owner in owners)
        orders.add(tuple(float(owner[0]) for owner in owners))
    assert len(orders) > 3
    with pytest.raises(NmjaxError, match="smaller tasks"):
        sample_class_tasks(jax.random.key(0), rows, tasks=1, ways=3, support=4, query=4)
    with pytest.raises(NmjaxError, match="smaller tasks"):
        sample_class_tasks(jax.random.key(0), rows, tasks=1, ways=6, support=1, query=1)


def test_the_loss_is_the_cross_entropy_of_unmasked_rows():
    loss_fn, x = supernet_loss(SEARCH), np.random.default_rng(0).normal(size=(3, 4))
    batch = Batch(jnp.asarray(x, jnp.float32), jnp.array([1.0, 0.0, 1.0]), jnp.arange(3) < 2)

    @jax.jit
    def both(key):
        params = SEARCH.init_params(key)
        choices = jax.nn.softmax(params.strengths.choices.logits)
        return loss_fn(params, batch), SEARCH.supernet.apply(params.weights, choices, batch.x)

    loss, logits = both(jax.random.key(0))
    log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(loss, -(log_shares[0, 1] + log_shares[1, 0]) / 2, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("learner", [reptile, maml], ids=["reptile", "maml"])
def test_a_learned_start_adapts_better_than_a_random_one_and_starts_a_search(learner, unoptimized):
    rows = small_data(rows=200).train
    method = learner(supernet_loss(SEARCH), optax.adam(0.05), inner_steps=3)
    hyper = MAMLHyper(SupernetParams(0.2, 0.5))

    def draw(key):
        return sample_class_tasks(key, rows, tasks=4, ways=2, support=8, query=8)

    draw_all = [draw(key) for key in jax.random.split(jax.random.key(2), 40)]
    tasks = jax.tree.map(lambda *leaves: jnp.stack(leaves), *draw_all)
    params = SEARCH.init_params(jax.random.key(0))

    @jax.jit
    def train(params, tasks):
        state = method.init(jax.random.key(1), params)
        return jax.lax.scan(
            lambda state, task: method.update(jax.random.key(3), state, task, hyper), state, tasks
        )

    state, info = train(params, tasks)
    assert info.loss[-10:].mean() < 0.9 * info.loss[:10].mean()
    logits = state.params.strengths.choices.logits
    assert np.abs(logits - params.strengths.choices.logits).max() > 0.01
    data = small_data(classes=2)
    keys = jax.random.split(jax.random.key(4), 2)
    search = (keys, data, SEARCH, HYPER._replace(steps=0))
    states, infos = train_supernets(*search, steps=1, params=state.params)
    assert infos.train_loss.shape == (2, 1)
    np.testing.assert_array_equal(states.params.strengths.choices.logits[1], logits)
