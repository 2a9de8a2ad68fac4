"""Properties of learners that predict a distribution, and their common loss."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from nmjax.meta import (
    MAMLHyper,
    ProbabilisticLearner,
    alpaca,
    deep_kernel,
    ensemble,
    init_deep_kernel,
    init_last_layer,
    init_noise,
    init_process,
    maml,
    negative_log_density,
    neural_process,
    noisy,
    query,
    support,
    support_and_query,
)
from nmjax.predictors import Network
from nmjax.stats import interval_coverage
from nmjax.testing import check_meta_learner

NETWORK = Network((16, 16), activation="tanh")
ADAM = optax.adam(3e-3)
AMPLITUDES, NOISE = (0.5, 2.0), 0.2
HYPER = MAMLHyper(jnp.asarray(0.02))  # Read by the ensemble's members alone.


def network(inputs=1, seed=0):
    return NETWORK.init(jax.random.key(seed), inputs)


def process(attention):
    encoder, decoder = network(2), network(1 + 16, 1)
    return init_process(jax.random.key(2), encoder, decoder, 16, attention)


def members():
    return jax.vmap(lambda key: init_noise(NETWORK.init(key, 1)))(
        jax.random.split(jax.random.key(0), 3)
    )


PREDICT = noisy(NETWORK.apply)
MEMBER = ProbabilisticLearner(
    *maml(negative_log_density(PREDICT), ADAM, inner_steps=2), predict=PREDICT
)
LEARNERS = {
    "alpaca": (alpaca(NETWORK.features, ADAM), lambda: init_last_layer(network(), 16), 100),
    "deep_kernel": (
        deep_kernel(NETWORK.features, ADAM),
        lambda: init_deep_kernel(network(), 16),
        100,
    ),
    "neural_process": (
        neural_process(NETWORK.features, NETWORK.features, ADAM),
        lambda: process(None),
        600,
    ),
    "attentive": (
        neural_process(NETWORK.features, NETWORK.features, ADAM, attend=NETWORK.features),
        lambda: process(network()),
        300,
    ),
    "ensemble": (ensemble(MEMBER), members, 200),
}
over_learners = pytest.mark.parametrize("name", LEARNERS)


@pytest.mark.slow
@over_learners
def test_conformance(name, sinusoids):
    learner, begin, steps = LEARNERS[name]
    tasks = partial(sinusoids, sources=AMPLITUDES)
    check_meta_learner(learner, begin(), HYPER, tasks, steps=steps)


@pytest.fixture
def tasks(sinusoids):
    return sinusoids(jax.random.key(3), AMPLITUDES, tasks=2, size=6)


@pytest.fixture
def task(tasks):
    return jax.tree.map(lambda leaf: leaf[0], tasks)


@pytest.mark.slow
@pytest.mark.usefixtures("unoptimized")
@over_learners
def test_evaluate_is_the_density_of_valid_rows(name, tasks):
    learner, begin, _ = LEARNERS[name]
    tasks = tasks._replace(
        query_mask=tasks.query_mask.at[:, 0].set(False),
        query_y=tasks.query_y.at[:, 0].set(1e3).at[:, 1].set(jnp.nan),
    )

    @jax.jit
    def predict(task):
        return learner.predict(learner.adapt(begin(), support(task), HYPER).params, task.query_x)

    evaluated = jax.jit(learner.evaluate)(begin(), tasks, HYPER)
    for i in range(2):
        one = jax.tree.map(lambda leaf: leaf[i], tasks)  # noqa: B023
        mean, std = predict(one)
        density = stats.norm(mean, std).logpdf(one.query_y)[2:]
        np.testing.assert_allclose(evaluated[i], -density.mean(), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "ensemble"])
def test_losses_are_those_before_and_after_conditioning(name, task):
    learner, begin, _ = LEARNERS[name]
    adaptation = learner.adapt(begin(), support(task), HYPER)
    blank = support(task)._replace(y=jnp.full_like(task.support_y, jnp.nan))
    untouched = learner.adapt(begin(), blank, HYPER).params
    for loss, adapted in zip(adaptation.losses, (untouched, adaptation.params), strict=True):
        mean, std = learner.predict(adapted, task.support_x)
        expected = -stats.norm(mean, std).logpdf(task.support_y).mean()
        np.testing.assert_allclose(loss, expected, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("unoptimized")
@over_learners
def test_order_does_not_matter_and_invalid_rows_have_no_effect(name, task):
    learner, begin, _ = LEARNERS[name]

    @jax.jit
    def predict(batch):
        return learner.predict(learner.adapt(begin(), batch, HYPER).params, task.query_x)

    expected = predict(jax.tree.map(lambda leaf: leaf[:4], support(task)))
    spoiled = support(task)._replace(
        y=task.support_y.at[4].set(jnp.nan).at[5].set(1e3),
        mask=task.support_mask.at[5].set(False),
    )
    for order in (np.arange(6), np.array([5, 2, 0, 4, 3, 1])):
        shuffled = jax.tree.map(lambda leaf: leaf[order], spoiled)  # noqa: B023
        np.testing.assert_allclose(predict(shuffled), expected, rtol=2e-3, atol=2e-4)
    taught = predict(support(task))
    assert np.abs(np.subtract(taught, expected)).max() > 1e-2


@pytest.mark.slow
@pytest.mark.usefixtures("unoptimized")
@over_learners
def test_meta_gradients_ignore_rows_that_do_not_count(name, tasks):
    learner, begin, _ = LEARNERS[name]
    gradient = jax.jit(jax.grad(lambda p, t: jnp.mean(learner.evaluate(p, t, HYPER))))
    failed, padded = (
        tasks._replace(support_y=tasks.support_y.at[:, 0].set(score)) for score in (jnp.nan, 1e3)
    )
    padded = padded._replace(support_mask=tasks.support_mask.at[:, 0].set(False))
    gradients = [gradient(begin(), spoiled) for spoiled in (failed, padded)]
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), *gradients)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alpaca", "ensemble", "neural_process"])
def test_calibration_on_noisy_sinusoids(name, sinusoids):
    learner, begin, steps = LEARNERS[name]

    def sample(key, tasks=16):
        task_key, noise_key = jax.random.split(key)
        clean = sinusoids(task_key, AMPLITUDES, tasks=tasks)
        noise = NOISE * jax.random.normal(noise_key, (2, *clean.query_y.shape))
        return clean._replace(
            support_y=clean.support_y + noise[0], query_y=clean.query_y + noise[1]
        )

    def step(state, key):
        return learner.update(key, state, sample(jax.random.fold_in(key, 0)), HYPER)

    @jax.jit
    def judged(params, test):
        start = learner.init(jax.random.key(0), params)
        keys = jax.random.split(jax.random.key(1), 4 * steps)
        params = jax.lax.scan(step, start, keys)[0].params
        adapt = jax.vmap(lambda batch: learner.adapt(params, batch, HYPER).params)
        prediction = jax.vmap(learner.predict)(adapt(support(test)), test.query_x)
        return prediction, learner.evaluate(params, test, HYPER)

    test = jax.jit(partial(sample, tasks=200))(jax.random.key(2))
    prediction, losses = judged(begin(), test)
    flat = jax.tree.map(jnp.ravel, (prediction, query(test).y))
    coverage = interval_coverage(*flat, jnp.array([0.5, 0.9]))
    assert 0.4 < coverage[0] < 0.68
    assert 0.8 < coverage[1] < 0.98
    blind = stats.norm(0, np.std(support_and_query(test).y)).logpdf(query(test).y).mean()
    known = stats.norm(0, NOISE).logpdf(NOISE * np.random.default_rng(0).normal(size=4000)).mean()
    reached = -np.mean(losses)
    assert reached > blind + 0.2 * (known - blind)
