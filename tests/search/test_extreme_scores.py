"""In all searches, scores of any scale: distinct rows, finite beliefs, and the best one kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.search import default_hyper, run
from tests.search.every import CAPACITY, QUICK, SEARCHES, problem_for, with_scores

pytestmark = pytest.mark.faults

CHANGES = {
    "constant": jnp.zeros_like,
    "constant and large": lambda score: jnp.full_like(score, -1e15),
    "one outlier above": lambda score: score.at[3].set(1e30),
    "one outlier below": lambda score: score.at[3].set(-1e30),
    "hardly any spread": lambda score: score * 1e-30,
    "hardly any spread, far from 0": lambda score: 1e6 + score * 1e-3,
    "two values": lambda score: (score > jnp.median(score)).astype(score.dtype),
    "large": lambda score: score * 1e15,
    "all fail": lambda score: jnp.full_like(score, jnp.nan),
    "all but one fail": lambda score: jnp.full_like(score, jnp.nan).at[3].set(1.0),
}


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SEARCHES]
)
def test_scores_of_any_scale_are_searched(unoptimized, name):
    algorithm, hyper = SEARCHES[name], default_hyper(CAPACITY)
    start = jax.jit(algorithm.init)(jax.random.key(0), problem_for(name), hyper)

    def searched(change):
        problem = with_scores(problem_for(name), change)
        return problem, *run(start, problem, algorithm, hyper, steps=CAPACITY)

    has_model = np.isfinite(searched(lambda score: score)[2].expected_gain).all()
    for described, change in CHANGES.items():
        problem, state, trace = searched(change)
        rows = state.point if name == "space" else trace.row
        assert len(np.unique(rows, axis=0)) == CAPACITY, described
        succeeded = np.isfinite(trace.score)
        known = problem.target if name == "space" else problem.score
        assert np.isin(np.asarray(trace.score)[succeeded], known).all(), described
        assert np.isfinite(trace.expected_gain).all() == has_model, described
        assert (np.isfinite(trace.realized_gain) == (succeeded & has_model)).all(), described
