import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.search import RegularizedEvolution, default_hyper

SIZES = {"capacity": 24, "population_size": 4, "tournament_size": 2}


@pytest.fixture
def played(problem):
    """Each row with the population that it was bred from and the one after it."""
    algorithm = RegularizedEvolution(**SIZES)
    hyper = default_hyper(24)
    state, steps = algorithm.init(jax.random.key(0), problem, hyper), []
    step = jax.jit(algorithm.step)
    for _ in range(24):
        after, info = step(state, problem, hyper)
        steps.append((int(info.row), state.population, after.population))
        state = after
    return steps


def test_a_child_is_a_neighbor_of_a_member(played, problem):
    neighbors, at_once = np.asarray(problem.neighbors), 0
    for row, before, after in played[SIZES["population_size"] :]:
        if int(after.births) == int(before.births) + 1:
            at_once += 1
            assert any(row in neighbors[parent] for parent in np.asarray(before.members))
    assert at_once > 5


def test_the_population_ages(played):
    for t, (row, before, after) in enumerate(played):
        births = int(after.births)
        if t < SIZES["population_size"]:
            assert births == t + 1
        assert births > int(before.births)
        youngest = (births - 1) % SIZES["population_size"]
        assert int(after.members[youngest]) == row
        if births == int(before.births) + 1:
            others = np.delete(np.arange(4), youngest)
            np.testing.assert_array_equal(after.members[others], before.members[others])


def test_a_tournament_of_all_breeds_from_the_best(problem):
    algorithm = RegularizedEvolution(capacity=24, population_size=4, tournament_size=4)
    hyper = default_hyper(5)
    neighbors, best_parents = np.asarray(problem.neighbors), 0
    step = jax.jit(algorithm.step)
    for seed in range(5):
        state = algorithm.init(jax.random.key(seed), problem, hyper)
        for _ in range(4):
            state, _ = step(state, problem, hyper)
        members = np.asarray(state.population.members)
        parent = members[np.argmax(np.asarray(problem.score)[members])]
        _, info = step(state, problem, hyper)
        best_parents += int(info.row) in neighbors[parent]
    assert best_parents == 5


def test_evolution_falls_back_to_random_when_all_neighbors_are_evaluated(problem):
    """If every child was evaluated before, the search continues with a random architecture."""
    row = jnp.arange(64, dtype=jnp.int32)
    pairs = problem._replace(neighbors=(row ^ 1)[:, None])
    algorithm, hyper = RegularizedEvolution(**SIZES), default_hyper(24)
    state = algorithm.init(jax.random.key(0), pairs, hyper)
    step = jax.jit(algorithm.step)
    rows = []
    for _ in range(24):
        state, info = step(state, pairs, hyper)
        rows.append(int(info.row))
    assert len(set(rows)) == 24


def test_an_architecture_without_neighbors_is_passed_over(problem):
    row = jnp.arange(64, dtype=jnp.int32)
    alone = problem._replace(neighbors=row[:, None])
    algorithm, hyper = RegularizedEvolution(**SIZES), default_hyper(24)
    state = algorithm.init(jax.random.key(0), alone, hyper)
    step = jax.jit(algorithm.step)
    rows = []
    for _ in range(12):
        state, info = step(state, alone, hyper)
        rows.append(int(info.row))
    assert len(set(rows)) == 12


@pytest.mark.parametrize("sizes", [(0, 4), (5, 4)])
def test_sizes_are_checked(sizes):
    with pytest.raises(NmjaxError, match="tournament_size"):
        RegularizedEvolution(tournament_size=sizes[0], population_size=sizes[1])
