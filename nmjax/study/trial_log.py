"""The trials of a study: each with its point, in order of their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.study.candidates import Point, to_point
from nmjax.study.trial import Trial


@dataclass
class TrialLog:
    """Trials of distinct points.

    Attributes:
      space: Space of the configurations.
      trials: Trials by number.
      points: Point of each trial.
      finished: Numbers of the trials with a result, in the order of their results.
    """

    space: Space
    trials: list[Trial] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)

    @property
    def complete(self) -> list[Trial]:
        """Trials with a value."""
        return [trial for trial in self.trials if trial.state == "complete"]

    @property
    def values(self) -> list[float | None]:
        """Value of each finished trial, in the order of their results."""
        return [self.trials[number].value for number in self.finished]

    @property
    def running(self) -> list[Trial]:
        """Trials without a result."""
        return [trial for trial in self.trials if trial.state == "running"]

    def to_records(self, metric: str) -> list[dict[str, Any]]:
        """Each trial as a dictionary: its number, state, configuration and value.

        Raises:
          NmjaxError: A choice has the name of another column.
        """
        if taken := {"number", "state", metric}.intersection(self.space.order):
            raise NmjaxError(
                f"Choice {sorted(taken)[0]!r} has the name of another column; read study.trials "
                "instead."
            )
        return [
            {"number": trial.number, "state": trial.state}
            | {name: trial.config.get(name) for name in self.space.order}
            | {metric: trial.value}
            for trial in self.trials
        ]

    def add(self, point: Point) -> Trial:
        """Append a running trial."""
        architecture = np.array(point.architecture, np.int32)
        config = self.space.to_config(architecture, np.array(point.continuous, np.float32))
        self.points.append(point)
        self.trials.append(Trial(len(self.trials), config))
        return self.trials[-1]

    def attach(self, config: Mapping[str, Any]) -> Trial:
        """Append a running trial of a configuration.

        Raises:
          NmjaxError: The configuration does not fit the space or has a trial already.
        """
        point = self._to_point(config)
        if point in self.points:
            raise NmjaxError(
                f"{dict(config)} is trial {self.points.index(point)} already; each configuration "
                "is evaluated once."
            )
        return self.add(point)

    def finish(self, number: int, value: float | None) -> Trial:
        """Record the value of a running trial, None if it failed."""
        self.trials[number] = replace(
            self.trials[number], state="failed" if value is None else "complete", value=value
        )
        self.finished.append(number)
        return self.trials[number]

    def number_of(self, trial: Trial | Mapping[str, Any]) -> int:
        """Number of a running trial, which is created for a configuration without a trial.

        Raises:
          NmjaxError: The trial is of another study or has a result, or the configuration does not
            fit the space.
        """
        if isinstance(trial, Trial):
            if trial.number >= len(self.trials) or (
                self.trials[trial.number].config != trial.config
            ):
                raise NmjaxError(
                    f"{trial} is not a trial of this study; give a trial from its `ask`."
                )
            return self._running(trial.number)
        point = self._to_point(trial)
        if point in self.points:
            return self._running(self.points.index(point))
        return self.add(point).number

    def _to_point(self, config: Any) -> Point:
        if not isinstance(config, Mapping):
            raise NmjaxError(
                f"Expected a trial or a configuration as a dictionary, got {config!r}."
            )
        return to_point(self.space, *self.space.from_config(config))

    def _running(self, number: int) -> int:
        if self.trials[number].state != "running":
            raise NmjaxError(
                f"Trial {number} already has a result ({self.trials[number].state}); each "
                "configuration is evaluated once."
            )
        return number
