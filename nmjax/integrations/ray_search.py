"""A searcher for Ray Tune that learns from past searches."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ray.tune.search import Searcher

from nmjax.errors import NmjaxError
from nmjax.knowledge import MetaKnowledge
from nmjax.spaces import Space
from nmjax.storage import Serialized, Serializer, load, register_serializer, save
from nmjax.study import Direction, Study, deserialize_study, serialize_study


class RaySearch(Searcher):
    """Searcher of Ray Tune that suggests what a `Study` of nmjax would ask for.

    Give it to `ray.tune.TuneConfig(search_alg=...)`; the space is that of the study, so `Tuner`
    needs no `param_space`. Ray calls it in the driver, and evaluates in as many workers as it has.
    A trial that ends in an error, or without the metric, is a failed evaluation.

    Args:
      knowledge_or_space: Knowledge from `nmjax.learn`, or a `Space` to search without a past.
      budget: Number of evaluations, failed ones included; Ray's `num_samples` should not exceed it.
      metric: Name of the value that the trials report.
      mode: "min" or "max"; by default that of the knowledge.
      seed: Seed of the random draws.

    Raises:
      NmjaxError: The mode contradicts the metric of the past, or is missing without a past.

    Example:
      >>> from nmjax import Space
      >>> from nmjax.integrations import RaySearch
      >>> search = RaySearch(Space(depth=[1, 2, 3]), budget=3, metric="loss", mode="min")
      >>> configs = [search.suggest(trial_id) for trial_id in ("a", "b", "c")]
      >>> sorted(config["depth"] for config in configs)
      [1, 2, 3]
      >>> search.suggest("d")
      'FINISHED'
    """

    def __init__(
        self,
        knowledge_or_space: MetaKnowledge | Space,
        budget: int,
        *,
        metric: str,
        mode: Direction | None = None,
        seed: int = 0,
    ):
        if isinstance(knowledge_or_space, Space) and mode is None:
            raise NmjaxError('Got no mode for a search without a past; give "min" or "max".')
        self.study = Study(knowledge_or_space, budget, seed=seed, direction=mode)
        super().__init__(metric=metric, mode=self.study.metric.direction)
        self._name = metric
        self._running: dict[str, int] = {}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: Mapping[str, Any], **spec: Any
    ) -> bool:
        """Accept the properties of a `Tuner` that agree with those of the search."""
        del spec
        return not config and metric in (None, self._name) and mode in (None, self._mode)

    def suggest(self, trial_id: str) -> Any:
        """Return the configuration for a trial, or "FINISHED" once the budget is used up."""
        if trial_id in self._running:
            return dict(self.study.trials[self._running[trial_id]].config)
        if self.study.is_finished:
            return Searcher.FINISHED
        trial = self.study.ask()
        self._running[trial_id] = trial.number
        return dict(trial.config)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record the result of a trial."""
        number = self._running.pop(trial_id, None)
        if number is not None:
            value = None if error or not result else result.get(self._name)
            self.study.tell(self.study.trials[number], value)

    def add_evaluated_point(
        self,
        parameters: Mapping[str, Any],
        value: float | None,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: list[float] | None = None,
    ) -> None:
        """Record the result of a configuration that was evaluated before."""
        del intermediate_values
        self.study.tell(parameters, None if error or pruned else value)

    def save(self, checkpoint_path: str) -> None:
        """Write the study and its running trials to a file."""
        save(_Checkpoint(self.study, self._running), checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Read the study and its running trials from a file of `save`.

        Raises:
          NmjaxError: The file was not written by `save`.
        """
        restored = load(checkpoint_path, space=self.study.space)
        if not isinstance(restored, _Checkpoint):
            raise NmjaxError(
                f"{checkpoint_path} holds a {type(restored).__name__}; give a file that "
                "RaySearch.save wrote."
            )
        self.study, self._running = restored.study, dict(restored.running)


class _Checkpoint(NamedTuple):
    """A study, and the number of each trial that Ray has running."""

    study: Study
    running: Mapping[str, int]


def _serialize(checkpoint: _Checkpoint) -> Serialized:
    study = serialize_study(checkpoint.study)
    return Serialized(
        {"study": study.description, "running": dict(checkpoint.running)}, study.arrays
    )


def _deserialize(serialized: Serialized, space: Space | None) -> _Checkpoint:
    description = serialized.description
    study = deserialize_study(Serialized(description["study"], serialized.arrays), space)
    return _Checkpoint(study, description["running"])


register_serializer("ray_search", Serializer(_Checkpoint, _serialize, _deserialize))
