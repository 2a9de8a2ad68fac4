"""The guard: a misleading past costs little more than a search without transfer."""

import itertools
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.analysis import incumbent, normalized_regret, pool_summary
from nmjax.knowledge import learn_from_history
from nmjax.search import (
    BayesianSearch,
    default_hyper,
    make_problem,
    run_batch,
    with_flat_prior,
)
from nmjax.tasks import leave_one_out, list_suites, load_suite, make_history, scores
from tests.related import METRIC, corrupt

BUDGET, SEEDS, MARK = 50, 64, 1.05
POOL, ROWS = 1000, 200
ALGORITHM = BayesianSearch(capacity=BUDGET)
INSTALLED = {info.name for info in list_suites() if info.installed}
TARGETS = {
    "hpobench": ("australian", "blood_transfusion", "phoneme", "segment"),
    "transnas101": ("class_scene", "room_layout", "autoencoder", "segmentsemantic"),
}


CASES = tuple(itertools.product(TARGETS, ("negated", "permuted", "half-negated", "half-permuted")))


def area(problem, accuracy):
    """Mean normalized regret, in the raw metric, over evaluations and seeds."""
    keys, hyper = jax.random.split(jax.random.key(1), SEEDS), default_hyper(BUDGET)
    _, trace = run_batch(keys, problem, ALGORITHM, hyper, steps=BUDGET)
    regret = normalized_regret(incumbent(accuracy[trace.row]), *pool_summary(accuracy))
    return float(jnp.mean(regret))


@lru_cache
def areas(name, how):
    """Mean over targets, with the guard and without transfer."""
    suite = load_suite(name)
    table, raw = np.asarray(scores(suite)), suite.metrics[suite.score_metric]
    found = []
    for seed, target in enumerate(TARGETS[name]):
        rng, split = np.random.default_rng(seed), leave_one_out(suite, target)
        size = len(suite.pool)
        pool = rng.choice(size, min(POOL, size), replace=False)
        drawn = np.stack([rng.choice(size, ROWS, replace=False) for _ in split.sources])
        past = corrupt(table[split.source_indices[:, None], drawn], how)
        knowledge, _ = learn_from_history(
            jax.random.key(seed),
            make_history(suite.pool[drawn], {METRIC.name: past}),
            METRIC,
            np.arange(len(drawn)) < 2,
            space=suite.space,
        )
        row = split.target_index
        problem = make_problem(suite.space, suite.pool[pool], table[row, pool], knowledge)
        accuracy = jnp.asarray(raw[row, pool])
        found.append((area(problem, accuracy), area(with_flat_prior(problem), accuracy)))
    guarded, without = np.mean(found, axis=0)
    print(f"{name}, {how}: {guarded:.4f} / {without:.4f} = {guarded / without:.3f}")
    return guarded, without


def check_installed(name):
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how"), CASES)
def test_a_misleading_past_costs_little(name, how):
    check_installed(name)
    guarded, without = areas(name, how)
    assert guarded <= MARK * without


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_related_past_helps(name):
    check_installed(name)
    guarded, without = areas(name, "unmodified")
    assert guarded < 0.9 * without
