"""A sampler for studies of Optuna that learns from past searches."""

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from nmjax.errors import NmjaxError, unknown_name
from nmjax.integrations.optuna_studies.writer import for_optuna
from nmjax.knowledge import MetaKnowledge
from nmjax.spaces import Space
from nmjax.study import Direction, Study, Trial

_SUGGESTED = "nmjax:config"
_EXTENSION = 32


class OptunaSampler(BaseSampler):
    """Sampler of Optuna that suggests what a `Study` of nmjax would ask for.

    Give it to `optuna.create_study(sampler=...)`. The objective calls `trial.suggest_*` for the
    choices of the space, by their names and with any distribution that has their options. All
    finished and running trials of the study are taken into account, whichever process made them, so
    that workers share a search through Optuna's storage. Pruned and failed trials are failed
    evaluations.

    A worker asks again if another one has the same suggestion. Two can repeat one only if both
    write it within the few milliseconds between a read and a write of the storage.

    Args:
      knowledge_or_space: Knowledge from `nmjax.learn`, or a `Space` to search without a past.
      seed: Seed of the random draws.

    Raises:
      NmjaxError: On use: the study has several objectives or another direction than the knowledge,
        the objective asks for a parameter that is not an active choice or for other options, or
        every configuration of the space has a trial.

    Example:
      >>> import optuna
      >>> from nmjax import Space
      >>> from nmjax.integrations import OptunaSampler
      >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
      >>> study = optuna.create_study(sampler=OptunaSampler(Space(depth=[1, 2, 3])))
      >>> study.optimize(lambda trial: trial.suggest_int("depth", 1, 3) ** 2, n_trials=3)
      >>> study.best_params
      {'depth': 1}
    """

    def __init__(self, knowledge_or_space: MetaKnowledge | Space, *, seed: int = 0):
        self._knowledge_or_space = knowledge_or_space
        self._seed = seed
        self._lock = threading.Lock()
        self._mirrors: dict[str, _Mirror] = {}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return no parameters, so that each is sampled with the objective's own distribution."""
        del study, trial
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return no values."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of a parameter in the configuration suggested for the trial."""
        config = self._config(study, trial)
        if param_name not in config:
            raise unknown_name("active choice", param_name, config)
        value = config[param_name]
        try:
            internal = param_distribution.to_internal_repr(value)
            contained = param_distribution._contains(internal)
        except ValueError:
            contained = False
        if not contained:
            raise NmjaxError(
                f"Trial {trial.number} has {param_name}={value!r}, which {param_distribution} does "
                "not contain; give the options of the space."
            )
        return param_distribution.to_external_repr(internal)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Stop the study once every configuration has a trial."""
        del trial, state, values
        with self._lock:
            mirror = self._mirrors.get(study.study_name)
            if mirror is not None and mirror.is_exhausted:
                study.stop()

    def _config(self, study: optuna.Study, trial: FrozenTrial) -> Mapping[str, Any]:
        with self._lock:
            if study.study_name not in self._mirrors:
                self._mirrors[study.study_name] = _Mirror(
                    study, self._knowledge_or_space, self._seed
                )
            return self._mirrors[study.study_name].suggest(study, trial)


class _Mirror:
    """A `Study` that has the trials of one study of Optuna."""

    def __init__(self, study: optuna.Study, knowledge_or_space: MetaKnowledge | Space, seed: int):
        if len(study.directions) != 1:
            raise NmjaxError(
                f"Got a study with {len(study.directions)} objectives; give one with a single "
                "objective."
            )
        direction: Direction = "max" if study.direction.name == "MAXIMIZE" else "min"
        self._study = Study(knowledge_or_space, _EXTENSION, seed=seed, direction=direction)
        self._trials: dict[int, Trial | None] = {}  # None: not to be learned from.
        self._told: set[int] = set()

    @property
    def is_exhausted(self) -> bool:
        """Whether every configuration of the space has a trial; raises the budget if needed."""
        if self._study.is_finished:
            self._study.extend(_EXTENSION)
        return self._study.is_finished

    def suggest(self, study: optuna.Study, trial: FrozenTrial) -> Mapping[str, Any]:
        """Return the configuration of a trial, the same at each call."""
        self._read(study, trial.number)
        if (known := self._trials.get(trial.number)) is not None:
            return _spelled(known)
        while not self.is_exhausted:
            asked = self._study.ask()
            config = _spelled(asked)
            holder = self._holder(study.get_trials(deepcopy=False), config)
            if holder is None:
                text = json.dumps(config)
                study._storage.set_trial_system_attr(trial._trial_id, _SUGGESTED, text)
                # Of two that wrote at the same time, the later trial asks again.
                earlier = study.get_trials(deepcopy=False)[: trial.number]
                holder = self._holder(earlier, config)
            self._trials[trial.number if holder is None else holder] = asked
            if holder is None:
                return config
        raise NmjaxError(
            f"Every configuration of the space {self._study.space.name!r} has a trial; stop the "
            "study."
        )

    def _holder(self, trials: Sequence[FrozenTrial], config: Mapping[str, Any]) -> int | None:
        """Number of the trial of another worker that has a configuration."""
        for other in trials:
            if other.number not in self._trials and _config_of(other) == config:
                return other.number
        return None

    def _read(self, study: optuna.Study, current: int) -> None:
        """Take over the trials of other workers, and results in the order of their completion."""
        trials = study.get_trials(deepcopy=False)
        for other in trials:
            if other.number not in self._trials and other.number != current:
                config = _config_of(other)
                if config or other.state.is_finished():
                    self._trials[other.number] = self._attached(config)
        finished = [
            other
            for other in trials
            if other.state.is_finished()
            and other.number not in self._told
            and self._trials.get(other.number) is not None
        ]
        for other in sorted(finished, key=lambda trial: (trial.datetime_complete, trial.number)):
            mirrored = self._trials[other.number]
            assert mirrored is not None
            complete = other.state is TrialState.COMPLETE
            self._study.tell(mirrored, other.value if complete else None)
            self._told.add(other.number)

    def _attached(self, config: Mapping[str, Any]) -> Trial | None:
        """Trial of a configuration; None if it is repeated or outside of the space."""
        names = self._study.space.names
        try:
            return self._study.attach({name: config[name] for name in names if name in config})
        except NmjaxError:
            return None


def _spelled(trial: Trial) -> dict[str, Any]:
    return {name: for_optuna(value) for name, value in trial.config.items()}


def _config_of(trial: FrozenTrial) -> Mapping[str, Any]:
    """Configuration that was suggested for a trial of Optuna, or the parameters it has so far."""
    suggested = trial.system_attrs.get(_SUGGESTED)
    if suggested is None:
        return trial.params if trial.state.is_finished() else {}
    config: dict[str, Any] = json.loads(suggested)
    return config
