"""Information gains of a trace, against the divergence of the posterior from the prior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import Matern

from nmjax.predictors import pool_information_gain
from nmjax.search import BayesianSearch, default_hyper, run, with_flat_prior
from nmjax.stats import import_tfp

ALGORITHM = BayesianSearch(capacity=12, outcome_transform="identity")


def search(problem, budget=12):
    hyper = default_hyper(budget)
    start = ALGORITHM.init(jax.random.key(0), problem, hyper)
    return start, *run(start, problem, ALGORITHM, hyper, steps=12)


def covariance(problem, prior, final):
    """Of the noise-free scores of a final state's evaluations, in units of s2."""
    rows = np.asarray(final.record.row)
    features, position = (np.asarray(leaf, float)[rows] for leaf in problem.pool)
    return (features * prior.variance) @ features.T + prior.amplitude * Matern(nu=2.5)(position)


def certain_scale(problem):
    """The flat problem with a known scale s2 = 1, as fixed hyperparameters are meant."""
    flat = with_flat_prior(problem)
    known = jnp.full(1, 1e7)
    return flat._replace(prior=flat.prior._replace(shape=known, rate=known))


@pytest.mark.slow
def test_expected_gains_add_up_to_the_mutual_information(problem):
    problem = certain_scale(problem)
    _, final, trace = search(problem)
    prior = jax.tree.map(lambda leaf: np.asarray(leaf[0], float), problem.prior)
    gram = covariance(problem, prior, final) / prior.noise
    mutual_information = 0.5 * np.linalg.slogdet(np.eye(12) + gram)[1]
    np.testing.assert_allclose(np.sum(trace.expected_gain), mutual_information, rtol=1e-3)


@pytest.mark.slow
def test_a_smaller_budget_gains_less(problem):
    problem = certain_scale(problem)
    gains = [np.asarray(search(problem, budget)[2].expected_gain) for budget in (6, 12)]
    np.testing.assert_allclose(gains[0][:6], gains[1][:6], rtol=1e-5)
    assert np.isnan(gains[0][6:]).all()
    assert np.nansum(gains[0]) < np.nansum(gains[1])


@pytest.mark.slow
def test_final_against_initial_posterior(problem):
    problem = certain_scale(problem)
    _, final, trace = search(problem)
    prior = jax.tree.map(lambda leaf: np.asarray(leaf[0], float), problem.prior)
    before = covariance(problem, prior, final)
    gain = np.linalg.solve(before + prior.noise * np.eye(12), before).T
    ours = pool_information_gain(final.model, problem.prior)[0]
    normal = import_tfp().distributions.MultivariateNormalTriL
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        after = np.linalg.cholesky(before - gain @ before)
        posterior = normal(gain @ np.asarray(final.record.score, float), after)
        theirs = posterior.kl_divergence(normal(np.zeros(12), np.linalg.cholesky(before)))
    np.testing.assert_allclose(ours, theirs, rtol=2e-3)
    assert not np.isclose(np.sum(trace.realized_gain), theirs, rtol=2e-3)


def test_gains_are_averaged_over_the_components(problem):
    _, _, trace = search(problem)
    alone = problem._replace(log_weights=jnp.log(jnp.array([1.0, 1e-30])))
    _, _, sure = search(alone, 1)
    flat = problem._replace(log_weights=jnp.log(jnp.array([1e-30, 1.0])))
    row = int(trace.row[0])
    prior, features = problem.prior, problem.pool.features[row]
    variance = prior.variance @ jnp.square(features) + prior.amplitude
    each = 0.5 * np.log1p(variance / prior.noise)
    np.testing.assert_allclose(trace.expected_gain[0], np.array([0.7, 0.3]) @ each, rtol=1e-5)
    np.testing.assert_allclose(sure.transfer_weight[0], 1, rtol=1e-5)
    np.testing.assert_allclose(search(flat, 1)[2].transfer_weight[0], 0, atol=1e-5)
    assert np.isnan(search(with_flat_prior(problem), 1)[2].transfer_weight).all()
