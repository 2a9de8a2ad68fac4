import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.search import LocalSearch, default_hyper, run_batch

ALGORITHM = LocalSearch(capacity=64)
TABLES = {
    "rugged": np.random.default_rng(3).normal(size=64),
    "flat": np.zeros(64),
    "failing": np.where(np.arange(64) % 3, np.random.default_rng(4).normal(size=64), np.nan),
}


def steepest_path(start, table, neighbors):
    """From a start to its local optimum, with the whole table at hand."""
    path = [start]
    while True:
        best = max(neighbors[path[-1]], key=lambda row: table[row])
        if table[best] <= table[path[-1]]:
            return path
        path.append(best)


def played(problem, score):
    """The whole pool evaluated by each of 100 searches."""
    keys, hyper = jax.random.split(jax.random.key(0), 100), default_hyper(64)
    scored = problem._replace(score=jnp.asarray(score, jnp.float32))
    return run_batch(keys, scored, ALGORITHM, hyper, steps=64)


@pytest.mark.parametrize("name", TABLES)
def test_it_finds_the_local_optima_of_brute_force(name, problem):
    """Evaluations: a start, the new neighbors along its steepest path, and the next start."""
    final, trace = played(problem, TABLES[name])
    table, neighbors = np.nan_to_num(TABLES[name], nan=-np.inf), np.asarray(problem.neighbors)
    optima = {row for row in range(64) if table[row] >= table[neighbors[row]].max()}
    for seed in range(5):
        left, known, tops = trace.row[seed].tolist(), set(), []
        while left:
            start = left.pop(0)
            known.add(start)
            path = steepest_path(start, table, neighbors)
            for row in path:
                around = set(neighbors[row].tolist()) - known
                assert {left.pop(0) for _ in around} == around
                known |= around
            tops.append(path[-1])
        assert len(known) == 64
        assert len(tops) > 3
        assert set(tops) <= optima
        assert int(final.position[seed]) == tops[-1]


def test_starts_and_orders_are_random(problem):
    start, second = np.asarray(played(problem, TABLES["flat"])[1].row)[:, :2].T
    assert set(start ^ second) == {1, 2, 4, 8, 16, 32}
    assert np.bincount(start, minlength=64).max() < 10
