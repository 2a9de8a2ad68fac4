"""A planted subspace is recovered, and heads are those of ridge regression."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_t
from sklearn.linear_model import Ridge

from nmjax.errors import NmjaxError
from nmjax.meta import (
    Batch,
    MultiTaskParams,
    extract_shared_features,
    extract_task_specific,
    head_prior,
    init_meta_model,
    update_meta_model,
    with_intercept,
)
from nmjax.predictors import LinearPrior, Network, bayesian_linear

TASKS, ROWS, SIZE, RANK, NOISE = 12, 30, 10, 2, 0.1


def linear(body, x):
    return x @ body


ADAM = optax.adam(0.02)
OPTIONS = {"features": linear, "optimizer": ADAM}


@pytest.fixture(scope="module")
def planted():
    """Scores that depend on 2 directions of 10 alone, by each task's own weights of them."""
    rng = np.random.default_rng(0)
    body = np.linalg.qr(rng.normal(size=(SIZE, RANK)))[0]
    x = rng.normal(size=(TASKS, ROWS, SIZE))
    heads = rng.normal(size=(TASKS, RANK)) + np.array([1.0, -1.0])
    y = np.einsum("tmd,dr,tr->tm", x, body, heads) + NOISE * rng.normal(size=(TASKS, ROWS))
    return body, Batch(jnp.asarray(x), jnp.asarray(y), jnp.ones((TASKS, ROWS), bool))


@partial(jax.jit, static_argnames="steps")
def trained(tasks, steps):
    body = jax.random.normal(jax.random.key(0), (SIZE, RANK)) / jnp.sqrt(SIZE)
    state = init_meta_model(body, tasks.x, **OPTIONS)
    return jax.lax.scan(
        lambda s, _: update_meta_model(s, tasks, **OPTIONS), state, None, length=steps
    )


def test_shared_features_span_the_planted_subspace(planted):
    body, tasks = planted
    state, info = trained(tasks, 600)
    assert np.rad2deg(subspace_angles(state.params.body, body)).max() < 3
    np.testing.assert_allclose(info.losses[-1].mean(), NOISE**2, rtol=0.2)
    shared = extract_shared_features(state.params, tasks.x, features=linear)
    assert shared.shape == (TASKS, ROWS, RANK)
    np.testing.assert_allclose(shared[1, 3], tasks.x[1, 3] @ state.params.body, rtol=1e-5)
    assert state.step == 600


@pytest.mark.slow
def test_a_new_task_needs_few_rows_of_its_own(planted):
    body, tasks = planted
    state, info = trained(tasks, 600)
    rng = np.random.default_rng(1)
    x, unseen = rng.normal(size=(4, SIZE)), rng.normal(size=(200, SIZE))
    head = body @ np.array([0.3, 0.6])
    y = x @ head + NOISE * rng.normal(size=4)
    posterior = extract_task_specific(
        state.params,
        Batch(jnp.asarray(x), jnp.asarray(y), jnp.ones(4, bool)),
        head_prior(state.params, info.loss[-1]),
        features=linear,
    )
    pool = extract_shared_features(state.params, jnp.asarray(unseen), features=linear)
    error = np.mean((bayesian_linear().predict(posterior, pool).mean - unseen @ head) ** 2)
    alone = np.mean((Ridge(0.1).fit(x, y).predict(unseen) - unseen @ head) ** 2)
    assert error < 0.1 * alone


@pytest.mark.slow
def test_a_gradient_step_by_hand(planted):
    _, tasks = planted
    options = {"features": linear, "optimizer": optax.sgd(1.0)}
    body = np.random.default_rng(2).normal(size=(SIZE, RANK))
    heads = np.random.default_rng(3).normal(size=(TASKS, RANK))
    state = init_meta_model(jnp.asarray(body), tasks.x, **options)
    np.testing.assert_array_equal(state.params.heads, 0)
    state = state._replace(params=MultiTaskParams(jnp.asarray(body), jnp.asarray(heads)))
    kept = np.ones((TASKS, ROWS), bool)
    kept[0, :5] = kept[1, 7] = False
    spoiled = Batch(tasks.x, tasks.y.at[1, 7].set(jnp.nan), tasks.mask.at[0, :5].set(False))
    after, info = update_meta_model(state, spoiled, **options)
    x, y = np.asarray(tasks.x), np.asarray(tasks.y)
    error = np.where(kept, np.einsum("tmd,dr,tr->tm", x, body, heads) - y, 0)
    count = kept.sum(1)
    np.testing.assert_allclose(info.losses, (error**2).sum(1) / count, rtol=1e-4)
    scaled = 2 * error / count[:, None] / TASKS
    np.testing.assert_allclose(
        body - after.params.body, np.einsum("tm,tmd,tr->dr", scaled, x, heads), atol=1e-4
    )
    np.testing.assert_allclose(
        heads - after.params.heads, np.einsum("tm,tmd,dr->tr", scaled, x, body), atol=1e-4
    )


@pytest.mark.slow
def test_the_task_specific_part_is_ridge_regression(planted):
    _, tasks = planted
    body = jnp.eye(SIZE)[:, :4]
    params = MultiTaskParams(body, jnp.zeros((TASKS, 5)))
    features = with_intercept(linear)
    one = jnp.ones(())
    prior = LinearPrior(jnp.zeros(5), jnp.full(5, 2.0), one, one, one)
    fit = jax.vmap(partial(extract_task_specific, features=features), in_axes=(None, 0, None))
    hidden = tasks._replace(y=tasks.y.at[:, 3].set(jnp.nan), mask=tasks.mask.at[:, 20:].set(False))
    posterior = jax.jit(fit)(params, hidden, prior)
    pool = extract_shared_features(params, tasks.x, features=features)
    np.testing.assert_array_equal(pool[..., -1], 1)
    means = jax.vmap(bayesian_linear().predict)(posterior, pool).mean
    rows = np.delete(np.arange(20), 3)
    expected = [
        Ridge(0.5, fit_intercept=False).fit(phi[rows], y[rows]).predict(phi)
        for phi, y in zip(np.asarray(pool), np.asarray(tasks.y), strict=True)
    ]
    np.testing.assert_allclose(means, expected, atol=1e-3)


def test_the_prior_of_a_head_has_the_moments_of_the_known_heads():
    heads = np.random.default_rng(0).normal(size=(6, 3)) * np.array([1.0, 0.1, 3.0]) + 2
    prior = head_prior(MultiTaskParams(None, jnp.asarray(heads)), jnp.asarray(0.25))
    phi = jnp.array([[1.0, 2.0, -1.0], [0.5, 0.0, 1.0]])
    y = jnp.array([3.0, 4.0])
    batch = Batch(phi, y, jnp.ones(2, bool))
    state = extract_task_specific(
        MultiTaskParams(None, jnp.asarray(heads)), batch, prior, features=lambda _, x: x
    )
    covariance = phi @ np.diag(heads.var(0, ddof=1)) @ phi.T + 0.25 * np.eye(2)
    # twice the shape of 1 is 2 degrees of freedom; the scale of the Student-t is that of the noise
    density = multivariate_t(phi @ heads.mean(0), covariance, df=2).logpdf(y)
    np.testing.assert_allclose(state.log_evidence, density, rtol=1e-4)


@pytest.mark.slow
def test_updates_are_traced_once_and_a_network_learns():
    network = Network((16,), activation="tanh")
    features = with_intercept(network.features)
    options = {"features": features, "optimizer": optax.adam(0.02)}
    x = jax.random.uniform(jax.random.key(0), (4, 20, 1), minval=-2.0, maxval=2.0)
    y = jnp.array([[1.0], [-1.0], [0.5], [2.0]]) * jnp.sin(2 * x[..., 0])
    tasks = Batch(x, y, jnp.ones(y.shape, bool))
    traces = []

    @jax.jit
    def update(state, tasks):
        traces.append(None)
        return update_meta_model(state, tasks, **options)

    state = init_meta_model(network.init(jax.random.key(1), 1), x, **options)
    losses = []
    for _ in range(150):
        state, info = update(state, tasks)
        losses.append(info.loss)
    assert losses[-1] < 0.2 * losses[0]
    assert len(traces) == 1


def test_invalid_arguments_are_refused(planted):
    _, tasks = planted
    body = jnp.ones((SIZE, RANK))
    with pytest.raises(NmjaxError, match=r"\[T, M, D\]"):
        init_meta_model(body, tasks.x[0], **OPTIONS)
    state = init_meta_model(body, tasks.x, **OPTIONS)
    with pytest.raises(NmjaxError, match="12 heads"):
        update_meta_model(state, jax.tree.map(lambda leaf: leaf[:3], tasks), **OPTIONS)
    with pytest.raises(NmjaxError, match="at least 2"):
        head_prior(MultiTaskParams(body, jnp.zeros((1, RANK))), jnp.asarray(0.1))
