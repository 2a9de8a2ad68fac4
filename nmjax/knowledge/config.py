"""Settings of learning from past searches."""

from dataclasses import dataclass, replace

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.predictors import get_outcome_transform
from nmjax.tasks import history_scores
from nmjax.types import Array, History, Metric, is_traced

_SMALLEST_SIZE = 20
_BUCKETS = tuple(
    int(digit * 10**power)
    for power in range(1, 10)
    for digit in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
    if digit * 10**power >= _SMALLEST_SIZE
)


@dataclass(frozen=True)
class LearnConfig:
    """Static settings of learning.

    Attributes:
      max_tasks: Maximum number of past tasks; more are refused. The time and the memory of learning
        and of searches grow with it, because each past task is a feature of the model.
      total_rows: Maximum number of evaluations of all past tasks together. If there are more, a
        random sample of an equal share is learned from for each task, but at least 20 of it.
      task_rows: Maximum number of evaluations of each past task, likewise.
      network: Whether to meta-train a network and add it to the model as a component. It needs two
        past tasks. By default it is left out, because it predicts new tasks better but does not
        find better architectures.
      process: Whether to meta-train a neural process and add it to the model as a component. It
        needs two past tasks, and tens of them to be useful. By default it is left out, because it
        does not find better architectures. Searches of a space that is not enumerated ignore it.
      process_steps: Number of meta-updates of the neural process.
      kernel_rows: Maximum number of evaluations of each past task that the kernel is fitted on.
      kernel_steps: Number of Adam steps on the kernel.
      meta_steps: Number of meta-updates, a multiple of `evaluate_every`.
      evaluate_every: Number of meta-updates between evaluations on the tasks held out.
      meta_rate: Step size of Adam on the network.
      meta_tasks: Number of past tasks that a meta-update draws.
      meta_rows: Maximum number of evaluations of each that it draws.
      replay_size: Number of evaluations of each replayed search.
      replay_tasks: Maximum number of past tasks that are replayed as new ones; a random sample of
        more.
      prior_steps: Number of Adam steps on the priors.
      outcome_transform: Name of the transform of scores in replays; a search with this knowledge
        uses the same one.

    Raises:
      NmjaxError: A number is not positive or of another type, or the transform is unknown.

    Example:
      >>> from nmjax.knowledge import LearnConfig
      >>> LearnConfig(network=False).kernel_rows
      128
    """

    max_tasks: int = 1000
    total_rows: int = 100_000
    task_rows: int = 2000
    network: bool = False
    process: bool = False
    process_steps: int = 3000
    kernel_rows: int = 128
    kernel_steps: int = 60
    meta_steps: int = 300
    evaluate_every: int = 20
    meta_rate: float = 3e-3
    meta_tasks: int = 16
    meta_rows: int = 48
    replay_size: int = 48
    replay_tasks: int = 128
    prior_steps: int = 100
    outcome_transform: str = "log_lower_tail"

    def __post_init__(self) -> None:
        get_outcome_transform(self.outcome_transform)
        for name in ("network", "process"):
            if not isinstance(value := getattr(self, name), bool):
                raise NmjaxError(f"Got {name}={value!r} in LearnConfig; give True or False.")
        for name, value in vars(self).items():
            if name in ("network", "process", "outcome_transform"):
                continue
            whole = isinstance(getattr(LearnConfig, name), int)
            kind = int | np.integer if whole else int | float | np.number
            if isinstance(value, bool) or not isinstance(value, kind) or not value > 0:
                number = "whole number" if whole else "number"
                raise NmjaxError(f"Got {name}={value!r} in LearnConfig; give a positive {number}.")
        if self.meta_steps % self.evaluate_every:
            raise NmjaxError(
                f"Got meta_steps={self.meta_steps} in LearnConfig; give a multiple of "
                f"evaluate_every={self.evaluate_every}."
            )


def config_for(history: History, metric: Metric) -> LearnConfig:
    """Default settings, with shorter replays if a past task has too few successful evaluations.

    Tasks without any success do not count, as they are not learned from. The scores of a traced
    history are unknown, and its replays are as long as its tasks. The defaults were tuned on
    HPOBench, TransNAS-Bench-101 and Dataset2Vec a and b.

    Args:
      history: Past tasks with raw metrics.
      metric: Metric that defines the score.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import config_for
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> history = make_history(np.zeros((2, 40, 1), int), {"accuracy": np.ones((2, 40))})
      >>> config = config_for(history, Metric("accuracy"))
      >>> config.replay_size
      40
    """
    scores = history_scores(history, metric)
    if is_traced(scores):
        fewest = scores.shape[1]
    else:
        successes = count_successes(scores).tolist()
        fewest = min(filter(None, successes), default=0)
    config, number = LearnConfig(), bucket_below(max(fewest, _SMALLEST_SIZE))
    return replace(config, replay_size=min(config.replay_size, number))


def rows_of_each(config: LearnConfig, num_tasks: int) -> int:
    """Maximum number of evaluations to learn from of each of `num_tasks` past tasks."""
    share = max(config.total_rows // max(num_tasks, 1), _SMALLEST_SIZE)
    return min(config.task_rows, share)


def count_successes(score: Array) -> np.ndarray:
    """Number of scores of each past task that are not NaN, int[S], from float[S, M]."""
    counts: np.ndarray = np.sum(~np.isnan(np.asarray(score)), axis=-1)
    return counts


def bucket_above(number: int) -> int:
    """Smallest of the sizes 20, 30, 40, 60, 80, 100, 150, 200, 300, ... that is at least `number`.

    Arrays are padded to these sizes, so that a past that grows by one evaluation rarely triggers
    recompilation.
    """
    return next(size for size in _BUCKETS if size >= number)


def bucket_below(number: int) -> int:
    """Largest of the sizes of `bucket_above` that is at most `number`, which is at least 20."""
    return max(size for size in _BUCKETS if size <= number)
