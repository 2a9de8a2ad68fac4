"""Meta-trained components of the mixture: their weights, predictions and effect on a search."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import norm

from nmjax.errors import NmjaxError
from nmjax.meta import LearnedModel, conditioning
from nmjax.search import (
    BayesianSearch,
    KnowledgeGradient,
    ThompsonSampling,
    add_component,
    default_hyper,
    observe,
    run_batch,
    start,
    suggest,
    with_flat_prior,
)
from nmjax.search.learned_components import component_log_weights
from nmjax.types import Gaussian

ALGORITHM = BayesianSearch(capacity=10, outcome_transform="identity")
HYPER = default_hyper(10)


def _count_and_predict(adapted, x):
    """Predict the first input, less certain the fewer evaluations there are."""
    scale, count = adapted
    return Gaussian(scale * x[:, 0], jnp.broadcast_to(0.3 / jnp.sqrt(1 + count), x.shape[:1]))


LEARNER = conditioning(
    lambda scale, batch: (scale, jnp.sum(batch.mask).astype(batch.y.dtype)),
    _count_and_predict,
    optax.sgd(0.1),
)


def believing(problem, scores, weight=0.5):
    """The problem with a component that expects the given scores."""
    return add_component(problem, LearnedModel(LEARNER, jnp.ones(())), scores[:, None], weight)


def after(problem, rows):
    state = start(jax.random.key(0), problem, ALGORITHM, HYPER)
    for row in rows:
        score = jnp.nan if row is None else problem.score[row]
        state, _ = observe(state, problem, ALGORITHM, HYPER, 60 if row is None else row, score)
    return state


def test_evidence_is_the_density_of_each_score_given_the_earlier_ones(problem):
    """Without an outcome transform, relative densities sum to a difference of evidence."""
    rows = [5, 9, None, 2, 40]
    state = after(believing(problem, 1.1 * problem.score), rows)
    known = np.asarray(problem.score)[[row for row in rows if row is not None]]
    spread = 0.3 / np.sqrt(1 + np.arange(len(known)))
    by_learner = norm.logpdf(known, 1.1 * known, spread).sum()
    by_processes = jax.nn.logsumexp(problem.log_weights + state.model.log_evidence)
    np.testing.assert_allclose(state.relative_evidence, [by_learner - by_processes], rtol=1e-3)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_component_gains_weight_if_it_predicts_and_loses_it_if_not(problem, sign):
    believed = believing(problem, sign * problem.score)
    state = after(believed, [5, 9, 2, 40, 33, 21])
    weight = jnp.exp(component_log_weights(believed, state.relative_evidence, HYPER.fixed_share))
    np.testing.assert_allclose(jnp.sum(weight), 1, rtol=1e-5)
    if sign == 1:
        assert weight[1] > 0.6
    else:
        # What is left is the fixed share of its prior weight.
        np.testing.assert_allclose(weight[1], 0.02 * 0.5, rtol=0.3)


def test_a_component_that_knows_the_scores_finds_the_best_right_after_the_initial_design(problem):
    flat = with_flat_prior(problem)
    keys = jax.random.split(jax.random.key(1), 4)
    best = int(jnp.argmax(problem.score))
    for told, found in ((believing(flat, problem.score, 0.9), True), (flat, False)):
        _, trace = run_batch(keys, told, ALGORITHM, HYPER, steps=4)
        assert np.all(np.any(trace.row == best, axis=1)) == found


def test_a_search_in_one_call_is_that_step_by_step(problem):
    told = believing(problem, problem.score)
    _, trace = run_batch(jax.random.key(0)[None], told, ALGORITHM, HYPER, steps=6)
    state = start(jax.random.key(0), told, ALGORITHM, HYPER)
    for row in np.asarray(trace.row[0]):
        assert suggest(state, told, ALGORITHM, HYPER) == row
        state, _ = observe(state, told, ALGORITHM, HYPER, row, told.score[row])


def test_unevaluated_scores_are_not_read(problem):
    """The component adapts to the scores of evaluated rows only."""
    told = believing(problem, jnp.sin(problem.score))
    state = after(told, [5, 9, 2])
    for change in (-100, 100):
        other = jnp.where(state.record.evaluated, told.score, change - told.score)
        row = suggest(state, told._replace(score=other), ALGORITHM, HYPER)
        assert row == suggest(state, told, ALGORITHM, HYPER)


@pytest.mark.parametrize("acquisition", [ThompsonSampling(), KnowledgeGradient()])
def test_acquisitions_receive_draws_and_covariances_of_all_components(problem, acquisition):
    told = believing(problem, problem.score, 0.9)
    algorithm = BayesianSearch(capacity=10, acquisition=acquisition)
    keys = jax.random.split(jax.random.key(1), 2)
    _, trace = run_batch(keys, told, algorithm, HYPER, steps=5)
    assert all(len(set(rows.tolist())) == 5 for rows in trace.row)


def test_draws_and_covariances_of_a_component_agree_with_its_marginals(problem):
    told = believing(problem, problem.score, 1 - 1e-6)
    state = after(told, [5, 9, 2])
    posterior, context = ALGORITHM._predictive(state, told, HYPER)
    draws = jax.jit(jax.vmap(context.sample))(jax.random.split(jax.random.key(2), 1000))
    rows = jnp.array([3, 17])
    covariance = context.covariance(rows)[-1]
    variance = jnp.square(posterior.components.std[-1, rows]) - context.noise[-1]
    np.testing.assert_allclose(covariance[jnp.arange(2), rows], variance, rtol=1e-4)
    np.testing.assert_allclose(draws[:, 3].std(), variance[0] ** 0.5, rtol=0.1)


def test_a_component_counts_as_transferred(problem):
    """Before any evaluation, half of the weight, and .7 of the other half."""
    told = believing(problem, problem.score)
    hyper = HYPER._replace(budget=jnp.asarray(5))
    _, trace = run_batch(jax.random.key(0)[None], told, ALGORITHM, hyper, steps=6)
    np.testing.assert_allclose(trace.transfer_weight[0, 0], 0.5 + 0.5 * 0.7, rtol=1e-5)
    assert np.isnan(trace.transfer_weight[0, 5])


def test_the_evidence_stays_once_the_budget_is_spent(problem):
    told = believing(problem, problem.score)
    state, hyper = after(told, [5, 9, 2]), HYPER._replace(budget=jnp.asarray(3))
    later, _ = observe(state, told, ALGORITHM, hyper, 40, told.score[40])
    np.testing.assert_array_equal(later.relative_evidence, state.relative_evidence)


def test_components_added_later_share_what_is_left(problem):
    two = believing(believing(problem, problem.score, 0.5), problem.score, 0.2)
    shares = [float(jnp.exp(component.log_weight)) for component in two.learned]
    np.testing.assert_allclose(shares, [0.4, 0.2], rtol=1e-5)
    assert start(jax.random.key(0), two, ALGORITHM, HYPER).relative_evidence.shape == (2,)


def test_a_problem_without_components_has_no_evidence_of_them(problem):
    assert start(jax.random.key(0), problem, ALGORITHM, HYPER).relative_evidence is None
    assert with_flat_prior(believing(problem, problem.score)).learned == ()


@pytest.mark.parametrize(
    ("inputs", "weight", "message"),
    [((3, 2), 0.5, "inputs of shape"), ((64,), 0.5, "inputs of shape"), ((64, 1), 1.0, "weight")],
)
def test_unusable_components_are_refused(problem, inputs, weight, message):
    with pytest.raises(NmjaxError, match=message):
        add_component(problem, LearnedModel(LEARNER, jnp.ones(())), jnp.ones(inputs), weight)
