"""Histories mapped to another space, and histories of one space joined."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge.transfer.mapping import apply_matches, match_choices
from nmjax.spaces import Space
from nmjax.tasks import history_scores, make_history, stack_tasks
from nmjax.types import History, Metric


def map_history(
    source_space: Space,
    target_space: Space,
    history: History,
    synonyms: Mapping[str, str] | None = None,
) -> History:
    """Map a history to another space, so that its tasks can be sources there.

    Evaluations without a counterpart are left out; the others come first.

    Args:
      source_space: Space of the history.
      target_space: Space to map to.
      history: Past tasks in the source space.
      synonyms: As in `match_choices`.

    Raises:
      NmjaxError: As in `match_choices`; or a choice of the source has no counterpart, so that
        different architectures would become equal; or no evaluation of a task has a counterpart.

    Example:
      >>> from nmjax.knowledge import map_history
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> history = make_history([[[0], [1]]], {"accuracy": [[0.1, 0.9]]})
      >>> map_history(Space(width=[8, 16]), Space(width=[4, 16]), history).architecture.tolist()
      [[[1]]]
    """
    shared = match_choices(source_space, target_space, synonyms)
    absent = [choice.name for choice in source_space.choices if choice.name in shared.missing]
    if absent:
        raise NmjaxError(
            f"The choices {absent} of space {source_space.name!r} have no counterpart in "
            f"{target_space.name!r}; give synonyms, or map to a space that has them."
        )
    mapped, known = apply_matches(shared, history.architecture)
    kept = np.asarray(history.mask & jnp.all(known, axis=-1))
    if not kept.any(axis=-1).all():
        raise NmjaxError(
            f"Past tasks {np.flatnonzero(~kept.any(axis=-1)).tolist()} have no evaluation with a "
            f"counterpart in space {target_space.name!r}; leave them out."
        )
    order = np.argsort(~kept, axis=-1, kind="stable")[:, : kept.sum(axis=-1).max()]
    mask = np.take_along_axis(kept, order, axis=-1)
    metrics = {
        name: np.where(mask, np.take_along_axis(np.asarray(values), order, axis=-1), np.nan)
        for name, values in history.metrics.items()
    }
    architecture = np.take_along_axis(np.asarray(mapped), order[..., None], axis=-2)
    return make_history(np.where(mask[..., None], architecture, 0), metrics, history.context, mask)


def join_histories(parts: Sequence[tuple[History, Metric]]) -> tuple[History, Metric]:
    """Concatenate the tasks of several histories of one space, with the score as their metric.

    Contexts are kept if all have the same length.

    Args:
      parts: Histories, each with the metric that defines its score.

    Raises:
      NmjaxError: There are no histories, or their architectures differ in the number of choices.

    Example:
      >>> from nmjax.knowledge import join_histories
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> history = make_history([[[0], [1]]], {"accuracy": [[0.1, 0.9]]})
      >>> joined, metric = join_histories([(history, Metric("accuracy"))] * 2)
      >>> joined.mask.shape, metric.name
      ((2, 2), 'score')
    """
    metric = Metric("score", "each task's own")
    tables, continuous, scores, contexts = [], [], [], []
    for history, own in parts:
        found, mask = np.asarray(history_scores(history, own)), np.asarray(history.mask)
        contexts.append(np.asarray(history.context))
        choices = np.asarray(history.architecture), np.asarray(history.continuous)
        for rows, numbers, score, counts in zip(*choices, found, mask, strict=True):
            tables.append(rows[counts])
            continuous.append(numbers[counts])
            scores.append({metric.name: score[counts]})
    alike = len({context.shape[1] for context in contexts}) == 1
    context = np.concatenate(contexts) if alike else None
    return stack_tasks(tables, scores, context, continuous=continuous), metric
