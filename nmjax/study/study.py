"""A search whose evaluations happen elsewhere, in the user's own words."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError
from nmjax.knowledge import MetaKnowledge, default_knowledge
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
from nmjax.storage import Kind, State, knowledge_from_state, knowledge_to_state, register_kind
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

Direction = Literal["maximize", "minimize", "max", "min"]
CAPACITY_STEP = 32
"""Capacities are multiples of it, so that studies of similar budgets share compiled programs."""
OFFSET_FROM = 2.0**16
"""Magnitude of a study's first value from which on only differences to it are searched."""


class Study:
    """Bayesian optimization by ask and tell.

    A study speaks in dictionaries of the user's own values and in the metric's own unit and
    direction. Iterate over it to get one trial after the other, or call `ask` for several at once;
    results may come in any order, and results of configurations that were never asked for are
    welcome. It is a thin shell over the pure functions of `nmjax.search`: the state of the search
    is a function of the seed and of the results in the order in which they were told.

    Args:
      source: What `nmjax.learn` returned, or a `Space` to search without a past.
      budget: Number of evaluations, failed ones included.
      seed: Of everything random.
      direction: "maximize" or "minimize", without a past; "maximize" by default. A past knows the
        direction of its metric.
      algorithm: A search of a pool; `BayesianSearch` by default.

    Raises:
      NmjaxError: The budget is not positive, the direction contradicts the metric of the past, or
        the algorithm's capacity is smaller than the budget.

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
        self.budget = _positive("budget", budget)
        self.knowledge, self._metric = _knowledge_of(source, direction)
        self.seed = seed
        capacity = -(-self.budget // CAPACITY_STEP) * CAPACITY_STEP
        self.algorithm = algorithm or BayesianSearch(capacity=capacity)
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
        """What configurations are."""
        return self.knowledge.space

    @property
    def metric(self) -> Metric:
        """What values mean: name, unit, direction and transform."""
        return self._metric

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, running ones included, by number."""
        return tuple(self._trials)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best value; None before there is one."""
        complete = [trial for trial in self._trials if trial.state == "complete"]
        sign = 1 if self.metric.direction == "max" else -1
        return max(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def is_finished(self) -> bool:
        """Whether `ask` has nothing left to give: the budget or the space is used up."""
        if len(self._trials) >= self.budget:
            return True
        return len(self._trials) >= len(self._pool_now()[0].points)

    def __iter__(self) -> Iterator[Trial]:
        """Trials until the study is finished."""
        while not self.is_finished:
            yield self.ask()

    def ask(self) -> Trial:
        """Return the configuration to evaluate next, different from all trials so far.

        Running trials count as evaluated with the mean of the results so far, so that several
        calls in a row suggest different architectures.

        Raises:
          NmjaxError: The study is finished.
        """
        if self.is_finished:
            raise NmjaxError(
                f"The study has no evaluations left: {len(self._trials)} of {self.budget} trials "
                "were asked for or told. Start another study with a larger budget."
            )
        candidates, problem = self._pool_now()
        state = self._with_running(self._state_now(candidates, problem), candidates, problem)
        row = int(suggest(state, problem, self.algorithm, self._hyper))
        return self._add(candidates.points[row])

    def tell(self, trial: Trial | Mapping[str, Any], value: float | None) -> Trial:
        """Record a result.

        Args:
          trial: What `ask` returned, or the configuration of an evaluation made elsewhere.
          value: Raw value of the metric, in its own unit and direction. None, NaN, infinities
            and numbers that overflow in single precision, from 1.8e16 on, are failed evaluations.

        Returns:
          The trial with its result.

        Raises:
          NmjaxError: The trial is of another study or has a result, the configuration does not
            fit the space, or the value is not a number or not in the domain of the metric's
            transform.
        """
        known = _checked_value(value, self.metric)
        number = self._number_of(trial)
        self._trials[number] = replace(
            self._trials[number], state="failed" if known is None else "complete", value=known
        )
        self._finished.append(number)
        if not is_enumerated(self.space):
            self._pool = self._state = None
        return self._trials[number]

    def fail(self, trial: Trial | Mapping[str, Any]) -> Trial:
        """Record that the evaluation of a trial failed; the same as telling None."""
        return self.tell(trial, None)

    def __repr__(self) -> str:
        return (
            f"Study({self.space.name!r}, {len(self._finished)} of {self.budget} evaluated, "
            f"best={self.best})"
        )

    def _pool_now(self) -> tuple[Candidates, Problem]:
        """The architectures to choose among, drawn anew after each result unless they are all."""
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
        """The state of the search after all results, in the order in which they were told."""
        if self._state is None:
            self._state = start(self._search_key, problem, self.algorithm, self._hyper)
            self._observed = 0
        for number in self._finished[self._observed :]:
            score = self._score_of(self._trials[number])
            self._state = self._observe(self._state, candidates, problem, number, score)
        self._observed = len(self._finished)
        return self._state

    def _with_running(self, state: PyTree, candidates: Candidates, problem: Problem) -> PyTree:
        """The state as if each running trial had returned the mean score so far."""
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
        """The score of a finished trial, higher is better; NaN if it failed."""
        if trial.value is None:
            return math.nan
        return float(raw_to_score(self.metric, trial.value - self._offset()))

    def _offset(self) -> float:
        """What is subtracted from values: the first one, if float32 would round differences to it.

        It is 0 where the search depends on the location of scores.
        """
        if self.metric.transform != "identity" or self.algorithm.outcome_transform == "identity":
            return 0.0
        values = (self._trials[number].value for number in self._finished)
        first = next((value for value in values if value is not None), 0.0)
        return first if abs(first) >= OFFSET_FROM else 0.0

    def _elite(self) -> list[Point]:
        """The best evaluated architectures."""
        complete = [t for t in self._trials if t.state == "complete"]
        complete.sort(key=self._score_of, reverse=True)
        return [self._points[trial.number] for trial in complete[:ELITE]]

    def _number_of(self, trial: Trial | Mapping[str, Any]) -> int:
        """The number of a running trial; a configuration that was not asked for becomes one."""
        if isinstance(trial, Trial):
            if trial.number >= len(self._trials) or (
                self._trials[trial.number].config != trial.config
            ):
                raise NmjaxError(f"{trial} is not a trial of this study; tell what `ask` returned.")
            return self._running(trial.number)
        if not isinstance(trial, Mapping):
            raise NmjaxError(f"Expected a trial or a configuration as a dictionary, got {trial!r}.")
        point = to_point(self.space, *self.space.from_config(trial))
        if point in self._points:
            return self._running(self._points.index(point))
        return self._add(point).number

    def _add(self, point: Point) -> Trial:
        """A new running trial."""
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


def _knowledge_of(
    source: MetaKnowledge | Space, direction: Direction | None
) -> tuple[MetaKnowledge, Metric]:
    """What is known beforehand, and the metric of its scores."""
    if isinstance(source, Space):
        metric = Metric("value", direction=direction or "max")
        return default_knowledge(source, metric), metric
    if not isinstance(source, MetaKnowledge):
        raise NmjaxError(
            f"Expected what nmjax.learn returned, or a Space, got a {type(source).__name__}."
        )
    metric = source.metric or Metric("value", direction=direction or "max")
    if direction is not None:
        wanted = Metric(metric.name, direction=direction).direction
        if wanted != metric.direction:
            raise NmjaxError(
                f"The past says that {metric.name!r} is better when "
                f"{'higher' if metric.direction == 'max' else 'lower'}, and direction is "
                f"{direction!r}; leave direction out."
            )
    return source, metric


def _checked_value(value: Any, metric: Metric) -> float | None:
    """A finite number, or None for a failed evaluation."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.shape != () or not (
        np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)
    ):
        raise NmjaxError(
            f"Expected a number as the value of {metric.name!r}, or None for a failed evaluation, "
            f"got {value!r}."
        )
    number = float(array)
    return number if math.isfinite(float(raw_to_score(metric, number))) else None


def _positive(name: str, number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
        raise NmjaxError(f"Expected a whole number of 1 or more as {name}, got {number!r}.")
    return int(number)


def _study_to_state(study: Study) -> State:
    """What a file holds of a study: what it knows, its settings and its trials."""
    default = BayesianSearch(capacity=study.algorithm.capacity)
    if study.algorithm != default:
        raise NmjaxError(
            f"Got a study with the algorithm {study.algorithm}; a file holds studies with "
            f"{default} only. Save study.knowledge, and keep study.trials yourself."
        )
    knowledge = knowledge_to_state(study.knowledge)
    trials = [
        {"point": point, "state": trial.state, "value": trial.value}
        for point, trial in zip(study._points, study._trials, strict=True)
    ]
    description = {
        "knowledge": knowledge.description,
        "budget": study.budget,
        "seed": study.seed,
        "direction": study.metric.direction,
        "capacity": study.algorithm.capacity,
        "trials": trials,
        "finished": study._finished,
    }
    return State(description, knowledge.arrays)


def _study_from_state(state: State, space: Space | None) -> Study:
    saved = state.description
    knowledge = knowledge_from_state(State(saved["knowledge"], state.arrays), space)
    study = Study(
        knowledge,
        saved["budget"],
        seed=saved["seed"],
        direction=saved["direction"],
        algorithm=BayesianSearch(capacity=saved["capacity"]),
    )
    for trial in saved["trials"]:
        architecture, continuous = trial["point"]
        study._add(Point(tuple(architecture), tuple(continuous)))
        study._trials[-1] = replace(study._trials[-1], state=trial["state"], value=trial["value"])
    study._finished = list(saved["finished"])
    return study


register_kind("study", Kind(Study, _study_to_state, _study_from_state))
