"""Past searches drawn at random, from a store or from a benchmark."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.setting_checks import check_sizes
from nmjax.tasks.files.history_store import open_store
from nmjax.tasks.files.store_reader import (
    count_evaluations,
    list_tasks,
    load_selected,
)
from nmjax.tasks.files.task_rows import take_rows
from nmjax.tasks.history import sample_history
from nmjax.tasks.past_searches import MetricChoice, PastSearches, resolve_metric
from nmjax.tasks.quality import check_quality, drop_findings
from nmjax.tasks.suites import Suite, load_suite
from nmjax.types import Array, Metric

DEPENDENT_ROWS = ("outside", "duplicate", "repeated")
"""Kinds of findings whose rows are not independent draws of an architecture."""


def sample_store(
    key: Array,
    folder: str | Path,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    cost: str | None = None,
    tasks: Sequence[str] = (),
    evaluations: int,
) -> PastSearches:
    """Return evaluations of a store, drawn at random, with each architecture once.

    In memory are the drawn evaluations and all of one task at a time.

    Args:
      key: Random key.
      folder: Path or URL of the store.
      maximize: Metric to improve of which more is better: its name, or a `Metric`.
      minimize: Metric to improve of which less is better, instead of `maximize`.
      cost: Name of a positive metric of which less is better, compared by ratios.
      tasks: Tasks to load; all by default.
      evaluations: Largest number of evaluations of a task.

    Raises:
      NmjaxError: There is no such store, task or metric, not exactly one of `maximize` and
        `minimize` is given, or `evaluations` is below 1.

    Example:
      >>> import jax, tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import append_evaluations, create_store, sample_store
      >>> folder = tempfile.mkdtemp()
      >>> store = create_store(folder, get_space("nas-bench-graph"), metrics=("loss",))
      >>> append_evaluations(store, "cora", [[0, 8, 8, 8, 8]], {"loss": [0.1]})
      >>> sample_store(jax.random.key(0), folder, minimize="loss", evaluations=5).tasks
      ('cora',)
    """
    store = open_store(folder)
    metric = resolve_metric(maximize, minimize)
    if metric is None:
        raise NmjaxError(
            f"Got no metric of {folder} to improve; give maximize= or minimize= with one of "
            f"{', '.join(store.metrics)}."
        )
    _check(metric.name, cost, store.metrics, evaluations)
    names = tuple(tasks) or list_tasks(store)
    drawn = draw_rows(key, count_evaluations(store, names), evaluations)
    past = load_selected(store, names, metric, lambda task, rows: take_rows(rows, drawn[task]))
    found = check_quality(past.history, store.space, tasks=past.tasks)
    dependent = [finding for finding in found if finding.kind in DEPENDENT_ROWS]
    kept = drop_findings(past.history, dependent)
    return past.replace(
        history=kept,
        cost=Metric(cost, direction="min", transform="log") if cost else None,
    )


def sample_suite(
    key: Array,
    suite: Suite | str,
    metric: str | None = None,
    cost: str | None = None,
    *,
    tasks: Sequence[str] = (),
    evaluations: int,
    data: Path | None = None,
) -> PastSearches:
    """Return evaluations of a benchmark as random search would have recorded them.

    Args:
      key: Random key.
      suite: Suite, as from `load_suite`, or its name.
      metric: Name of the metric to improve; the suite's own by default.
      cost: Name of the metric to trade it for; by default the first of which less is better.
      tasks: Tasks to draw; all by default.
      evaluations: Number of evaluations of a task; the whole pool if it has fewer.
      data: Folder with data that no package ships, for a suite given by its name.

    Raises:
      NmjaxError: There is no such suite, task or metric, or `evaluations` is below 1.

    Example:
      >>> import jax
      >>> from nmjax.tasks import sample_suite
      >>> past = sample_suite(jax.random.key(0), "nas-bench-201", evaluations=10)
      >>> past.metric.name, past.cost.name, past.scores.shape
      ('val_acc', 'latency', (3, 10))
    """
    suite = suite if isinstance(suite, Suite) else load_suite(suite, data=data)
    metric = metric or suite.score_metric
    _check(metric, cost, suite.metrics, evaluations)
    info = suite.metric_info
    costs = [m for m in info if info[m].direction == "min" and m != metric]
    cost = cost or next(iter(costs), None)
    names = tuple(tasks) or suite.tasks
    history = sample_history(key, suite, names, min(evaluations, len(suite.pool)))
    return PastSearches(
        suite.space, history, names, info[metric], info[cost] if cost else None, suite.name
    )


def draw_rows(key: Array, counts: Mapping[str, int], number: int) -> dict[str, np.ndarray]:
    """Return the indices of at most `number` rows of each task, uniformly, in random order."""
    held = np.arange(max(counts.values(), default=0)) < np.array([*counts.values()])[:, None]
    order = jnp.where(held, jax.random.uniform(key, held.shape), -1)
    _, chosen = jax.lax.top_k(order, min(number, held.shape[1]))
    rows = zip(counts.items(), np.asarray(chosen), strict=True)
    return {task: row[: min(number, count)] for (task, count), row in rows}


def _check(metric: str, cost: str | None, known: Iterable[str], evaluations: int) -> None:
    for name in filter(None, (metric, cost)):
        if name not in known:
            raise unknown_name("metric", name, known)
    check_sizes(evaluations=evaluations)
