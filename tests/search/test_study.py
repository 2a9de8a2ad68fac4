import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.search import (
    bayesian_search,
    default_hyper,
    local_search,
    observe,
    random_search,
    regularised_evolution,
    run,
    start_study,
    suggest,
)

SEARCHES = [
    bayesian_search(capacity=10),
    random_search(capacity=10),
    regularised_evolution(capacity=10, population_size=3, tournament_size=2),
    local_search(capacity=10),
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
    _, trace = run(state, problem, hyper, algorithm=algorithm, length=10)
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


@pytest.mark.slow
def test_what_was_not_suggested_counts_too(problem):
    algorithm = SEARCHES[0]
    study = start_study(jax.random.key(0), problem, default_hyper(8), algorithm=algorithm)
    first = int(suggest(study, algorithm=algorithm))
    study, info = observe(study, jnp.int32(first), 0.5, algorithm=algorithm)
    other = (first + 1) % 64
    study, info = observe(study, jnp.int32(other), jnp.nan, algorithm=algorithm)
    assert int(info.row) == other
    assert np.isnan(info.score)
    assert study.state.record.evaluated[jnp.array([first, other])].all()
    seen = {first, other}
    for _ in range(3):
        index = int(suggest(study, algorithm=algorithm))
        assert index not in seen
        seen.add(index)
        study, _ = observe(study, jnp.int32(index), 1.0, algorithm=algorithm)
