"""A past to look at: what a store holds, or what random search would have left of a suite."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space
from nmjax.tasks import (
    check_quality,
    keep_out,
    load_history,
    load_suite,
    open_store,
    sample_history,
)
from nmjax.types import Array, History, Metric

KEPT_OUT = ("outside", "duplicate", "repeated")
"""Findings whose rows are no independent draws of an architecture."""


class PastSearches(NamedTuple):
    """Past evaluations and what they mean.

    Attributes:
      name: of the suite, or of the store's folder.
      space: of the architectures.
      tasks: T names.
      history: of these.
      score: the metric that is to be high or low, as its direction says.
      cost: the metric that it is traded for, if any.
    """

    name: str
    space: Space
    tasks: tuple[str, ...]
    history: History
    score: Metric
    cost: Metric | None


def past_of_store(
    key: Array,
    folder: str | Path,
    score: str | None = None,
    cost: str | None = None,
    *,
    direction: Literal["max", "min"] = "max",
    tasks: Sequence[str] = (),
    evaluations: int,
) -> PastSearches:
    """At most so many `evaluations` of each task, drawn at random, each architecture once.

    Args:
      key: of the draws.
      folder: of the store; a path or a URL.
      score: name of a metric; the store's first one by default.
      cost: name of a metric of which less is better and which is compared by ratios, if any.
      direction: which way the score is better.
      tasks: all by default.
      evaluations: of a task, at the most.

    Raises:
      NmjaxError: there is no such store, task or metric, or `evaluations` is below 1.
    """
    store = open_store(folder)
    score = score or store.metrics[0]
    _check(score, cost, store.metrics, evaluations)
    history, names = load_history(store, tasks or None)
    drawn = _draw_rows(key, history, evaluations)
    found = check_quality(drawn, store.space, tasks=names)
    kept = keep_out(drawn, [finding for finding in found if finding.kind in KEPT_OUT])
    return PastSearches(
        Path(store.folder).resolve().name,
        store.space,
        names,
        kept,
        Metric(score, "", direction),
        Metric(cost, "", "min", "log") if cost else None,
    )


def past_of_suite(
    key: Array,
    name: str,
    score: str | None = None,
    cost: str | None = None,
    *,
    tasks: Sequence[str] = (),
    evaluations: int,
    data: Path | None = None,
) -> PastSearches:
    """`evaluations` of each task of a suite, as random search would have recorded them.

    Args:
      key: of the draws.
      name: of the suite.
      score: name of a metric; the suite's own score by default.
      cost: name of a metric; by default the first of which less is better, if there is one.
      tasks: all by default.
      evaluations: of a task; all where there are fewer.
      data: folder with data that no package ships.

    Raises:
      NmjaxError: there is no such suite, task or metric, or `evaluations` is below 1.
    """
    suite = load_suite(name, data=data)
    score = score or suite.score_metric
    _check(score, cost, suite.metrics, evaluations)
    costs = [m for m, info in suite.metric_info.items() if info.direction == "min" and m != score]
    cost = cost or next(iter(costs), None)
    names = tuple(tasks) or suite.tasks
    history = sample_history(key, suite, names, min(evaluations, len(suite.pool)))
    info = suite.metric_info
    return PastSearches(
        name, suite.space, names, history, info[score], info[cost] if cost else None
    )


def _draw_rows(key: Array, history: History, number: int) -> History:
    """At most `number` rows of each task, uniformly and in random order; padding goes last."""
    order = jnp.where(history.mask, jax.random.uniform(key, history.mask.shape), -1)
    _, chosen = jax.lax.top_k(order, min(number, order.shape[1]))
    return history._replace(
        architecture=jnp.take_along_axis(history.architecture, chosen[..., None], axis=1),
        continuous=jnp.take_along_axis(history.continuous, chosen[..., None], axis=1),
        metrics={n: jnp.take_along_axis(m, chosen, axis=1) for n, m in history.metrics.items()},
        mask=jnp.take_along_axis(history.mask, chosen, axis=1),
    )


def _check(score: str, cost: str | None, known: Iterable[str], evaluations: int) -> None:
    for metric in filter(None, (score, cost)):
        if metric not in known:
            raise unknown_name("metric", metric, known)
    if evaluations < 1:
        raise NmjaxError(f"Got --evaluations {evaluations}; give at least 1.")
