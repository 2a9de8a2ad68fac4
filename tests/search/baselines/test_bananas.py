import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.search import BananasSearch, default_hyper, run_batch
from nmjax.search.baselines.bananas import enough, mutations
from nmjax.testing import check_search


@pytest.fixture
def on_paths(problem):
    """The same pool with six bits as path encoding, which determine the score."""
    paths = (np.arange(64)[:, None] >> np.arange(6)) & 1
    score = paths @ np.array([1.0, 2, 3, -1, -2, 0.5])
    return problem._replace(paths=jnp.asarray(paths, bool), score=jnp.asarray(score, jnp.float32))


@pytest.mark.slow
def test_conformance(on_paths):
    algorithm = BananasSearch(capacity=10, batch=3, members=2, candidates=4, epochs=2)
    check_search(algorithm, on_paths, default_hyper(8))


@pytest.mark.slow
def test_networks_learn_which_paths_are_good(on_paths):
    algorithm = BananasSearch(capacity=24, batch=8, members=3, candidates=30)
    keys = jax.random.split(jax.random.key(0), 4)
    _, trace = run_batch(keys, on_paths, algorithm, default_hyper(24), steps=24)
    by_batch = np.asarray(trace.score).reshape(4, 3, 8).mean(axis=(0, 2))
    assert by_batch[1] > by_batch[0] + 2
    assert (trace.score.max(axis=1) == on_paths.score.max()).all()


def test_mutations_are_a_few_changes_away(problem):
    rows = jax.jit(mutations, static_argnames="number")(
        jax.random.key(0), jnp.array([0, 63]), problem.neighbors, number=2000
    )
    step = np.zeros((64, 64))
    np.add.at(step, (np.arange(64)[:, None], np.asarray(problem.neighbors)), 1 / 6)
    walks = [np.linalg.matrix_power(step, changes) for changes in (1, 2, 3, 4)]
    expected = np.tensordot([1 / 2, 1 / 4, 1 / 8, 1 / 8], walks, axes=1)[[0, 63]]
    shares = np.stack([np.bincount(row, minlength=64) for row in np.asarray(rows)]) / 2000
    np.testing.assert_allclose(shares, expected, atol=4 * (0.1 / 2000) ** 0.5)


def test_candidates_come_from_the_best_parents_until_there_are_enough():
    mutated = jnp.array([[1, 2, 2], [3, 4, 4], [5, 6, 7]])
    evaluated = jnp.zeros(9, bool).at[1].set(True)

    def found(number, counts=(True, True, True)):
        rows = jax.jit(enough, static_argnames="number")(
            mutated, jnp.array(counts), evaluated, number=number
        )
        return np.flatnonzero(rows).tolist()

    assert found(1) == [2]
    assert found(2) == found(3) == [2, 3, 4]
    assert found(4) == [2, 3, 4, 5, 6, 7]
    assert found(4, (False, True, False)) == [3, 4]


def test_paths_have_to_be_known(problem):
    with pytest.raises(NmjaxError, match="make_problem"):
        BananasSearch().init(jax.random.key(0), problem, default_hyper(4))


@pytest.mark.slow
def test_unused_networks_are_not_trained(on_paths):
    """The queue is refilled after each batch, except at the end of the budget."""
    algorithm = BananasSearch(capacity=10, batch=3, members=2, candidates=4, epochs=2)
    step, hyper = jax.jit(algorithm.step), default_hyper(6)
    state, queues = algorithm.init(jax.random.key(0), on_paths, hyper), []
    for _ in range(8):
        state, _ = step(state, on_paths, hyper)
        queues.append(tuple(np.asarray(state.queue).tolist()))
    assert queues[1] != queues[2]
    assert len(set(queues[2:])) == 1
