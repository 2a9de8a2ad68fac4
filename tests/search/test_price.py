"""A search that is over once too little is expected of another evaluation."""

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
PRICES = (0.0, 0.03, 0.1, 0.3, 1e3)


@jax.jit
def priced(prices, problem):
    """Searches side by side: evaluations of each, and its trace with what was foreseen."""

    def search(min_expected_improvement):
        hyper = default_hyper(SIZE)._replace(min_expected_improvement=min_expected_improvement)

        def step(state, _):
            after, info = ALGORITHM.step(state, problem, hyper)
            transformed = get_outcome_transform("log_lower_tail")(state.record.score)
            foreseen = predict_evaluation(state.model, problem.prior)
            return after, (info, foreseen, state.log_weights, jnp.nanmax(transformed))

        start = ALGORITHM.init(jax.random.key(0), problem, hyper)
        final, traced = jax.lax.scan(step, start, None, length=SIZE)
        return final.record.step, *traced

    return jax.jit(jax.vmap(search))(prices)


def most_expected_improvement(posterior, log_weights, best, evaluated):
    """Of the rows that were not evaluated, by SciPy."""
    mean, std = (np.asarray(leaf, np.float64) for leaf in posterior)
    u = (mean - best) / std
    each = std * (stats.norm.pdf(u) + u * stats.norm.cdf(u))
    return np.delete(np.exp(log_weights) @ each, evaluated).max()


def test_it_is_over_when_less_than_the_price_is_expected(problem):
    steps, info, foreseen, log_weights, best = jax.device_get(priced(jnp.array(PRICES), problem))
    improvement = [
        most_expected_improvement(
            jax.tree.map(lambda leaf, t=t: leaf[0, t], foreseen),
            log_weights[0, t],
            best[0, t],
            info.row[0, :t],
        )
        for t in range(3, SIZE)
    ]
    over = [
        [t for t, most in enumerate(improvement, 3) if most < min_expected_improvement]
        for min_expected_improvement in PRICES
    ]
    assert steps.tolist() == [first[0] if first else SIZE for first in over]
    assert steps[0] == SIZE
    assert steps[-1] == 3
    assert len(set(steps)) > 3
    for row, counted, number in zip(info.row, info.counted, steps, strict=True):
        np.testing.assert_array_equal(counted, np.arange(SIZE) < number)
        np.testing.assert_array_equal(row, np.where(counted, info.row[0], -1))


@pytest.mark.slow
def test_a_study_tells_when_it_is_over(problem):
    for min_expected_improvement, budget, number in ((1e3, 10, 3), (0.0, 5, 5)):
        hyper = default_hyper(budget)._replace(
            min_expected_improvement=jnp.asarray(min_expected_improvement)
        )
        state = start(jax.random.key(0), problem, ALGORITHM, hyper)
        for row in range(number):
            assert not is_finished(state, problem, ALGORITHM, hyper)
            state, _ = observe(state, problem, ALGORITHM, hyper, row, problem.score[row])
        assert is_finished(state, problem, ALGORITHM, hyper)


def test_failures_do_not_end_it(problem):
    """Where nothing has succeeded yet, there is no improvement to be expected."""
    hyper = default_hyper(10)._replace(min_expected_improvement=jnp.asarray(1e3))
    state = start(jax.random.key(0), problem, ALGORITHM, hyper)
    for row in range(6):
        state, _ = observe(state, problem, ALGORITHM, hyper, row, jnp.nan)
        assert not is_finished(state, problem, ALGORITHM, hyper)


@pytest.mark.slow
def test_it_does_not_keep_evaluations_from_counting(problem):
    """Of who evaluated more than the min_expected_improvement allows, all is known."""
    rows = jnp.arange(8)
    following = [
        suggest_next_point(
            jax.random.key(0),
            problem,
            ALGORITHM,
            default_hyper(SIZE)._replace(
                min_expected_improvement=jnp.asarray(min_expected_improvement)
            ),
            rows,
            problem.score[:8],
        )
        for min_expected_improvement in (0.0, 1e3)
    ]
    assert following[0] == following[1]
