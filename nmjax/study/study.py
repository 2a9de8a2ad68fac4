"""The `Study` class: Bayesian optimization by ask and tell."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError, check_seed
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
from nmjax.search.choose import is_enumerated
from nmjax.spaces import Space
from nmjax.study.arguments import (
    Direction,
    finite_value,
    positive_integer,
    resolve_knowledge,
)
from nmjax.study.candidates import (
    ELITE,
    Candidates,
    Point,
    all_candidates,
    sample_candidates,
    to_point,
)
from nmjax.study.trial import Trial
from nmjax.tasks import raw_to_score
from nmjax.types import Metric, PyTree

CAPACITY_STEP = 32
"""Capacities are multiples of this number, so that similar budgets share compiled programs."""
OFFSET_FROM = 2.0**16
"""Magnitude of the first value from which on the search uses differences from that value."""


class Study:
    """Bayesian optimization by ask and tell.

    Configurations are dictionaries with the user's own values, and results are in the metric's own
    unit and direction. Iterate over a study to get its trials one by one, or call `ask` several
    times before any result is known. Results may be recorded in any order, and also for
    configurations that the study did not suggest. A study wraps the pure functions of
    `nmjax.search`: its suggestions depend only on the seed and on the sequence of results.

    Args:
      source: Knowledge from `nmjax.learn`, or a `Space` to search without a past.
      budget: Number of evaluations, failed ones included.
      seed: Seed of all random draws.
      direction: "maximize" or "minimize", for a search without a past; "maximize" by default.
        Knowledge has the direction of its metric.
      algorithm: Search algorithm; `BayesianSearch` by default.

    Raises:
      NmjaxError: The budget is not positive, the seed is negative or not an integer, the direction
        contradicts the metric of the past, or the algorithm's capacity is smaller than the budget.

    Example:
      >>> from nmjax import Space, Study
      >>> study = Study(Space(width=[1, 2, 3]), budget=3)
      >>> for trial in study:
      ...     _ = study.tell(trial, trial.config["width"] ** 2)
      >>> study.best.config
      {'width': 3}
    """

    def __init__(
        self,
        source: MetaKnowledge | Space,
        budget: int,
        *,
        seed: int = 0,
        direction: Direction | None = None,
        algorithm: BayesianSearch | None = None,
    ):
        enable_compilation_cache()
        self.budget = positive_integer("budget", budget)
        self.knowledge, self._metric = resolve_knowledge(source, direction)
        check_seed(seed)
        self.seed = seed
        capacity = -(-self.budget // CAPACITY_STEP) * CAPACITY_STEP
        self.algorithm = algorithm or BayesianSearch(capacity=capacity)
        if not isinstance(self.algorithm, BayesianSearch):
            raise NmjaxError(f"Got {algorithm!r} as algorithm; give a BayesianSearch.")
        if self.algorithm.capacity < self.budget:
            raise NmjaxError(
                f"Got a budget of {self.budget} for an algorithm of capacity "
                f"{self.algorithm.capacity}; give an algorithm with capacity={self.budget} or more."
            )
        self._hyper = default_hyper(self.algorithm.capacity)
        self._search_key, self._pool_key = jax.random.split(jax.random.key(seed))
        self._trials: list[Trial] = []
        self._points: list[Point] = []
        self._finished: list[int] = []
        self._pool: tuple[Candidates, Problem] | None = None
        self._state: PyTree = None
        self._observed = 0

    @property
    def space(self) -> Space:
        """Space of the configurations."""
        return self.knowledge.space

    @property
    def metric(self) -> Metric:
        """Metric of the results: its name, unit, direction and transform."""
        return self._metric

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in order of their numbers, including running ones."""
        return tuple(self._trials)

    @property
    def best(self) -> Trial | None:
        """Complete trial with the best value; None if no trial is complete."""
        complete = [trial for trial in self._trials if trial.state == "complete"]
        sign = 1 if self.metric.direction == "max" else -1
        return max(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def is_finished(self) -> bool:
        """Whether the budget is used up or every configuration of the space has a trial."""
        if len(self._trials) >= self.budget:
            return True
        return len(self._trials) >= len(self._pool_now()[0].points)

    def __iter__(self) -> Iterator[Trial]:
        """Yield trials until the study is finished."""
        while not self.is_finished:
            yield self.ask()

    def ask(self) -> Trial:
        """Suggest the next configuration to evaluate, distinct from those of all trials so far.

        Running trials count as evaluated with the mean of the results so far, so that several
        calls in a row suggest different architectures.

        Raises:
          NmjaxError: The study is finished.
        """
        if self.is_finished:
            raise NmjaxError(
                f"The study has no evaluations left: {len(self._trials)} of {self.budget} trials "
                "exist already. Start another study with a larger budget."
            )
        candidates, problem = self._pool_now()
        state = self._with_running(self._state_now(candidates, problem), candidates, problem)
        row = int(suggest(state, problem, self.algorithm, self._hyper))
        return self._add(candidates.points[row])

    def tell(self, trial: Trial | Mapping[str, Any], value: float | None) -> Trial:
        """Record a result.

        Args:
          trial: Trial from `ask`, or the configuration of any other evaluation.
          value: Raw value of the metric, in its own unit and direction. None, NaN, infinities
            and numbers that overflow in single precision, from 1.8e16 on, mark a failed evaluation.

        Returns:
          The trial with its result.

        Raises:
          NmjaxError: The trial belongs to another study or has a result, the configuration does
            not fit the space, or the value is not a number or outside the domain of the metric's
            transform.
        """
        known = finite_value(value, self.metric)
        number = self._number_of(trial)
        self._trials[number] = replace(
            self._trials[number], state="failed" if known is None else "complete", value=known
        )
        self._finished.append(number)
        if not is_enumerated(self.space):
            self._pool = self._state = None
        return self._trials[number]

    def fail(self, trial: Trial | Mapping[str, Any]) -> Trial:
        """Record a failed evaluation; equivalent to `tell(trial, None)`."""
        return self.tell(trial, None)

    def __repr__(self) -> str:
        return (
            f"Study({self.space.name!r}, {len(self._finished)} of {self.budget} evaluated, "
            f"best={self.best})"
        )

    def _pool_now(self) -> tuple[Candidates, Problem]:
        """Candidates: the whole space, or a sample that is redrawn after each result."""
        if self._pool is None:
            if is_enumerated(self.space):
                candidates = all_candidates(self.space)
            else:
                key = jax.random.fold_in(self._pool_key, len(self._finished))
                candidates = sample_candidates(key, self.space, self._points, self._elite())
            problem = make_problem(
                self.space,
                jnp.asarray(candidates.architecture),
                None,
                self.knowledge,
                continuous=jnp.asarray(candidates.continuous),
            )
            self._pool = candidates, problem
        return self._pool

    def _state_now(self, candidates: Candidates, problem: Problem) -> PyTree:
        """State of the search after all results, in the order in which they were recorded."""
        if self._state is None:
            self._state = start(self._search_key, problem, self.algorithm, self._hyper)
            self._observed = 0
        for number in self._finished[self._observed :]:
            score = self._score_of(self._trials[number])
            self._state = self._observe(self._state, candidates, problem, number, score)
        self._observed = len(self._finished)
        return self._state

    def _with_running(self, state: PyTree, candidates: Candidates, problem: Problem) -> PyTree:
        """State as if each running trial had returned the mean score so far."""
        known = [self._score_of(self._trials[number]) for number in self._finished]
        finite = [score for score in known if math.isfinite(score)]
        expected = sum(finite) / len(finite) if finite else math.nan
        for trial in self._trials:
            if trial.state == "running":
                state = self._observe(state, candidates, problem, trial.number, expected)
        return state

    def _observe(
        self, state: PyTree, candidates: Candidates, problem: Problem, number: int, score: float
    ) -> PyTree:
        row = candidates.row_of[self._points[number]]
        return observe(state, problem, self.algorithm, self._hyper, row, score)[0]

    def _score_of(self, trial: Trial) -> float:
        """Score of a finished trial, higher is better; NaN if it failed."""
        if trial.value is None:
            return math.nan
        return float(raw_to_score(self.metric, trial.value - self._offset()))

    def _offset(self) -> float:
        """First value if float32 would round differences from it, to be subtracted from values.

        It is 0 if the search depends on the location of scores.
        """
        if self.metric.transform != "identity" or self.algorithm.outcome_transform == "identity":
            return 0.0
        values = (self._trials[number].value for number in self._finished)
        first = next((value for value in values if value is not None), 0.0)
        return first if abs(first) >= OFFSET_FROM else 0.0

    def _elite(self) -> list[Point]:
        """Points of the best complete trials, best first."""
        complete = [t for t in self._trials if t.state == "complete"]
        complete.sort(key=self._score_of, reverse=True)
        return [self._points[trial.number] for trial in complete[:ELITE]]

    def _number_of(self, trial: Trial | Mapping[str, Any]) -> int:
        """Number of a running trial, which is created for a configuration without a trial."""
        if isinstance(trial, Trial):
            if trial.number >= len(self._trials) or (
                self._trials[trial.number].config != trial.config
            ):
                raise NmjaxError(
                    f"{trial} is not a trial of this study; give a trial from its `ask`."
                )
            return self._running(trial.number)
        if not isinstance(trial, Mapping):
            raise NmjaxError(f"Expected a trial or a configuration as a dictionary, got {trial!r}.")
        point = to_point(self.space, *self.space.from_config(trial))
        if point in self._points:
            return self._running(self._points.index(point))
        return self._add(point).number

    def _add(self, point: Point) -> Trial:
        """Append a running trial."""
        architecture = np.array(point.architecture, np.int32)
        config = self.space.to_config(architecture, np.array(point.continuous, np.float32))
        self._points.append(point)
        self._trials.append(Trial(len(self._trials), config))
        return self._trials[-1]

    def _running(self, number: int) -> int:
        if self._trials[number].state != "running":
            raise NmjaxError(
                f"Trial {number} already has a result ({self._trials[number].state}); each "
                "configuration is evaluated once."
            )
        return number
