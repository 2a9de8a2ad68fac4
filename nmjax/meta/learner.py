"""What every meta-learner offers to the outer loop."""

from collections.abc import Callable
from typing import Any, NamedTuple


class MetaLearner(NamedTuple):
    """A meta-learner as pure functions; its state has a field `params`.

    `tasks` is a `tasks.Episode` whose leaves have a leading axis of T tasks, `batch` a `Batch` of
    one task, and `hyper` the learner's own NamedTuple of traced numbers.

    Attributes:
      init: (key, params) -> state, before any meta-update.
      update: (key, state, tasks, hyper) -> (state, info), one meta-update; info has a field `loss`,
        float[], the mean loss on query data.
      adapt: (params, batch, hyper) -> Adaptation to one task.
      evaluate: (params, tasks, hyper) -> float[T], loss on query data after adapting to support.
    """

    init: Callable[..., Any]
    update: Callable[..., Any]
    adapt: Callable[..., Any]
    evaluate: Callable[..., Any]
