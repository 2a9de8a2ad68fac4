"""Learning and search in spaces with real-valued choices, with and without discrete ones."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax import spaces
from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    LearnConfig,
    MetaKnowledge,
    join_histories,
    learn_from_history,
    map_history,
    predicted_history,
    update,
    with_capacity,
)
from nmjax.search import (
    BayesianSearch,
    GPSearch,
    LocalSearch,
    Problem,
    RegularizedEvolution,
    Robust,
    default_hyper,
    make_problem,
    run_batch,
    with_flat_prior,
)
from nmjax.search.acquisitions import LogExpectedImprovement
from nmjax.spaces import Choice, RealChoice, Space
from nmjax.tasks import check_quality, encode_history, make_history, select_tasks
from nmjax.types import History, Metric

REALS = (RealChoice("rate", 1e-4, 1.0, "log"), RealChoice("decay", 0.0, 2.0))
SPACES = {
    "real": Space.build("real", (), REALS),
    "mixed": Space.build("mixed", (Choice("op", "abc"), Choice("act", "xy")), REALS),
}
METRIC = Metric("score", "1")
SOURCES, ROWS, POOL, BUDGET = 5, 40, 60, 12
CONFIG = LearnConfig(
    kernel_rows=ROWS,
    kernel_steps=40,
    network=True,
    meta_steps=20,
    evaluate_every=10,
    meta_rows=24,
    replay_size=16,
    prior_steps=60,
)


def draw(rng, space, shape):
    """Architectures, real-valued choices, and where these are on their scales."""
    options = [rng.integers(0, count, shape) for count in space.num_options]
    architecture = np.stack(options, -1) if options else np.zeros((*shape, 0), int)
    position = rng.uniform(-1, 1, (*shape, 2))
    return architecture, np.asarray(spaces.from_scale(space, position)), position


def score_of(task, architecture, position):
    """Scores with nearby peaks and effects of options that all tasks share."""
    peak = np.array([0.3, -0.2]) + 0.1 * np.array([np.cos(task), np.sin(task)])
    return -np.square(position - peak).sum(-1) + 0.2 * (architecture == 0).sum(-1)


class Played(NamedTuple):
    """Knowledge without the last past task, and a pool of a new task."""

    history: History
    knowledge: MetaKnowledge
    continuous: np.ndarray
    score: np.ndarray
    problem: Problem


@pytest.fixture(scope="module")
def played(unoptimized_module):
    rng, space = np.random.default_rng(0), SPACES["real"]
    architecture, continuous, position = draw(rng, space, (SOURCES, ROWS))
    tasks = zip(range(SOURCES), architecture, position, strict=True)
    metrics = {METRIC.name: np.stack([score_of(*task) for task in tasks])}
    history = make_history(architecture, metrics, continuous=continuous, space=space)
    past, folds = select_tasks(history, np.arange(SOURCES - 1)), [0, 0, 1, 1]
    knowledge, _ = learn_from_history(
        jax.random.key(0), past, METRIC, folds, space=space, config=CONFIG
    )
    pool, continuous, position = draw(rng, space, (POOL,))
    score = score_of(SOURCES, pool, position)
    problem = make_problem(space, pool, score, knowledge, continuous=continuous)
    return Played(history, knowledge, continuous, score, problem)


@pytest.mark.slow
def test_the_past_is_learned(played):
    nothing = np.zeros((POOL, 0), int)
    history, metric = predicted_history(
        played.knowledge, nothing, space=SPACES["real"], continuous=played.continuous
    )
    np.testing.assert_allclose(history.continuous[1], played.continuous, rtol=1e-6)
    for predicted in np.asarray(history.metrics[metric.name]):
        assert stats.spearmanr(predicted, played.score)[0] > 0.9


@pytest.mark.slow
def test_a_task_is_added(played):
    room = with_capacity(played.knowledge, SOURCES)
    last = select_tasks(played.history, np.array([SOURCES - 1]))
    space = SPACES["real"]
    grown = update(jax.random.key(1), room, last, METRIC, space=space, replay_size=16)
    nothing = np.zeros((POOL, 0), int)
    problem = make_problem(space, nothing, played.score, grown, continuous=played.continuous)
    assert stats.spearmanr(problem.pool.features[:, SOURCES], played.score)[0] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "of"),
    [
        (BayesianSearch, lambda problem: problem),
        (BayesianSearch, with_flat_prior),
        (GPSearch, with_flat_prior),
    ],
)
def test_searches_find_the_best(played, make, of):
    algorithm, hyper = make(capacity=BUDGET), default_hyper(BUDGET)
    keys, problem = jax.random.split(jax.random.key(2), 4), of(played.problem)
    _, trace = run_batch(keys, problem, algorithm, hyper, steps=BUDGET)
    rows = np.asarray(trace.row)
    assert all(len(set(search)) == BUDGET for search in rows.tolist())
    np.testing.assert_allclose(trace.score, played.score[rows], rtol=1e-6)
    regret = played.score.max() - played.score[rows].max(axis=-1)
    assert np.mean(regret) < 0.1 * (played.score.max() - np.median(played.score))


@pytest.mark.slow
@pytest.mark.parametrize(
    "algorithm",
    [
        LocalSearch(capacity=BUDGET),
        RegularizedEvolution(capacity=BUDGET, population_size=2, tournament_size=1),
        BayesianSearch(capacity=BUDGET, acquisition=Robust(LogExpectedImprovement())),
    ],
)
def test_searches_by_neighbors_refuse(played, algorithm):
    keys = jax.random.split(jax.random.key(0), 2)
    with pytest.raises(NmjaxError, match="no neighbors"):
        run_batch(keys, played.problem, algorithm, default_hyper(4), steps=4)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_functions_of_discrete_spaces_refuse_real_valued_choices(space):
    one = jnp.zeros((1, space.num_choices), jnp.int32)
    history = make_history(
        np.zeros((1, 1, space.num_choices), int), {"a": [[1]]}, continuous=[[[1, 1]]]
    )
    for refusing in (
        lambda: spaces.neighbors(space, one),
        lambda: spaces.mutate(jax.random.key(0), space, one),
        lambda: spaces.pool_rows(space, one, one),
        lambda: spaces.enumerate_architectures(space),
        lambda: map_history(space, space, history),
    ):
        with pytest.raises(NmjaxError, match=r"real-valued choices \['rate', 'decay'\]"):
            refusing()


@pytest.mark.parametrize(
    "continuous",
    [None, np.ones((3, 1)), np.ones((2, 2)), np.full((3, 2), 1.5), np.full((3, 2), np.nan)],
)
def test_pools_are_checked(continuous):
    with pytest.raises(
        NmjaxError, match=r"give continuous=float32\[N, 2\], each within its bounds"
    ):
        make_problem(SPACES["real"], np.zeros((3, 0), int), None, None, continuous=continuous)


def test_histories_are_checked_and_joined():
    space = SPACES["mixed"]
    continuous = np.array([[[0.1, 1], [0.1, 1], [0.1, 0.5], [2, 1]]])
    history = make_history(
        np.zeros((1, 4, 2), int), {"score": [[1, 1, 1, 1]]}, continuous=continuous
    )
    found = {finding.kind: finding.rows.tolist() for finding in check_quality(history, space)}
    assert found["outside"] == [3]
    assert found["duplicate"] == [1]
    joined, _ = join_histories([(history, METRIC), (history, METRIC)])
    np.testing.assert_array_equal(joined.continuous, np.repeat(history.continuous, 2, axis=0))
    assert encode_history(space, joined).shape == (2, 4, 7)
