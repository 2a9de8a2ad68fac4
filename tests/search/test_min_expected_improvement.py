"""A search ends when the expected improvement falls below a threshold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax.predictors import get_outcome_transform, predict_evaluation
from nmjax.search import (
    BayesianSearch,
    default_hyper,
    is_finished,
    observe,
    start,
    suggest_next_point,
)

SIZE = 64
ALGORITHM = BayesianSearch(capacity=SIZE)
THRESHOLDS = (0.0, 0.03, 0.1, 0.3, 1e3)


@jax.jit
def searches(thresholds, problem):
    """Searches by threshold: number of evaluations, traces, and predictions at each step."""

    def search(min_expected_improvement):
        hyper = default_hyper(SIZE)._replace(min_expected_improvement=min_expected_improvement)

        def step(state, _):
            after, info = ALGORITHM.step(state, problem, hyper)
            transformed = get_outcome_transform("log_lower_tail")(state.record.score)
            predicted = predict_evaluation(state.model, problem.prior)
            return after, (info, predicted, state.log_weights, jnp.nanmax(transformed))

        start = ALGORITHM.init(jax.random.key(0), problem, hyper)
        final, traced = jax.lax.scan(step, start, None, length=SIZE)
        return final.record.step, *traced

    return jax.jit(jax.vmap(search))(thresholds)


def most_expected_improvement(posterior, log_weights, best, evaluated):
    """Of unevaluated rows, by SciPy."""
    mean, std = (np.asarray(leaf, np.float64) for leaf in posterior)
    u = (mean - best) / std
    each = std * (stats.norm.pdf(u) + u * stats.norm.cdf(u))
    return np.delete(np.exp(log_weights) @ each, evaluated).max()


def test_the_search_ends_when_expected_improvement_is_below_the_threshold(problem):
    steps, info, predicted, log_weights, best = jax.device_get(
        searches(jnp.array(THRESHOLDS), problem)
    )
    improvement = [
        most_expected_improvement(
            jax.tree.map(lambda leaf, t=t: leaf[0, t], predicted),
            log_weights[0, t],
            best[0, t],
            info.row[0, :t],
        )
        for t in range(3, SIZE)
    ]
    over = [
        [t for t, most in enumerate(improvement, 3) if most < min_expected_improvement]
        for min_expected_improvement in THRESHOLDS
    ]
    assert steps.tolist() == [first[0] if first else SIZE for first in over]
    assert steps[0] == SIZE
    assert steps[-1] == 3
    assert len(set(steps)) > 3
    for row, counted, number in zip(info.row, info.counted, steps, strict=True):
        np.testing.assert_array_equal(counted, np.arange(SIZE) < number)
        np.testing.assert_array_equal(row, np.where(counted, info.row[0], -1))


@pytest.mark.slow
def test_is_finished_follows_the_threshold_and_the_budget(problem):
    for min_expected_improvement, budget, number in ((1e3, 10, 3), (0.0, 5, 5)):
        hyper = default_hyper(budget)._replace(
            min_expected_improvement=jnp.asarray(min_expected_improvement)
        )
        state = start(jax.random.key(0), problem, ALGORITHM, hyper)
        for row in range(number):
            assert not is_finished(state, problem, ALGORITHM, hyper)
            state, _ = observe(state, problem, ALGORITHM, hyper, row, problem.score[row])
        assert is_finished(state, problem, ALGORITHM, hyper)


def test_a_search_without_a_success_does_not_end(problem):
    """Expected improvement is undefined without a success."""
    hyper = default_hyper(10)._replace(min_expected_improvement=jnp.asarray(1e3))
    state = start(jax.random.key(0), problem, ALGORITHM, hyper)
    for row in range(6):
        state, _ = observe(state, problem, ALGORITHM, hyper, row, jnp.nan)
        assert not is_finished(state, problem, ALGORITHM, hyper)


def test_given_evaluations_count_at_any_threshold(problem):
    """With the threshold, the search would end after the initial design, as with a budget of 3."""
    algorithm, rows = BayesianSearch(capacity=8), np.arange(6)

    def following(**changes):
        changed = {name: jnp.asarray(value) for name, value in changes.items()}
        hyper = default_hyper(8)._replace(**changed)
        return suggest_next_point(
            jax.random.key(0), problem, algorithm, hyper, rows, problem.score[rows]
        )

    assert following() == following(min_expected_improvement=1e3) != following(budget=3)
