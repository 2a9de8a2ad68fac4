"""The search behind a study: candidates, the state of the algorithm, and its suggestions."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.knowledge import MetaKnowledge
from nmjax.search import (
    BayesianSearch,
    Problem,
    default_hyper,
    make_problem,
    observe,
    start,
    suggest,
)
from nmjax.search.algorithm import AnySearch
from nmjax.search.choose import is_enumerated
from nmjax.study.arguments import Feasibility, value_offset
from nmjax.study.candidates import (
    ELITE,
    Candidates,
    Point,
    all_candidates,
    judge_feasibility,
    sample_candidates,
)
from nmjax.study.trial import Trial
from nmjax.study.trial_log import TrialLog
from nmjax.tasks import raw_to_score
from nmjax.types import Metric, PyTree

CAPACITY_STEP = 32
"""Capacities are multiples of this number, so that similar budgets share compiled programs."""


class Suggester:
    """Suggestions of an algorithm after the results of a log.

    What it keeps between calls is derived from the log, the seed and the settings.

    Args:
      knowledge: Knowledge of the space.
      metric: Metric of the results.
      algorithm: Search of a pool.
      log: Trials of the study, which the study adds to.
      seed: Seed of all random draws.
      feasibility: As in `Study`.
    """

    def __init__(
        self,
        knowledge: MetaKnowledge,
        metric: Metric,
        algorithm: AnySearch,
        log: TrialLog,
        *,
        seed: int,
        feasibility: Feasibility | None,
    ):
        self.knowledge = knowledge
        self.metric = metric
        self.algorithm = algorithm
        self.log = log
        self.feasibility = feasibility
        self._hyper = default_hyper(algorithm.capacity)
        self._search_key, self._pool_key = jax.random.split(jax.random.key(seed))
        self._pool: tuple[Candidates, Problem] | None = None
        self._state: PyTree = None
        self._observed = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether every feasible candidate has a trial."""
        candidates, problem = self._pool_now()
        if problem.feasibility is None:
            return len(self.log.trials) >= len(candidates.points)
        tried = [candidates.row_of[point] for point in self.log.points]
        return not np.delete(np.asarray(problem.feasibility), tried).any()

    def suggest(self) -> Point:
        """Return the point to evaluate next, which has no trial.

        Each running trial counts as if it had returned the mean score so far.
        """
        candidates, problem = self._pool_now()
        state = self._with_running(self._state_now(candidates, problem), candidates, problem)
        row = int(suggest(state, problem, self.algorithm, self._hyper))
        return candidates.points[row]

    def redraw(self) -> None:
        """Draw new candidates before the next suggestion, unless they are the whole space."""
        if not is_enumerated(self.log.space):
            self._pool = self._state = None

    def grow(self, needed: int) -> None:
        """Raise the capacity of the algorithm, if it is below a number of evaluations."""
        if needed > self.algorithm.capacity:
            self.algorithm = replace(self.algorithm, capacity=round_capacity(needed))
            self._hyper = default_hyper(self.algorithm.capacity)
            self._state = None

    def _pool_now(self) -> tuple[Candidates, Problem]:
        """Candidates: the whole space, or a sample that is redrawn after each result."""
        if self._pool is None:
            space = self.log.space
            if is_enumerated(space):
                candidates = all_candidates(space)
            else:
                key = jax.random.fold_in(self._pool_key, len(self.log.finished))
                candidates = sample_candidates(key, space, self.log.points, self._elite())
            problem = make_problem(
                space,
                jnp.asarray(candidates.architecture),
                None,
                self.knowledge,
                continuous=jnp.asarray(candidates.continuous),
                feasibility=judge_feasibility(self.feasibility, space, candidates),
            )
            self._pool = candidates, problem
        return self._pool

    def _state_now(self, candidates: Candidates, problem: Problem) -> PyTree:
        """State of the search after all results, in the order in which they were recorded."""
        if self._state is None:
            key = jax.random.clone(self._search_key)
            self._state = start(key, problem, self.algorithm, self._hyper)
            self._observed = 0
        for number in self.log.finished[self._observed :]:
            score = self._score_of(self.log.trials[number])
            self._state = self._observe(self._state, candidates, problem, number, score)
        self._observed = len(self.log.finished)
        return self._state

    def _with_running(self, state: PyTree, candidates: Candidates, problem: Problem) -> PyTree:
        """State as if each running trial had returned the mean score so far."""
        scores = [self._score_of(trial) for trial in self.log.complete]
        expected = sum(scores) / len(scores) if scores else math.nan
        for trial in self.log.running:
            state = self._observe(state, candidates, problem, trial.number, expected)
        return state

    def _observe(
        self, state: PyTree, candidates: Candidates, problem: Problem, number: int, score: float
    ) -> PyTree:
        row = candidates.row_of[self.log.points[number]]
        return observe(state, problem, self.algorithm, self._hyper, row, score)[0]

    def _score_of(self, trial: Trial) -> float:
        """Score of a finished trial, higher is better; NaN if it failed."""
        if trial.value is None:
            return math.nan
        is_linear = self.metric.transform == "identity"
        uses_location = getattr(self.algorithm, "outcome_transform", None) == "identity"
        offset = value_offset(self.log.values) if is_linear and not uses_location else 0.0
        return float(raw_to_score(self.metric, trial.value - offset))

    def _elite(self) -> list[Point] | None:
        """Points of the best complete trials, best first; None for a search without a model."""
        if not isinstance(self.algorithm, BayesianSearch):
            return None
        best = sorted(self.log.complete, key=self._score_of, reverse=True)[:ELITE]
        return [self.log.points[trial.number] for trial in best]


def round_capacity(budget: int) -> int:
    """Smallest multiple of `CAPACITY_STEP` that is not below the budget."""
    return -(-budget // CAPACITY_STEP) * CAPACITY_STEP
