"""Posterior and context that acquisitions receive, and expected information gains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.predictors import get_outcome_transform
from nmjax.search import BayesianSearch, default_hyper, observe, start, suggest, with_flat_prior
from nmjax.search.belief import predictive
from nmjax.tasks.metrics import failed_unless_finite

ALGORITHM = BayesianSearch(capacity=8, outcome_transform="identity")
HYPER, IDENTITY = default_hyper(8), get_outcome_transform("identity")


def after(problem, scores):
    """The state after evaluations {row: score}."""
    state = start(jax.random.key(0), problem, ALGORITHM, HYPER)
    for row, score in scores.items():
        state, _ = observe(state, problem, ALGORITHM, HYPER, row, score)
    return state


def predicted(state, problem):
    return predictive(
        state, problem, jnp.asarray(1.5), outcome_transform=get_outcome_transform("identity")
    )


def test_the_context_is_that_of_the_evaluations(problem):
    state = after(problem, {5: -3.0, 9: jnp.nan, 2: -2.0})
    posterior, context = predicted(state, problem)
    assert context.best == -2
    assert context.exploration == 1.5
    assert context.step == 3
    np.testing.assert_array_equal(np.flatnonzero(context.evaluated), [2, 5, 9])
    np.testing.assert_array_equal(np.flatnonzero(context.succeeded), [2, 5])
    # Two successes of scores far from what the priors expect raise the estimate of s2.
    scale = np.asarray(state.model.rate) / np.asarray(state.model.shape)
    assert (scale > 1.1).all()
    np.testing.assert_allclose(context.noise, problem.prior.noise * scale, rtol=1e-5)
    np.testing.assert_array_equal(posterior.log_weights, state.log_weights)
    assert np.any(state.log_weights != problem.log_weights)


def test_draws_come_from_the_components_by_their_weight_now(problem):
    """Component 0 expects 100 of every row and component 1 expects 0."""
    mean = jnp.zeros_like(problem.prior.mean).at[0, 0].set(100)
    problem = problem._replace(prior=problem.prior._replace(mean=mean))
    state = after(problem, {})

    @jax.jit
    def draw(weights, state, problem):
        _, context = predicted(state._replace(log_weights=jnp.log(weights)), problem)
        return jax.vmap(context.sample)(jax.random.split(jax.random.key(0), 16))

    for weights, high in (([1.0, 1e-30], True), ([1e-30, 1.0], False)):
        draws = draw(jnp.array(weights), state, problem)
        np.testing.assert_array_equal(draws > 50, high)


def test_the_realized_gain_is_the_divergence_of_the_posteriors(problem):
    """An observation informs through the noise-free score of its own row alone."""
    known = jnp.full(1, 1e6)
    problem = with_flat_prior(problem)
    problem = problem._replace(prior=problem.prior._replace(shape=known, rate=known))
    state = after(problem, {})
    for row, score in ((3, 0.7), (8, -1.1), (21, 0.4)):
        before = state
        state, info = observe(before, problem, ALGORITHM, HYPER, row, score)
        (new, small), (old, large) = (
            (float(model.mean[0, row]), float(model.variance[0, row]))
            for model in (state.model, before.model)
        )
        divergence = 0.5 * (np.log(large / small) + (small + (new - old) ** 2) / large - 1)
        np.testing.assert_allclose(info.realized_gain, divergence, rtol=2e-3)


def test_the_expected_gain_does_not_depend_on_the_unit_of_the_variances(problem):
    gains = []
    for rate in (2.0, 8.0):
        scaled = problem._replace(prior=problem.prior._replace(rate=jnp.full(2, rate)))
        state = after(scaled, {})
        gains.append(observe(state, scaled, ALGORITHM, HYPER, 3, 0.5)[1].expected_gain)
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-5)


def choose_the_row_of_the_exploration(key, posterior, context):
    del key, posterior
    row = jnp.arange(context.evaluated.size, dtype=jnp.float32)
    return -jnp.abs(row - context.exploration)


def choose_at_random(key, posterior, context):
    del posterior
    return jax.random.uniform(key, context.evaluated.shape)


def test_the_acquisition_is_given_the_exploration(problem):
    algorithm = BayesianSearch(capacity=8, acquisition=choose_the_row_of_the_exploration)
    hyper = HYPER._replace(exploration=jnp.asarray(37.0))
    state = start(jax.random.key(0), problem, algorithm, hyper)
    for row in (1, 2, 3):
        state, _ = observe(state, problem, algorithm, hyper, row, 0.5)
    assert suggest(state, problem, algorithm, hyper) == 37


def test_each_step_uses_its_own_random_key(problem):
    """A suggestion is not repeated if another row was evaluated instead."""
    algorithm = BayesianSearch(capacity=8, acquisition=choose_at_random)
    state = start(jax.random.key(0), problem, algorithm, HYPER)
    suggested = []
    for row in range(6):
        state, _ = observe(state, problem, algorithm, HYPER, row, 0.5)
        suggested.append(int(suggest(state, problem, algorithm, HYPER)))
    assert len(set(suggested[2:])) == 4


@pytest.mark.parametrize(("score", "failed"), [(1.7e16, False), (-1.7e16, False), (1.9e16, True)])
def test_scores_fail_from_the_documented_size_on(score, failed):
    assert np.isnan(failed_unless_finite(jnp.float32(score))) == failed
