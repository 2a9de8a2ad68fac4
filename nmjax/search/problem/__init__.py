"""Problems that a search reads: a pool or a space, scores, and priors from past tasks."""

from nmjax.search.problem.build import add_component, make_problem, make_space_problem
from nmjax.search.problem.components import LearnedComponent, unit_inputs
from nmjax.search.problem.kinds import (
    HasModel,
    HasNeighbors,
    HasScores,
    ModelProblem,
    Problem,
    ScoreTable,
    SpaceProblem,
    with_flat_prior,
    with_unevaluated_changed,
)
from nmjax.search.problem.pool_checks import DistinctRows, distinct_rows

__all__ = [
    "DistinctRows",
    "HasModel",
    "HasNeighbors",
    "HasScores",
    "LearnedComponent",
    "ModelProblem",
    "Problem",
    "ScoreTable",
    "SpaceProblem",
    "add_component",
    "distinct_rows",
    "make_problem",
    "make_space_problem",
    "unit_inputs",
    "with_flat_prior",
    "with_unevaluated_changed",
]
