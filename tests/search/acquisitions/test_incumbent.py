"""The incumbent after a promising evaluation failed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.predictors import get_outcome_transform
from nmjax.search import (
    BayesianSearch,
    ExpectedImprovement,
    NoisyExpectedImprovement,
    Robust,
)
from nmjax.search.belief import predictive

FAILED, SUCCEEDED = 5, 9


@pytest.fixture
def prediction(problem, hyper):
    """One row is expected to be far better than all others, and fails; another one does not."""
    prior = jax.tree.map(lambda leaf: leaf[:1], problem.prior)
    promising = 20 * prior.mean[0] / jnp.sum(jnp.square(prior.mean))
    features = problem.pool.features.at[FAILED].set(promising)
    problem = problem._replace(
        pool=problem.pool._replace(features=features), prior=prior, log_weights=jnp.zeros(1)
    )
    search = BayesianSearch(capacity=4)

    @jax.jit
    def after(key):
        state = search.init(key, problem, hyper)
        for row, score in ((FAILED, jnp.nan), (SUCCEEDED, 0.5)):
            given = jnp.asarray(row, jnp.int32), jnp.asarray(score, jnp.float32)
            state, _ = search.observe(state, problem, hyper, *given)
        return state

    state = after(jax.random.key(0))
    return predictive(
        state, problem, hyper.exploration, outcome_transform=get_outcome_transform("log_lower_tail")
    )


def test_a_failure_was_evaluated_and_did_not_succeed(prediction):
    posterior, context = prediction
    assert np.argmax(posterior.components.mean[0]) == FAILED
    np.testing.assert_array_equal(np.flatnonzero(context.evaluated), [FAILED, SUCCEEDED])
    np.testing.assert_array_equal(np.flatnonzero(context.succeeded), [SUCCEEDED])


@pytest.mark.parametrize("acquire", [NoisyExpectedImprovement(), Robust(ExpectedImprovement())])
def test_a_failure_is_not_to_be_improved_on(prediction, acquire):
    posterior, context = prediction
    value = jax.jit(lambda key: acquire(key, posterior, context))(jax.random.key(0))
    assert np.max(value[~context.evaluated]) > 0.1
