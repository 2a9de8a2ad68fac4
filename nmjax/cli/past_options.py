"""Options of the commands that analyze past searches."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from nmjax.errors import NmjaxError, unknown_name

if TYPE_CHECKING:
    from nmjax.tasks.files.history_store import HistoryStore
    from nmjax.tasks.past_searches import PastSearches
    from nmjax.types import Array


@dataclass(frozen=True)
class PastConfig:
    """Past searches, and how much of them to use.

    Attributes:
      past: Folder made by `nmjax history import`, or its URL; or a benchmark, whose past is drawn
        at random.
      maximize: Metric to maximize. A folder needs --maximize or --minimize unless it has one metric
        and knows its direction; a benchmark has a metric of its own.
      minimize: Metric to minimize.
      tasks: Restrict to these tasks.
      evaluations: Maximum number of evaluations of each task, drawn at random.
      seed: Random seed.
      data: Folder with the data of benchmarks that no package ships.
    """

    past: Annotated[Positional[str], arg(metavar="PAST")]
    maximize: Annotated[str | None, arg(metavar="METRIC", help_behavior_hint="")] = None
    minimize: Annotated[str | None, arg(metavar="METRIC", help_behavior_hint="")] = None
    tasks: Annotated[
        tuple[str, ...], arg(metavar="[TASK [TASK ...]]", help_behavior_hint="(default: all)")
    ] = ()
    evaluations: int = 1000
    seed: int = 0
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def metric_to_improve(
    store: "HistoryStore", maximize: str | None, minimize: str | None
) -> tuple[str | None, str | None]:
    """Return the metric of a folder to maximize, and the one to minimize; one of them is None.

    The only metric of a folder that knows its direction need not be given.

    Raises:
      NmjaxError: None is given and the folder does not say it, or the folder has no such metric.
    """
    name = maximize or minimize
    if name is None and len(store.metrics) == 1 and store.directions:
        ((name, direction),) = store.directions.items()
        return (name, None) if direction == "max" else (None, name)
    if name is None:
        raise NmjaxError(
            f"Got {store.folder} without the metric to improve; give --maximize or --minimize with "
            f"one of {', '.join(store.metrics)}."
        )
    if name not in store.metrics:
        raise unknown_name("metric", name, store.metrics, of=str(store.folder))
    return maximize, minimize


def draw_past(config: PastConfig, cost: str | None = None) -> tuple["PastSearches", "Array"]:
    """Return the past searches, and a key for further random draws.

    Args:
      config: which past, and how much of it.
      cost: metric that the score is traded for, as in `sample_store` or `sample_suite`.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, a folder comes without a metric, the
        direction contradicts a benchmark's, no evaluation of a folder succeeded, or data are not
        installed.
    """
    import jax

    from nmjax.tasks import open_store, sample_store, sample_suite

    if config.seed < 0:
        raise NmjaxError(f"Got --seed {config.seed}; give at least 0.")
    if config.maximize is not None and config.minimize is not None:
        raise NmjaxError("Got both --maximize and --minimize; give one of them.")
    past_key, key = jax.random.split(jax.random.key(config.seed))
    name = config.maximize or config.minimize
    if "://" in config.past or Path(config.past).is_dir():
        store = open_store(config.past)
        maximize, minimize = metric_to_improve(store, config.maximize, config.minimize)
        past = sample_store(
            past_key,
            config.past,
            maximize=maximize,
            minimize=minimize,
            cost=cost,
            tasks=config.tasks,
            evaluations=config.evaluations,
        )
        return _with_successes(past), key
    past = sample_suite(
        past_key,
        config.past,
        name,
        cost,
        tasks=config.tasks,
        evaluations=config.evaluations,
        data=config.data,
    )
    _check_direction(config, past)
    return past, key


def _with_successes(past: "PastSearches") -> "PastSearches":
    """Return the tasks with a successful evaluation; the others are named on standard error."""
    import numpy as np

    succeeded = np.isfinite(np.asarray(past.scores)).any(axis=-1)
    kept = [task for task, known in zip(past.tasks, succeeded, strict=True) if known]
    left_out = [task for task in past.tasks if task not in kept]
    name = past.required_metric.name
    if not kept:
        raise NmjaxError(
            f"No task of {past.name!r} has a successful evaluation of {name!r}; give another past."
        )
    if left_out:
        what = f"Left out, as {name!r} is NaN in all evaluations:"
        print(what, ", ".join(left_out), file=sys.stderr)
    return past.select(kept) if left_out else past


def _check_direction(config: PastConfig, past: "PastSearches") -> None:
    metric = past.required_metric
    flags = {"max": "--maximize", "min": "--minimize"}
    given = {"max": config.maximize, "min": config.minimize}
    if any(given.values()) and given[metric.direction] is None:
        raise NmjaxError(
            f"Metric {metric.name!r} of {past.name!r} is {flags[metric.direction][2:]}d; give "
            f"{flags[metric.direction]} {metric.name}."
        )
