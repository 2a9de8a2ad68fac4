"""Searches by any surrogate, here a Gaussian process and a Bayesian linear head."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from nmjax.errors import NmjaxError
from nmjax.predictors import (
    KernelParams,
    LinearPrior,
    bayesian_linear,
    default_kernel,
    gaussian_process,
    kernel_noise,
)
from nmjax.search import (
    InformationAboutFunction,
    MaxValueEntropySearch,
    RandomSearch,
    SurrogateSearch,
    ThompsonSampling,
    default_hyper,
    run,
    run_batch,
)
from nmjax.testing import check_search
from tests.search.conftest import FEATURES

CAPACITY, SEEDS, SIZE = 16, 8, FEATURES - 1


def smooth_kernel(size):
    return KernelParams(jnp.zeros(size), *jnp.array([0.0, 0.0, -4.0]))


def linear_prior(size):
    return LinearPrior(jnp.zeros(size), jnp.ones(size), *jnp.array([0.1, 2.0, 2.0]))


def no_hyper(size):
    return None


def by_process(**changes):
    surrogate = gaussian_process(SIZE, capacity=CAPACITY)
    fields = {"capacity": CAPACITY, "initial": 3} | changes
    return SurrogateSearch(surrogate, smooth_kernel, **fields)


def by_line(**changes):
    fields = {"capacity": CAPACITY, "initial": 3, "intercept": True} | changes
    return SurrogateSearch(bayesian_linear(), linear_prior, **fields)


SEARCHES = {"process": by_process, "line": by_line}


def searched(make, problem, budget, **hyper):
    """States and traces of searches of a budget; all budgets share one compiled program."""
    keys = jax.random.split(jax.random.key(0), SEEDS)
    numbers = default_hyper(budget)._replace(**hyper)
    return run_batch(keys, problem, make(), numbers, steps=CAPACITY)


@partial(jax.jit, static_argnames="algorithm")
def predict_and_suggest(state, problem, hyper, algorithm):
    predicted = algorithm.surrogate.predict(state.model, algorithm.inputs(problem))
    return predicted, algorithm.suggest(state, problem, hyper)


@pytest.fixture(params=SEARCHES)
def make(request):
    return SEARCHES[request.param]


@pytest.mark.slow
def test_conformance(make, problem, hyper):
    check_search(make(), problem, hyper)


def test_it_finds_the_best_earlier_than_random(make, problem):
    def regret(make):
        scores = searched(make, problem, CAPACITY)[1].score
        assert np.isfinite(scores).all()
        return float(problem.score.max()) - np.maximum.accumulate(np.asarray(scores), axis=1)

    ours, random = regret(make), regret(lambda: RandomSearch(capacity=CAPACITY))
    assert ours.mean() < 0.7 * random.mean()
    assert (ours[:, -1] == 0).sum() > 2 * (random[:, -1] == 0).sum()
    assert (ours[:, -1] == 0).mean() >= 0.75


def test_the_next_row_is_that_of_scikit_learn(problem, hyper):
    algorithm = by_process(outcome_transform="identity")
    start = jax.jit(algorithm.init)(jax.random.key(0), problem, hyper)
    state, _ = run(start, problem, algorithm, hyper, steps=10)
    kernel = smooth_kernel(SIZE)
    position = np.asarray(problem.pool.position, np.float64)
    x = (position - position.min(0)) / np.ptp(position, axis=0)
    theirs = ConstantKernel(1.0) * Matern(nu=2.5) + ConstantKernel(1.0)
    model = GaussianProcessRegressor(theirs, alpha=float(kernel_noise(kernel)), optimizer=None)
    rows = np.asarray(state.record.row[:10])
    score = np.asarray(problem.score, np.float64)[rows]
    mean, std = model.fit(x[rows], score).predict(x, return_std=True)
    ours, suggested = predict_and_suggest(state, problem, hyper, algorithm)
    np.testing.assert_allclose(ours.mean, mean, atol=2e-3)
    np.testing.assert_allclose(ours.std, std, atol=2e-3)
    noisy = np.sqrt(std**2 + algorithm.noise)
    above = (mean - score.max()) / noisy
    improvement = noisy * (norm.pdf(above) + above * norm.cdf(above))
    improvement[rows] = -np.inf
    assert int(suggested) == improvement.argmax()


def test_past_tasks_do_not_change_the_search(make, problem):
    relevance = jnp.exp(jnp.linspace(-1, 1, SIZE))[None, :]
    other = problem._replace(
        pool=problem.pool._replace(position=problem.pool.position * relevance + 1),
        prior=jax.tree.map(jnp.zeros_like, problem.prior),
        past_mean=-problem.past_mean,
    )
    ours, theirs = (searched(make, task, 8)[1].row for task in (problem, other))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("acquisition", [ThompsonSampling(), MaxValueEntropySearch()])
def test_other_acquisitions_draw_from_the_surrogate(make, problem, hyper, acquisition):
    algorithm = make(acquisition=acquisition)
    start = jax.jit(algorithm.init)(jax.random.key(2), problem, hyper)
    state, trace = run(start, problem, algorithm, hyper, steps=8)
    assert trace.counted.all()
    assert state.record.evaluated.sum() == 8


def test_information_is_sought_where_the_marginals_are_wide(make, problem, hyper):
    algorithm = make(acquisition=InformationAboutFunction())
    start = jax.jit(algorithm.init)(jax.random.key(3), problem, hyper)
    state, trace = run(start, problem, algorithm, hyper, steps=6)
    assert trace.counted.all()
    predicted, suggested = predict_and_suggest(state, problem, hyper, algorithm)
    std = np.where(state.record.evaluated, -np.inf, predicted.std)
    assert int(suggested) == std.argmax()


def test_it_ends_if_no_improvement_is_expected(make, problem):
    trace = searched(make, problem, 12, min_expected_improvement=jnp.asarray(1e3))[1]
    np.testing.assert_array_equal(trace.counted.sum(axis=1), 3)


def test_searches_with_equal_fields_are_equal(make):
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != make(initial=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial": 0}, "initial=0"),
        ({"capacity": 0}, "capacity=0"),
        ({"noise": 0.0}, "noise=0.0"),
        ({"outcome_transform": "rank"}, "rank"),
    ],
)
def test_fields_are_checked(make, changes, message):
    with pytest.raises(NmjaxError, match=message):
        make(**changes)


def test_a_surrogate_without_room_is_refused():
    with pytest.raises(NmjaxError, match="surrogate of capacity=3"):
        SurrogateSearch(gaussian_process(SIZE, capacity=3), default_kernel, capacity=4)


def test_a_surrogate_that_holds_arrays_is_refused():
    surrogate = gaussian_process(SIZE, capacity=4)._replace(size=np.zeros(2))
    with pytest.raises(NmjaxError, match="make_hyper"):
        SurrogateSearch(surrogate, no_hyper, capacity=4)


def test_inputs_of_another_number_are_refused(problem, hyper):
    algorithm = by_process(intercept=True)
    wrong = SurrogateSearch(gaussian_process(3, capacity=CAPACITY), smooth_kernel, capacity=4)
    for search in (algorithm, wrong):
        with pytest.raises(NmjaxError, match="relevances of shape"):
            search.init(jax.random.key(0), problem, hyper)
