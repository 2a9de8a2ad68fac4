"""All searches, small, and what each of them can search."""

from functools import lru_cache

import jax.numpy as jnp

from nmjax.search import (
    bananas_search,
    bayesian_search,
    fsbo_search,
    gp_search,
    local_search,
    make_problem,
    make_space_problem,
    past_best_search,
    random_search,
    regularized_evolution,
    rgpe_search,
    space_search,
)
from nmjax.spaces import to_index
from tests.related import SPACE, plain_knowledge, related_tasks

CAPACITY = 12


def look_up(problem, architecture):
    return problem.target[to_index(SPACE, architecture)]


SEARCHES = {
    "bayesian": bayesian_search(capacity=CAPACITY),
    "bananas": bananas_search(capacity=CAPACITY, batch=3, members=2, candidates=4, epochs=2),
    "evolution": regularized_evolution(capacity=CAPACITY, population_size=3, tournament_size=2),
    "fsbo": fsbo_search(capacity=CAPACITY, initial=2, updates=2, rows=6, steps=2),
    "gp": gp_search(capacity=CAPACITY, initial=3, steps=2),
    "local": local_search(capacity=CAPACITY),
    "past best": past_best_search(capacity=CAPACITY),
    "random": random_search(capacity=CAPACITY),
    "rgpe": rgpe_search(capacity=CAPACITY, draws=8),
    "space": space_search(SPACE, look_up, capacity=CAPACITY, starts=4),
}
QUICK = {"past best", "random"}


@lru_cache
def problem_for(name):
    """The same task, as a pool or as a space."""
    tasks, knowledge = related_tasks(), plain_knowledge(3)
    if name == "space":
        return make_space_problem(SPACE, knowledge, jnp.asarray(tasks.scores[-1]))
    return make_problem(SPACE, tasks.pool, tasks.scores[-1], knowledge)


def with_scores(problem, change):
    """The problem with other scores."""
    if hasattr(problem, "target"):
        return problem._replace(target=change(problem.target))
    return problem._replace(score=change(problem.score))
