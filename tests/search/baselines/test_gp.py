import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from nmjax.predictors import kernel_noise
from nmjax.search import GPSearch, run
from nmjax.testing import check_search

ALGORITHM = GPSearch(capacity=12, initial=3, steps=5, outcome_transform="identity")


def played(problem, hyper):
    start = jax.jit(ALGORITHM.init)(jax.random.key(0), problem, hyper)
    return run(start, problem, ALGORITHM, hyper, steps=10)


@pytest.mark.slow
def test_conformance(problem, hyper):
    check_search(ALGORITHM, problem, hyper)


@pytest.mark.slow
def test_the_next_row_is_that_of_scikit_learn(problem, hyper):
    """Expected improvement by their process with the hyperparameters that were fitted."""
    state, _ = played(problem, hyper)
    kernel, mean = state.params.kernel, float(state.params.mean)
    position = np.asarray(problem.pool.position, np.float64)
    x = (position - position.min(0)) / np.ptp(position, axis=0)
    theirs = ConstantKernel(np.exp(kernel.log_amplitude)) * Matern(
        length_scale=np.exp(-0.5 * np.asarray(kernel.log_relevance)), nu=2.5
    ) + ConstantKernel(np.exp(kernel.log_intercept))
    model = GaussianProcessRegressor(theirs, alpha=float(kernel_noise(kernel)), optimizer=None)
    rows = np.asarray(state.record.row[:10])
    score = np.asarray(problem.score, np.float64)[rows]
    found, std = model.fit(x[rows], score - mean).predict(x, return_std=True)
    above = (found + mean - score.max()) / std
    improvement = std * (norm.pdf(above) + above * norm.cdf(above))
    improvement[rows] = -np.inf
    assert int(ALGORITHM.suggest(state, problem, hyper)) == improvement.argmax()


def test_past_tasks_do_not_change_the_search(problem, hyper):
    """Neither the priors nor the relevance learned from the past change the search."""
    position = problem.pool.position
    relevance = jnp.exp(jnp.linspace(-3, 3, position.shape[1]))[None, :]
    other = problem._replace(
        pool=problem.pool._replace(position=position * relevance + 1),
        prior=jax.tree.map(jnp.zeros_like, problem.prior),
        past_mean=-problem.past_mean,
    )
    rows = played(other, hyper)[1].row
    np.testing.assert_array_equal(rows, played(problem, hyper)[1].row)
