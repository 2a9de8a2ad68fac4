"""The `Study` class: architecture search by ask and tell."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError, check_seed, missing_attribute
from nmjax.knowledge import MetaKnowledge
from nmjax.search.algorithm import AnySearch
from nmjax.search.choose import pool_search
from nmjax.setting_checks import check_sizes
from nmjax.spaces import Space
from nmjax.study.arguments import (
    Direction,
    Feasibility,
    check_algorithm,
    finite_value,
    resolve_knowledge,
)
from nmjax.study.candidates import Point
from nmjax.study.optuna_names import STUDY_NAMES
from nmjax.study.suggester import Suggester, round_capacity
from nmjax.study.trial import Trial
from nmjax.study.trial_log import TrialLog
from nmjax.types import Metric


class Study:
    """Architecture search by ask and tell, by default Bayesian optimization.

    Configurations are dictionaries with the user's own values, and results are in the metric's own
    unit and direction. Iterate over a study to get its trials one by one, or call `ask` several
    times before any result is known. Results may be recorded in any order, and also for
    configurations that the study did not suggest. A study wraps the pure functions of
    `nmjax.search`: its suggestions depend only on the seed and on the sequence of results.

    Args:
      knowledge_or_space: Knowledge from `nmjax.learn`, or a `Space` to search without a past.
      budget: Number of evaluations, failed ones included.
      seed: Seed of all random draws.
      direction: "maximize" or "minimize", for a search without a past; "maximize" by default.
        Knowledge has the direction of its metric.
      algorithm: A `BayesianSearch`, of another acquisition for example, or a baseline without a
        model. A space of at most 20,000 configurations without real-valued choices can be searched
        by any search of a pool, such as `RegularizedEvolution` and `LocalSearch`; other spaces by
        `BayesianSearch` and `RandomSearch`.
      feasibility: Function from a configuration to the probability that it meets known limits, such
        as one on latency. Configurations with probability 0, or False, are never suggested. The
        function is called for each candidate: once for a space of up to 20,000 configurations, and
        2,048 times for each result in a larger one. By default there are no limits.

    Raises:
      NmjaxError: The budget is not positive, the seed is negative or not an integer, the direction
        is unknown or contradicts the metric of the past, or the algorithm cannot search the space,
        does not read the feasibility or has a capacity smaller than the budget.

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
        knowledge_or_space: MetaKnowledge | Space,
        budget: int,
        *,
        seed: int = 0,
        direction: Direction | None = None,
        algorithm: AnySearch | None = None,
        feasibility: Feasibility | None = None,
    ):
        enable_compilation_cache()
        check_sizes(budget=budget)
        self.budget = int(budget)
        self.knowledge, self._metric = resolve_knowledge(knowledge_or_space, direction)
        check_seed(seed)
        self.seed = seed
        if algorithm is None:
            algorithm = pool_search(self.space, round_capacity(self.budget))
        check_algorithm(algorithm, self.space, self.budget, feasibility)
        self._log = TrialLog(self.space)
        self._suggester = Suggester(
            self.knowledge,
            self._metric,
            algorithm,
            self._log,
            seed=seed,
            feasibility=feasibility,
        )

    @property
    def space(self) -> Space:
        """Space of the configurations."""
        return self.knowledge.space

    @property
    def algorithm(self) -> AnySearch:
        """Search that suggests configurations. Its capacity grows with the budget."""
        return self._suggester.algorithm

    @property
    def feasibility(self) -> Feasibility | None:
        """Function from a configuration to the probability that it meets known limits."""
        return self._suggester.feasibility

    @property
    def metric(self) -> Metric:
        """Metric of the results: its name, unit, direction and transform."""
        return self._metric

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in order of their numbers, including running ones."""
        return tuple(self._log.trials)

    @property
    def best(self) -> Trial | None:
        """Complete trial with the best value; None if no trial is complete."""
        sign = 1 if self.metric.direction == "max" else -1
        return max(self._log.complete, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def to_records(self) -> list[dict[str, Any]]:
        """List the trials as dictionaries: number, state, each choice, and the metric by its name.

        `pandas.DataFrame`, `polars.DataFrame` and `nmjax.history_from_frame` take them as rows.
        Inactive choices and missing values are None.

        Raises:
          NmjaxError: A choice is called "number", "state" or like the metric.

        Example:
          >>> from nmjax import Space, Study
          >>> study = Study(Space(width=[1, 2, 3]), budget=3, direction="minimize")
          >>> trial = study.tell({"width": 2}, 0.5)
          >>> study.to_records()
          [{'number': 0, 'state': 'complete', 'width': 2, 'value': 0.5}]
        """
        return self._log.to_records(self.metric.name)

    @property
    def is_finished(self) -> bool:
        """Whether the budget is used up or every feasible configuration has a trial."""
        return len(self._log.trials) >= self.budget or self._suggester.is_exhausted

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
                f"The study has no evaluations left: {len(self._log.trials)} of {self.budget} "
                "trials exist already. Raise the budget with `extend`, if the space has more."
            )
        return self._add(self._suggester.suggest())

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
        number = self._log.number_of(trial)
        self._grow()
        self._suggester.redraw()
        return self._log.finish(number, known)

    def fail(self, trial: Trial | Mapping[str, Any]) -> Trial:
        """Record a failed evaluation; equivalent to `tell(trial, None)`."""
        return self.tell(trial, None)

    def attach(self, config: Mapping[str, Any]) -> Trial:
        """Add a running trial of a configuration that the study did not suggest.

        Later suggestions take it into account as they do those of `ask`. Like results of other
        configurations, it is accepted beyond the budget.

        Raises:
          NmjaxError: The configuration does not fit the space or has a trial already.

        Example:
          >>> from nmjax import Space, Study
          >>> study = Study(Space(width=[1, 2, 3]), budget=3)
          >>> trial = study.attach({"width": 2})
          >>> study.ask().config != trial.config
          True
        """
        trial = self._log.attach(config)
        self._grow()
        return trial

    def extend(self, evaluations: int) -> None:
        """Raise the budget by a number of evaluations.

        The search continues from all results. Its next suggestion compiles if the budget exceeds
        the capacity of the algorithm, which then grows.

        Raises:
          NmjaxError: The number is not a positive whole number.

        Example:
          >>> from nmjax import Space, Study
          >>> study = Study(Space(width=[1, 2, 3]), budget=1)
          >>> study.extend(2)
          >>> study.budget
          3
        """
        check_sizes(evaluations=evaluations)
        self.budget += int(evaluations)
        self._grow()

    def __repr__(self) -> str:
        return (
            f"Study({self.space.name!r}, {len(self._log.finished)} of {self.budget} evaluated, "
            f"best={self.best})"
        )

    if not TYPE_CHECKING:  # A type checker would accept every attribute.

        def __getattr__(self, name: str) -> Any:
            raise missing_attribute("Study", name, STUDY_NAMES)

    def _add(self, point: Point) -> Trial:
        trial = self._log.add(point)
        self._grow()
        return trial

    def _grow(self) -> None:
        """Raise the capacity of the algorithm to the budget and the number of trials."""
        self._suggester.grow(max(self.budget, len(self._log.trials)))
