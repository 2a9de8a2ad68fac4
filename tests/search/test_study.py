import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.search import (
    BayesianSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    default_hyper,
    observe,
    run,
    start_study,
    suggest,
)
from tests.search import every
from tests.search.every import QUICK, problem_for

SEARCHES = [
    BayesianSearch(capacity=10),
    RandomSearch(capacity=10),
    RegularizedEvolution(capacity=10, population_size=3, tournament_size=2),
    LocalSearch(capacity=10),
]


def double(tree):
    return jax.tree.map(
        lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf, tree
    )


@pytest.mark.parametrize(
    "algorithm", [*SEARCHES[:2], *(pytest.param(s, marks=pytest.mark.slow) for s in SEARCHES[2:])]
)
def test_a_study_is_the_scan(float64, algorithm, problem):
    problem, hyper = double(problem), double(default_hyper(8))
    state = algorithm.init(jax.random.key(0), problem, hyper)
    _, trace = run(state, problem, algorithm, hyper, steps=10)
    blind = problem._replace(score=jnp.full_like(problem.score, jnp.nan))
    study = start_study(jax.random.key(0), blind, hyper, algorithm=algorithm)
    rows = []
    for _ in range(8):
        index = suggest(study, algorithm=algorithm)
        study, info = observe(study, index, float(problem.score[index]), algorithm=algorithm)
        assert info.counted
        rows.append(int(index))
    np.testing.assert_array_equal(rows, trace.row[:8])
    after, info = observe(study, suggest(study, algorithm=algorithm), 1.0, algorithm=algorithm)
    assert not info.counted
    np.testing.assert_array_equal(after.state.record.score, study.state.record.score)


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in every.SEARCHES]
)
def test_what_was_not_suggested_counts_too(unoptimized, name):
    """Every other evaluation is of what would be suggested only after the one that is."""
    algorithm, seen = every.SEARCHES[name], []
    study = start_study(
        jax.random.key(0), problem_for(name), default_hyper(10), algorithm=algorithm
    )
    for turn in range(5):
        suggested = suggest(study, algorithm=algorithm)
        ahead, _ = observe(study, suggested, 0.5, algorithm=algorithm)
        other = suggest(ahead, algorithm=algorithm)
        study, info = observe(study, other, jnp.nan if turn == 1 else 0.1, algorithm=algorithm)
        assert info.counted
        assert np.isnan(info.score) == (turn == 1)
        suggested = suggest(study, algorithm=algorithm)
        study, _ = observe(study, suggested, 0.1 * turn, algorithm=algorithm)
        seen += [tuple(np.atleast_1d(one).tolist()) for one in (other, suggested)]
    assert len(set(seen)) == len(seen) == study.state.record.step
