"""The guard: a past that misleads must not cost much more than no past."""

from functools import lru_cache

import jax
import numpy as np
import pytest

from nmjax.analysis.convergence import incumbent, normalised_regret, pool_summary
from nmjax.knowledge import LearnConfig, learn_from_history
from nmjax.search import (
    bayesian_search,
    default_hyper,
    make_problem,
    search_lanes,
    without_transfer,
)
from nmjax.tasks import leave_one_out, list_suites, load_suite, make_history, scores
from tests.related import METRIC, SPACE, corrupt, learn_related, related_tasks

BUDGET, SEEDS, MARK = 50, 64, 1.05
ALGORITHM = bayesian_search(capacity=BUDGET)
INSTALLED = {info.name for info in list_suites() if info.installed}


def area(problem):
    """Mean normalised regret over evaluations and seeds."""
    _, trace = search_lanes(
        jax.random.split(jax.random.key(1), SEEDS),
        problem,
        default_hyper(BUDGET),
        algorithm=ALGORITHM,
        length=BUDGET,
    )
    regret = normalised_regret(incumbent(trace.score), *pool_summary(problem.score))
    return float(np.mean(regret))


def synthetic(how):
    tasks = related_tasks()
    return make_problem(SPACE, tasks.pool, tasks.scores[-1], learn_related(how)[0])


def real(name, target):
    """Sources of 200 evaluations each and a pool of 1000, of a real suite."""

    def problem(how):
        suite, rng = load_suite(name), np.random.default_rng(0)
        table, split = np.asarray(scores(suite)), leave_one_out(suite, target)
        rows = np.flatnonzero(~np.isnan(table).any(0))
        pool = rng.choice(rows, 1000, replace=False)
        drawn = np.stack([rng.choice(rows, 200, replace=False) for _ in split.sources])
        past = corrupt(table[split.source_indices[:, None], drawn], how)
        knowledge, _ = learn_from_history(
            jax.random.key(0),
            make_history(suite.pool[drawn], {METRIC.name: past}),
            METRIC,
            np.arange(len(drawn)) < 2,
            space=suite.space,
            config=LearnConfig(),
        )
        return make_problem(
            suite.space, suite.pool[pool], table[split.target_index, pool], knowledge
        )

    return problem


CASES = {
    "synthetic": synthetic,
    "hpobench": real("hpobench", "car"),
    "transnas101": real("transnas101", "autoencoder"),
}


@lru_cache
def areas(case, how):
    """Of the search with this past, and of the one without transfer from an honest past."""
    honest = CASES[case]("honest")
    problem = honest if how == "honest" else CASES[case](how)
    return area(problem), area(without_transfer(honest))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["negated", "permuted", "half negated", "half permuted"])
@pytest.mark.parametrize("case", CASES)
def test_a_past_that_misleads_costs_little(case, how):
    if case != "synthetic" and case not in INSTALLED:
        pytest.skip(f"{case} is not installed")
    guarded, without = areas(case, how)
    print(f"{case}, {how}: {guarded:.4f} / {without:.4f} = {guarded / without:.3f}")
    assert guarded <= MARK * without


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_an_honest_past_helps(case):
    if case != "synthetic" and case not in INSTALLED:
        pytest.skip(f"{case} is not installed")
    guarded, without = areas(case, "honest")
    print(f"{case}, honest: {guarded:.4f} / {without:.4f} = {guarded / without:.3f}")
    assert guarded < 0.95 * without
