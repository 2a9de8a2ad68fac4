"""All searches, small, and what each of them can search."""

from functools import lru_cache

import jax.numpy as jnp

from nmjax.search import (
    BananasSearch,
    BayesianSearch,
    FSBOSearch,
    GPSearch,
    LocalSearch,
    PastBestSearch,
    RandomSearch,
    RegularizedEvolution,
    RGPESearch,
    SpaceSearch,
    make_problem,
    make_space_problem,
)
from nmjax.spaces import to_index
from tests.related import SPACE, plain_knowledge, related_tasks

CAPACITY = 12


def look_up(problem, architecture):
    return problem.target[to_index(SPACE, architecture)]


SEARCHES = {
    "bayesian": BayesianSearch(capacity=CAPACITY),
    "bananas": BananasSearch(capacity=CAPACITY, batch=3, members=2, candidates=4, epochs=2),
    "evolution": RegularizedEvolution(capacity=CAPACITY, population_size=3, tournament_size=2),
    "fsbo": FSBOSearch(capacity=CAPACITY, initial=2, updates=2, rows=6, steps=2),
    "gp": GPSearch(capacity=CAPACITY, initial=3, steps=2),
    "local": LocalSearch(capacity=CAPACITY),
    "past best": PastBestSearch(capacity=CAPACITY),
    "random": RandomSearch(capacity=CAPACITY),
    "rgpe": RGPESearch(capacity=CAPACITY, draws=8),
    "space": SpaceSearch(SPACE, evaluate=look_up, capacity=CAPACITY, starts=4),
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
