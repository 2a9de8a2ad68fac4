"""Predictions from a pool of evaluated rows, compared with those from the whole pool."""

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.predictors import (
    Pool,
    extend_pool,
    init_pool,
    observe_pool,
    pool_covariance,
    replace_in_pool,
    sample_pool_posterior,
)
from tests.predictors.test_pool import (
    CAPACITY,
    FAILED,
    FEATURES,
    POSITION,
    ROWS,
    SIZE,
    dense,
    inputs,
)

ORDER = jnp.arange(CAPACITY, dtype=jnp.int32)


@jax.jit
def slots_and_all(prior, pool):
    """Rows are evaluated one by one into the slots of a small pool, and in the whole pool."""

    def observe(carried, t):
        state, slots = carried
        newcomer = jax.tree.map(lambda leaf: leaf[jnp.asarray(ROWS)[t]][None], pool)
        state, slots = replace_in_pool(state, prior, slots, ORDER, t, newcomer)
        seen = jnp.where(t >= ORDER, jnp.asarray(FAILED), jnp.nan)
        return (observe_pool(state, prior, slots, ORDER, seen, t), slots), None

    slots = jax.tree.map(lambda leaf: jnp.zeros((CAPACITY, leaf.shape[1])), pool)
    start = init_pool(prior, slots, capacity=CAPACITY), slots
    (state, slots), _ = jax.lax.scan(observe, start, ORDER)
    state, joined = extend_pool(state, prior, slots, ORDER, pool)
    covariance = pool_covariance(state, prior, joined, ORDER, CAPACITY + ORDER)
    draw = sample_pool_posterior(
        jax.random.key(0), state, prior, joined, ORDER, jnp.asarray(FAILED)
    )
    return state, joined, covariance, draw


def test_posterior_anywhere_equals_the_dense_one(float64):
    prior, pool = inputs()
    state, joined, covariance, draw = slots_and_all(prior, pool)
    places = np.concatenate([ROWS, np.arange(SIZE)])
    np.testing.assert_array_equal(joined.features, FEATURES[places])
    np.testing.assert_array_equal(joined.position, POSITION[places])
    for component in range(2):
        theirs = dense(component, FAILED)
        spread = np.diag(theirs["covariance"])
        np.testing.assert_allclose(state.mean[component], theirs["mean"][places], rtol=1e-9)
        np.testing.assert_allclose(state.variance[component], spread[places], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(
            covariance[component],
            theirs["scale"] * theirs["covariance"][:CAPACITY][:, places],
            rtol=1e-8,
            atol=1e-10,
        )
    # One function: the same architecture has the same value in a slot and outside.
    np.testing.assert_allclose(draw[:, :CAPACITY], draw[:, CAPACITY + ROWS], rtol=1e-8)


def test_before_any_observation_it_is_the_prior():
    prior, pool = inputs(jnp.float32)
    few = Pool(*(leaf[:3] for leaf in pool))
    start = init_pool(prior, few, capacity=3)
    row = jnp.zeros((3,), jnp.int32)
    state, _ = jax.jit(extend_pool)(start, prior, few, row, pool)
    whole = init_pool(prior, pool, capacity=3)
    np.testing.assert_allclose(state.mean[:, 3:], whole.mean, rtol=1e-5)
    np.testing.assert_allclose(state.variance[:, 3:], whole.variance, rtol=1e-5)
