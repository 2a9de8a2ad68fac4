"""Past searches: evaluations together with their space, their tasks and the metric to improve."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space
from nmjax.tasks.history import history_scores, select_tasks
from nmjax.types import Array, History, Metric

MetricChoice = str | Metric


@dataclass(frozen=True, eq=False, repr=False)
class PastSearches:
    """Evaluations of past tasks and what they mean.

    Attributes:
      space: Space of the architectures.
      history: Evaluations of T tasks.
      tasks: T names, all different.
      metric: Metric that a search improves; None if only raw metrics were read.
      cost: Metric that `metric` is traded for, or None.
      name: Name of the whole, such as that of the file or folder that it was read from.

    Raises:
      NmjaxError: There are not T distinct names, the history has other choices than the space, or a
        metric that is not in the history.

    Example:
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import PastSearches, make_history
      >>> from nmjax.types import Metric
      >>> history = make_history([[[0, 8, 8, 8, 8]]], {"accuracy": [[0.9]]})
      >>> past = PastSearches(
      ...     get_space("nas-bench-graph"), history, ("cora",), Metric("accuracy"))
      >>> past.scores.shape
      (1, 1)
    """

    space: Space
    history: History
    tasks: tuple[str, ...]
    metric: Metric | None
    cost: Metric | None = None
    name: str = "past"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        num_tasks = self.history.mask.shape[0]
        if len(self.tasks) != num_tasks or len(set(self.tasks)) != num_tasks:
            raise NmjaxError(
                f"Expected {num_tasks} distinct task names, got {list(self.tasks)}. Give each task "
                "of the history its own name."
            )
        choices = self.history.architecture.shape[-1], self.history.continuous.shape[-1]
        if choices != (self.space.num_choices, self.space.num_continuous):
            raise NmjaxError(
                f"Expected {self.space.num_choices} discrete and {self.space.num_continuous} "
                f"real-valued choices, as in space {self.space.name!r}, got {choices[0]} and "
                f"{choices[1]}. Give the space that the history was recorded in."
            )
        for metric in filter(None, (self.metric, self.cost)):
            if metric.name not in self.history.metrics:
                raise unknown_name("metric", metric.name, self.history.metrics)

    def __repr__(self) -> str:
        evaluations = int(self.history.mask.sum())
        goal = "no metric to improve" if self.metric is None else self.metric.goal
        return f"PastSearches({len(self.tasks)} tasks, {evaluations} evaluations, {goal})"

    def replace(self, **changes: Any) -> "PastSearches":
        """Return a copy with fields replaced, checked again."""
        return replace(self, **changes)

    def select(self, tasks: Sequence[str]) -> "PastSearches":
        """Return the past searches of some of the tasks, in the given order.

        Raises:
          NmjaxError: A task is unknown or repeated, or none is given.
        """
        for task in tasks:
            if task not in self.tasks:
                raise unknown_name("task", task, self.tasks)
        if not tasks:
            raise NmjaxError(f"Expected at least one task of {list(self.tasks)}, got none.")
        indices = np.array([self.tasks.index(task) for task in tasks])
        return self.replace(history=select_tasks(self.history, indices), tasks=tuple(tasks))

    @property
    def scores(self) -> Array:
        """Scores by `metric`, higher is better; NaN where failed or padding: float32[T, M]."""
        return history_scores(self.history, self.required_metric)

    @property
    def required_metric(self) -> Metric:
        """`metric`, or an NmjaxError if there is none."""
        if self.metric is None:
            raise NmjaxError(
                f"Past searches {self.name!r} have no metric to improve. Pass maximize= or "
                "minimize= when reading them, or call replace(metric=Metric(...))."
            )
        return self.metric


def resolve_metric(
    maximize: MetricChoice | None, minimize: MetricChoice | None, *, required: bool = False
) -> Metric | None:
    """Return the metric to improve, whose direction is the keyword that it was given as.

    Args:
      maximize: Name of the metric, or a `Metric` with its unit and transform.
      minimize: Likewise, for a metric of which less is better.
      required: Whether one of the two must be given.

    Raises:
      NmjaxError: Both are given, none is and one is required, or `maximize` is a `Metric` whose
        direction is "min".
    """
    if maximize is not None and minimize is not None:
        raise NmjaxError(
            f"Expected one of maximize and minimize, got both: {maximize!r} and {minimize!r}."
        )
    chosen = minimize if maximize is None else maximize
    if chosen is None:
        if required:
            raise NmjaxError(
                "Expected a metric to improve, got none. Pass maximize= or minimize=, or metrics= "
                "to read raw metrics only."
            )
        return None
    metric = chosen if isinstance(chosen, Metric) else Metric(chosen)
    if minimize is not None:
        return replace(metric, direction="min")
    if metric.direction == "min":
        raise NmjaxError(f"Metric {metric.name!r} has direction 'min'. Pass it as minimize=.")
    return metric


def metric_names(*groups: Iterable[str], metric: Metric | None) -> tuple[str, ...]:
    """Return the distinct names of `metric` and of all `groups`, in that order."""
    first = () if metric is None else (metric.name,)
    return tuple(dict.fromkeys([*first, *(name for group in groups for name in group)]))
