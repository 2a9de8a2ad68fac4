"""A conformance test of all searches, and the defining behavior of each."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.search import (
    BayesianSearch,
    LocalSearch,
    PastBestSearch,
    RandomSearch,
    RegularizedEvolution,
    default_hyper,
    get_acquisition,
    run,
    run_batch,
    with_flat_prior,
)
from nmjax.testing import check_search

SEARCHES = {
    "bayesian": BayesianSearch(capacity=12),
    "thompson": BayesianSearch(capacity=12, acquisition=get_acquisition("thompson_sampling")),
    "random": RandomSearch(capacity=12),
    "past best": PastBestSearch(capacity=12),
    "evolution": RegularizedEvolution(capacity=12, population_size=4, tournament_size=2),
    "local": LocalSearch(capacity=12),
}


SLOW = {"thompson", "evolution"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in SEARCHES]
)
def test_conformance(name, problem, hyper):
    check_search(SEARCHES[name], problem, hyper)


@pytest.mark.slow
def test_conformance_without_transfer(problem, hyper):
    check_search(SEARCHES["bayesian"], with_flat_prior(problem), hyper)


@dataclass(frozen=True, kw_only=True)
class BrokenSearch(RandomSearch):
    """A random search that breaks one rule of the protocol."""

    promise: str

    def init(self, key, problem, hyper):
        state = super().init(key, problem, hyper)
        if self.promise == "no peeking at the start":
            return state._replace(order=jnp.argsort(-problem.score).astype(state.order.dtype))
        return state

    def suggest(self, state, problem, hyper):
        if self.promise == "no peeking":
            worth = jnp.where(state.record.evaluated, -jnp.inf, problem.score)
            return jnp.argmax(worth).astype(jnp.int32)
        if self.promise == "nothing observed":
            return state.order[jnp.minimum(state.record.step, len(state.order) - 1)]
        if self.promise == "no row twice":
            return state.order[0]
        return super().suggest(state, problem, hyper)

    def update(self, state, problem, hyper, index, score):
        more = int(self.promise == "budget")
        hyper = hyper._replace(budget=hyper.budget + more)
        return super().update(state, problem, hyper, index, score)


@pytest.mark.parametrize(
    ("promise", "message"),
    [
        ("no peeking", "not evaluated"),
        ("no peeking at the start", "not evaluated"),
        ("no row twice", "repeat"),
        ("nothing observed", "after it had been observed"),
        ("budget", "counted"),
    ],
)
def test_a_search_that_breaks_the_protocol_is_reported(promise, message, problem, hyper):
    with pytest.raises(AssertionError, match=message):
        check_search(BrokenSearch(capacity=12, promise=promise), problem, hyper)


@pytest.mark.slow
@pytest.mark.skipif(jax.__version_info__ < (0, 12), reason="XLA drops the barrier, then fuses")
def test_a_step_copies_no_kernel(problem, hyper):
    algorithm = BayesianSearch(capacity=12)
    state = jax.vmap(lambda key: algorithm.init(key, problem, hyper))(jax.random.key(0)[None])
    batch = jax.vmap(lambda s, p: run(s, p, algorithm, hyper, steps=5), (0, None))
    program = jax.jit(batch, donate_argnums=0).lower(state, problem).compile().as_text()
    kernel = f" = f32[1,12,{problem.score.size}]"
    made = [line for line in program.splitlines() if kernel in line]
    assert any("dynamic-update-slice" in line for line in made)
    assert not [line for line in made if " copy(" in line]


def test_the_whole_pool_can_be_evaluated(problem):
    algorithm = BayesianSearch(capacity=80)
    hyper = default_hyper(80)
    start = algorithm.init(jax.random.key(0), problem, hyper)
    final, trace = run(start, problem, algorithm, hyper, steps=66)
    assert final.record.step == 64
    np.testing.assert_array_equal(np.sort(trace.row), np.r_[-1, -1, np.arange(64)])


@pytest.mark.slow
def test_past_tasks_speed_up_the_search(problem):
    keys, hyper = jax.random.split(jax.random.key(0), 16), default_hyper(6)
    algorithm = SEARCHES["bayesian"]
    known = run_batch(keys, problem, algorithm, hyper, steps=6)[1]
    unknown = run_batch(keys, with_flat_prior(problem), algorithm, hyper, steps=6)[1]
    chance = run_batch(keys, problem, SEARCHES["random"], hyper, steps=6)[1]
    means = [float(jnp.mean(jnp.max(t.score, axis=-1))) for t in (known, unknown, chance)]
    assert means[0] > means[1] > means[2]


def test_evidence_moves_the_weights(problem):
    hyper = default_hyper(12)
    algorithm = BayesianSearch(capacity=12, outcome_transform="identity")
    final = {}
    for name, believed in (("right", problem), ("wrong", reversed_belief(problem))):
        start = algorithm.init(jax.random.key(0), believed, hyper)
        state, trace = run(start, believed, algorithm, hyper, steps=12)
        np.testing.assert_allclose(trace.transfer_weight[0], 0.7, rtol=1e-5)
        np.testing.assert_allclose(np.exp(state.log_weights).sum(), 1, rtol=1e-5)
        final[name] = float(jnp.exp(state.log_weights[0]))
    assert final["right"] > 0.7 > 0.2 > final["wrong"]
    np.testing.assert_allclose(final["wrong"], 0.02 * 0.7, rtol=0.1)


def reversed_belief(problem):
    prior = problem.prior._replace(mean=-problem.prior.mean)
    return problem._replace(prior=prior)


def test_failures_leave_the_model_finite(problem, hyper):
    algorithm = SEARCHES["bayesian"]
    failing = problem._replace(score=jnp.where(problem.score > 0, problem.score, jnp.nan))
    start = algorithm.init(jax.random.key(3), failing, hyper)
    final, trace = run(start, failing, algorithm, hyper, steps=10)
    assert np.isnan(trace.score).any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(final.model))
    assert np.isfinite(final.log_weights).all()


def test_until_something_succeeds_the_highest_mean_is_next(problem, hyper):
    algorithm = SEARCHES["bayesian"]
    failing = problem._replace(score=jnp.full_like(problem.score, jnp.nan))
    start = algorithm.init(jax.random.key(3), failing, hyper)
    _, trace = run(start, failing, algorithm, hyper, steps=10)
    rows = trace.row.tolist()
    weights, means = np.exp(problem.log_weights), np.asarray(problem.prior.mean)
    expected = weights @ means @ np.asarray(problem.pool.features).T
    left = [row for row in np.argsort(-expected).tolist() if row not in rows[:3]]
    assert rows[3:] == left[:7]


def test_past_best_follows_the_past_mean(problem, hyper):
    algorithm = SEARCHES["past best"]
    start = algorithm.init(jax.random.key(0), problem, hyper)
    _, trace = run(start, problem, algorithm, hyper, steps=10)
    np.testing.assert_array_equal(trace.row, np.argsort(-np.asarray(problem.past_mean))[:10])


def test_random_search_is_uniform(problem, hyper):
    keys = jax.random.split(jax.random.key(0), 400)
    _, trace = run_batch(keys, problem, SEARCHES["random"], hyper, steps=10)
    counts = np.bincount(np.asarray(trace.row).ravel(), minlength=64)
    np.testing.assert_allclose(counts, 62.5, atol=5 * 62.5**0.5)


def test_capacity_is_checked():
    with pytest.raises(NmjaxError, match="capacity=0"):
        BayesianSearch(capacity=0)


def test_unknown_outcome_transforms_are_refused():
    with pytest.raises(NmjaxError, match="outcome transform"):
        BayesianSearch(outcome_transform="standardise")
