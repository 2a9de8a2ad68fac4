"""Learned rates, on quadratics whose best rates are one over their curvatures."""

from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.meta import (
    Batch,
    MAMLHyper,
    MetaSGDParams,
    MultiStepHyper,
    PerStep,
    init_learned_rates,
    init_step_rates,
    maml_plus_plus,
    meta_sgd,
    squared_error,
)
from nmjax.tasks import Episode

CURVATURES = {"a": jnp.array([1.0, 3.0]), "b": jnp.array([0.5, 1.5])}


def bowl(params, batch):
    """Half the squared distance to (y, y), along each axis times its curvature."""
    halves = jax.tree.map(
        lambda p, c: 0.5 * jnp.sum(c * jnp.square(p - batch.y)), params, CURVATURES
    )
    return sum(halves.values())


def bowls(key):
    y = jax.random.normal(key, (8, 2))
    blank, mask = jnp.zeros((8, 2, 1)), jnp.ones((8, 2), bool)
    return Episode(blank, y, blank, y, mask, mask)


def learn(learner, params, hyper, meta_steps):
    def step(state, key):
        return learner.update(key, state, bowls(key), hyper)

    start = learner.init(jax.random.key(0), params)
    keys = jax.random.split(jax.random.key(1), meta_steps)
    return jax.jit(lambda s, k: jax.lax.scan(step, s, k))(start, keys)


CENTER = jax.tree.map(jnp.zeros_like, CURVATURES)
FAR = Batch(jnp.zeros((2, 1)), jnp.array([3.0, -1.0]), jnp.ones(2, bool))


def test_meta_sgd_learns_each_rate():
    """One step then solves any task."""
    params = MetaSGDParams(CENTER, jax.tree.map(lambda c: jnp.full(2, 0.1), CENTER))
    learner, hyper = meta_sgd(bowl, optax.adam(0.03), inner_steps=1), MAMLHyper(jnp.nan)
    end, _ = learn(learner, params, hyper, 400)
    for leaf, curvature in CURVATURES.items():
        np.testing.assert_allclose(end.params.rate[leaf], 1 / curvature, rtol=0.05)
        adapted = jax.jit(learner.adapt)(end.params, FAR, hyper).params
        np.testing.assert_allclose(adapted[leaf], FAR.y, atol=0.2)


def test_maml_plus_plus_learns_a_rate_a_leaf_and_step():
    """Two steps, one for each of a leaf's two curvatures, then solve any task.

    No rate that all steps share can. The rates begin equal, where the loss after the last step
    alone would have no reason to part them.
    """
    params = init_step_rates(CENTER, 0.1, inner_steps=2)
    learner = maml_plus_plus(bowl, optax.adam(0.03), inner_steps=2)
    hyper = MultiStepHyper(jnp.asarray(200.0))
    end, info = learn(learner, params, hyper, 1000)
    for leaf, curvature in CURVATURES.items():
        rates = np.sort(end.params.rate.rate[leaf])
        np.testing.assert_allclose(rates, np.sort(1 / curvature), rtol=0.05)
    assert info.loss[-1] < 1e-2 * info.loss[0]
    assert jax.jit(learner.adapt)(end.params, FAR, hyper).losses[-1] < 1e-2


def test_the_weights_of_the_inner_steps_are_annealed_from_the_first_update():
    """Against the closed form on (w - y)^2: a step of rate r scales the error by 1 - 2 r."""

    def loss(w, batch):
        return jnp.mean((w - batch.y) ** 2)

    y, x, mask = jnp.array([[3.0]]), jnp.zeros((1, 1, 1)), jnp.ones((1, 1), bool)
    tasks, hyper = Episode(x, y, x, y, mask, mask), MultiStepHyper(jnp.asarray(2.0))
    learner = maml_plus_plus(loss, optax.sgd(1.0), inner_steps=2)
    state = learner.init(jax.random.key(0), init_step_rates(jnp.zeros(()), 0.25, inner_steps=2))
    update = jax.jit(learner.update)
    for step, weights in enumerate([(1 / 2, 1 / 2), (1 / 4, 3 / 4), (0, 1), (0, 1)]):
        now = state._replace(step=jnp.asarray(step, jnp.int32))
        after, _ = update(jax.random.key(0), now, tasks, hyper)
        gradient = -2 * 3.0 * (weights[0] * 0.5**2 + weights[1] * 0.5**4)
        np.testing.assert_allclose(after.params.params, -gradient, rtol=1e-6)


def unrolled(start, episode, apply, weights):
    """Three inner steps at their own rates and the weighted query losses, spelled out."""

    def loss(params, x, y):
        return jnp.mean((apply(params, x) - y) ** 2)

    params, total = start.params, 0.0
    for i in range(3):
        slope = jax.grad(loss)(params, episode.support_x, episode.support_y)
        params = {name: params[name] - start.rate.rate[name][i] * slope[name] for name in params}
        last = loss(params, episode.query_x, episode.query_y)
        total += weights[i] * last
    return total, last


@pytest.mark.slow
def test_the_multi_step_loss_is_annealed_to_the_last(small, sinusoids):
    params, apply = small
    rates = PerStep({"body": jnp.array([0.1, 0.2, 0.3]), "head": jnp.array([0.3, 0.1, 0.2])})
    start, tasks = MetaSGDParams(params, rates), sinusoids(jax.random.key(1), (0.5, 2.0), tasks=2)
    learner = maml_plus_plus(squared_error(apply), optax.sgd(1.0), inner_steps=3)
    state, hyper = learner.init(jax.random.key(0), start), MultiStepHyper(jnp.asarray(50.0))

    @jax.jit
    def by_hand(start, weights):
        def mean(start):
            each = jax.vmap(lambda episode: unrolled(start, episode, apply, weights))(tasks)
            return jnp.mean(each[0]), each[1]

        return jax.grad(mean, has_aux=True)(start)

    update = jax.jit(learner.update)
    for step, weights in ((0, [1 / 3] * 3), (25, [1 / 6, 1 / 6, 2 / 3]), (80, [0, 0, 1])):
        state = state._replace(step=jnp.asarray(step, jnp.int32))
        after, info = update(jax.random.key(0), state, tasks, hyper)
        gradient, last = by_hand(start, jnp.array(weights, float))
        moved = jax.tree.map(lambda a, b: a - b, start, after.params)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), moved, gradient)
        np.testing.assert_allclose(info.query_losses, last, rtol=1e-5)
    evaluated = jax.jit(learner.evaluate)(start, tasks, hyper)
    np.testing.assert_allclose(evaluated, last, rtol=1e-5)


def test_rates_begin_in_their_range(small):
    rates = init_learned_rates(jax.random.key(0), small[0], 0.01, 0.02).rate
    flat = jax.flatten_util.ravel_pytree(rates)[0]
    assert flat.min() >= 0.01
    assert flat.max() <= 0.02
    assert len(np.unique(flat)) == flat.size
