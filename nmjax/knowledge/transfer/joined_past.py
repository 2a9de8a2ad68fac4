"""Past searches of several spaces, joined as tasks of one of them."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge.state import encodes_alike
from nmjax.knowledge.transfer.mapped_history import join_histories, map_history
from nmjax.spaces import Space
from nmjax.tasks import select_tasks
from nmjax.tasks.leakage import Evaluations, equal_tasks
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import History, Metric


class JoinedPast(NamedTuple):
    """Tasks of one space, and after them tasks that were mapped to it from other spaces.

    Attributes:
      history: Evaluations of S tasks.
      metric: Metric of the history that defines the score.
      tasks: S names. Tasks of different spaces may share one.
      own: Number of tasks of the space itself, which come first.
    """

    history: History
    metric: Metric
    tasks: tuple[str, ...]
    own: int

    def select(self, tasks: np.ndarray) -> "JoinedPast":
        """Return the tasks at some indices int[S], in ascending order."""
        return self._replace(
            history=select_tasks(self.history, tasks),
            tasks=tuple(self.tasks[task] for task in tasks),
            own=int(np.sum(tasks < self.own)),
        )

    def replay_sources(self) -> np.ndarray | None:
        """Sources bool[T, S] of the replay of each task, as in `learn_from_history`.

        The tasks of the space itself are replayed, or all if there are none. A task of the same
        name, searched in another space, is no source of a replay, as the new task has no such
        sibling. None if all tasks are of the space itself.
        """
        if self.own == len(self.tasks):
            return None
        names = np.array(self.tasks)
        sources: np.ndarray = names[: self.own or len(names), None] != names[None, :]
        return sources


def join_pasts(
    pasts: Sequence[PastSearches], space: Space, synonyms: Mapping[str, str] | None = None
) -> JoinedPast:
    """Map past searches to a space and join them.

    Args:
      pasts: Past searches, each with a metric to improve.
      space: Space to map to; pasts of this space stay as they are.
      synonyms: As in `match_choices`, for the pasts of other spaces.

    Raises:
      NmjaxError: As in `map_history`; or two pasts of the space itself have a task of the same
        name, or two pasts have a task with the same evaluations.
    """
    own = [past for past in pasts if encodes_alike(past.space, space)]
    others = [past for past in pasts if not encodes_alike(past.space, space)]
    _refuse_repeated_names(own)
    if not others and len(own) == 1:
        (past,) = own
        return JoinedPast(past.history, past.required_metric, past.tasks, len(past.tasks))
    mapped = [
        past.replace(space=space, history=map_history(past.space, space, past.history, synonyms))
        for past in others
    ]
    joined = [*own, *mapped]
    for one, other in itertools.combinations(joined, 2):
        _refuse_repeated_evaluations(one, other)
    history, metric = join_histories([(past.history, past.required_metric) for past in joined])
    tasks = tuple(task for past in joined for task in past.tasks)
    return JoinedPast(history, metric, tasks, sum(len(past.tasks) for past in own))


def _refuse_repeated_names(pasts: Sequence[PastSearches]) -> None:
    for one, other in itertools.combinations(pasts, 2):
        if shared := [task for task in one.tasks if task in other.tasks]:
            raise NmjaxError(
                f"Got task {shared[0]!r} in two pasts of space {one.space.name!r}; leave it out of "
                "one of them by select, or give it another name if it is another task."
            )


def _refuse_repeated_evaluations(one: PastSearches, other: PastSearches) -> None:
    if pairs := equal_tasks(_evaluations(one), _evaluations(other)):
        first, second = pairs[0]
        raise NmjaxError(
            f"Got task {one.tasks[first]!r} of {one.name!r} and task {other.tasks[second]!r} of "
            f"{other.name!r} with the same evaluations, which would count twice; leave one of them "
            "out by select."
        )


def _evaluations(past: PastSearches) -> Evaluations:
    history = past.history
    architecture = np.asarray(history.architecture), np.asarray(history.continuous)
    return np.concatenate(architecture, axis=-1), np.asarray(past.scores), history.mask
