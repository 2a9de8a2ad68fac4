"""A penalty on the information in shared weights prevents memorizing tasks."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import integrate, stats

from nmjax.errors import NmjaxError
from nmjax.meta import (
    MAMLHyper,
    ProbabilisticLearner,
    RegularizedHyper,
    UncertainParams,
    init_uncertainty,
    maml,
    query,
    regularized,
    squared_error,
    support,
)
from nmjax.predictors import Network
from nmjax.testing import check_meta_learner

RATE = MAMLHyper(jnp.asarray(0.1))
SGD = optax.sgd(0.1)


def hyper_of(strength, prior_std=1.0):
    return RegularizedHyper(RATE, jnp.asarray(strength), jnp.asarray(prior_std))


def indifferent(params, batch):
    """A loss that no parameter changes."""
    return 0 * sum(jnp.sum(leaf) for leaf in jax.tree.leaves(params)) + 0 * jnp.sum(batch.y)


def squared(params, batch):
    """Of the parameters themselves."""
    return jnp.sum(jnp.square(params)) + 0 * jnp.sum(batch.y)


def assert_trees_close(found, expected, **tolerances):
    jax.tree.map(partial(np.testing.assert_allclose, **tolerances), found, expected)


@pytest.fixture
def tasks(sinusoids):
    return sinusoids(jax.random.key(1), (0.5, 2.0), tasks=4, size=4)


@pytest.mark.slow
def test_the_divergence_is_the_integral(tasks):
    means, stds = np.array([0.3, -1.0]), np.array([0.5, 0.1])
    params = UncertainParams(
        {"held": jnp.asarray(means), "free": jnp.array([7.0])},
        {"held": jnp.log(jnp.asarray(stds)), "free": None},
    )
    learner = regularized(maml(indifferent, SGD, inner_steps=1), SGD)
    state = learner.init(jax.random.key(0), params)
    _, info = jax.jit(learner.update)(jax.random.key(0), state, tasks, hyper_of(1.0, 2.0))

    def nats(mean, std):
        ours, prior = stats.norm(mean, std), stats.norm(0, 2)
        return integrate.quad(
            lambda w: ours.pdf(w) * (ours.logpdf(w) - prior.logpdf(w)),
            mean - 12 * std,
            mean + 12 * std,
        )[0]

    expected = sum(nats(mean, std) for mean, std in zip(means, stds, strict=True))
    np.testing.assert_allclose(info.divergence, expected, rtol=1e-5)


@pytest.mark.slow
def test_without_task_differences_weights_stay_at_the_prior(tasks):
    params = init_uncertainty({"held": jnp.array([2.0, -1.0]), "free": jnp.array([7.0])}, 0.2)
    params = params._replace(log_std=params.log_std | {"free": None})
    learner = regularized(maml(indifferent, SGD, inner_steps=1), SGD)

    def step(state, key):
        return learner.update(key, state, tasks, hyper_of(1.0, 0.5))

    start, keys = learner.init(jax.random.key(0), params), jax.random.split(jax.random.key(1), 200)
    end, info = jax.jit(lambda state: jax.lax.scan(step, state, keys))(start)
    np.testing.assert_allclose(end.params.mean["held"], 0, atol=1e-4)
    np.testing.assert_allclose(jnp.exp(end.params.log_std["held"]), 0.5, rtol=1e-3)
    np.testing.assert_array_equal(end.params.mean["free"], 7.0)
    np.testing.assert_allclose(info.divergence[-1], 0, atol=1e-5)


@pytest.mark.slow
def test_each_task_draws_weights_of_its_own(sinusoids):
    tasks = sinusoids(jax.random.key(1), (0.5, 2.0), tasks=4000, size=1)
    learner = regularized(maml(squared, SGD, inner_steps=1), SGD)
    state = learner.init(jax.random.key(0), init_uncertainty(jnp.asarray([1.5]), 0.4))
    _, info = jax.jit(learner.update)(jax.random.key(2), state, tasks, hyper_of(0.0))
    # A step on w^2 at rate .1 leaves .8 w: of its square these are the moments.
    law = stats.ncx2(1, (1.5 / 0.4) ** 2, scale=(0.8 * 0.4) ** 2)
    assert stats.kstest(np.asarray(info.query_losses), law.cdf).pvalue > 0.01
    np.testing.assert_allclose(info.loss, law.mean(), rtol=0.03)


@pytest.mark.slow
def test_without_uncertainty_and_penalty_it_learns_as_the_inner_learner(small, tasks):
    params, apply = small
    base = maml(squared_error(apply), SGD, inner_steps=2)
    learner = regularized(ProbabilisticLearner(*base, predict=apply), SGD)
    certain = init_uncertainty(params, 1e-7, {"body": True, "head": False})
    after, info = jax.jit(learner.update)(
        jax.random.key(0), learner.init(jax.random.key(0), certain), tasks, hyper_of(0.0)
    )
    expected, own = jax.jit(base.update)(
        jax.random.key(0), base.init(jax.random.key(0), params), tasks, RATE
    )
    assert_trees_close(after.params.mean, expected.params, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(info.query_losses, own.query_losses, rtol=1e-4)
    one = jax.tree.map(lambda leaf: leaf[0], tasks)
    found = jax.jit(learner.adapt)(after.params, support(one), hyper_of(0.0)).params
    adapted = jax.jit(base.adapt)(after.params.mean, support(one), RATE).params
    assert_trees_close(found, adapted)
    np.testing.assert_array_equal(
        learner.predict(found, query(one).x), apply(adapted, query(one).x)
    )


@pytest.mark.parametrize("given", [{"std": 0.0}, {"mask": False}])
def test_weights_without_uncertainty_are_refused(given):
    with pytest.raises(NmjaxError, match="no weight is uncertain"):
        init_uncertainty(jnp.zeros(2), **given)


FIRST = {"hidden_0": True, "hidden_1": False, "head": False}


@pytest.mark.slow
def test_without_memorization_the_support_is_used(code_by_inputs):
    """Tasks that the inputs tell apart: MAML remembers those it saw and adapts badly to others."""
    seen, new = (jax.random.normal(jax.random.key(i), (n, 4)) for i, n in enumerate((8, 64)))
    network = Network((24, 24), activation="tanh")
    adam = optax.adam(3e-3)
    base = maml(squared_error(network.apply), adam, inner_steps=2)
    params = network.init(jax.random.key(0), 4)

    def losses(learner, params, hyper):
        def step(state, key):
            task_key, update_key = jax.random.split(key)
            return learner.update(update_key, state, code_by_inputs(task_key, seen), hyper)

        keys = jax.random.split(jax.random.key(3), 1200)
        start = learner.init(jax.random.key(0), params)
        state, _ = jax.jit(lambda s: jax.lax.scan(step, s, keys))(start)
        evaluate = jax.jit(learner.evaluate)
        return [
            np.mean(evaluate(state.params, code_by_inputs(jax.random.key(5), codes), hyper))
            for codes in (seen, new)
        ]

    by_heart = losses(base, params, RATE)
    held = losses(regularized(base, adam), init_uncertainty(params, mask=FIRST), hyper_of(0.01))
    assert held[1] - held[0] < 0.4 * (by_heart[1] - by_heart[0])
    assert held[1] < 0.6 * by_heart[1]


@pytest.mark.slow
def test_conformance(sinusoids):
    network = Network((12,), activation="tanh")
    base = maml(squared_error(network.apply), optax.sgd(0.0), inner_steps=1)
    check_meta_learner(
        regularized(base, optax.adam(1e-2)),
        init_uncertainty(network.init(jax.random.key(0), 1)),
        hyper_of(1e-4)._replace(learner=MAMLHyper(jnp.asarray(0.05))),
        partial(sinusoids, sources=(0.5, 2.0), tasks=8),
        steps=200,
    )
