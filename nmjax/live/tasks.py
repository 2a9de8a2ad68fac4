"""Small real classification tasks from data that scikit-learn ships; nothing is downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.live.data import Dataset, split_rows
from nmjax.types import Array

MAX_TRAIN = 512
"""Largest number of training rows of a task, which bounds the time of a child."""


class LiveTask(NamedTuple):
    """A task on which children train.

    Attributes:
      name: Name that `load_task` takes.
      data: Its rows.
      inputs: Number D of features.
      classes: Number of classes.
      context: float32[K], statistics of the training rows, named by `CONTEXT`.

    Example:
      >>> from nmjax.live import load_task
      >>> task = load_task("wine")
      >>> task.inputs, task.classes
      (13, 3)
    """

    name: str
    data: Dataset
    inputs: int
    classes: int
    context: Array


CONTEXT = (
    "log_rows",
    "log_features",
    "log_classes",
    "class_entropy",
    "mean_correlation",
    "effective_rank",
    "class_separation",
)
"""Names of the entries of `LiveTask.context`: natural logarithms of the sizes; entropy of the class
shares over that of equal shares; mean absolute correlation of two features; effective rank of the
correlation matrix over the number of features; share of the features' variance between classes."""

_Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _Source:
    family: str
    read: Callable[[], _Arrays]


def _bundled(name: str) -> _Arrays:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise NmjaxError(
            "The live tasks are data of scikit-learn, which is not installed: "
            'pip install "nmjax[live]".'
        ) from error
    bunch: Any = getattr(datasets, f"load_{name}")()
    return np.asarray(bunch.data), np.asarray(bunch.target)


def _whole(name: str) -> Callable[[], _Arrays]:
    return lambda: _bundled(name)


def _digits(*kept: int) -> Callable[[], _Arrays]:
    """The digits with these classes, renumbered."""

    def read() -> _Arrays:
        x, y = _bundled("digits")
        rows = np.isin(y, kept)
        return x[rows], np.searchsorted(sorted(kept), y[rows])

    return read


def _digit_parity() -> _Arrays:
    x, y = _bundled("digits")
    return x, y % 2


def _digits_left() -> _Arrays:
    x, y = _bundled("digits")
    return x.reshape(-1, 8, 8)[:, :, :4].reshape(-1, 32), y


def _digits_coarse() -> _Arrays:
    x, y = _bundled("digits")
    return x.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16), y


def _cancer(columns: slice) -> Callable[[], _Arrays]:
    def read() -> _Arrays:
        x, y = _bundled("breast_cancer")
        return x[:, columns], y

    return read


def _diabetes(groups: int) -> Callable[[], _Arrays]:
    """Groups of equal size of the disease's progression."""

    def read() -> _Arrays:
        x, y = _bundled("diabetes")
        inner = np.quantile(y, np.arange(1, groups) / groups)
        return x, np.searchsorted(inner, y, side="left")

    return read


_SOURCES = {
    "iris": _Source("iris", _whole("iris")),
    "wine": _Source("wine", _whole("wine")),
    "breast-cancer": _Source("breast-cancer", _whole("breast_cancer")),
    "breast-cancer-mean": _Source("breast-cancer", _cancer(slice(0, 10))),
    "breast-cancer-error": _Source("breast-cancer", _cancer(slice(10, 20))),
    "diabetes-2": _Source("diabetes", _diabetes(2)),
    "diabetes-3": _Source("diabetes", _diabetes(3)),
    "digits": _Source("digits", _whole("digits")),
    "digits-0-4": _Source("digits", _digits(0, 1, 2, 3, 4)),
    "digits-5-9": _Source("digits", _digits(5, 6, 7, 8, 9)),
    "digits-3-5-8": _Source("digits", _digits(3, 5, 8)),
    "digits-parity": _Source("digits", _digit_parity),
    "digits-left": _Source("digits", _digits_left),
    "digits-coarse": _Source("digits", _digits_coarse),
}


def list_tasks() -> tuple[tuple[str, ...], ...]:
    """Return the names of all tasks, grouped by the rows that they are made from.

    Example:
      >>> from nmjax.live import list_tasks
      >>> list_tasks()[:2], sum(map(len, list_tasks()))
      ((('iris',), ('wine',)), 14)
    """
    groups: dict[str, list[str]] = {}
    for name, source in _SOURCES.items():
        groups.setdefault(source.family, []).append(name)
    return tuple(map(tuple, groups.values()))


def load_task(name: str, *, seed: int = 0, max_train: int = MAX_TRAIN) -> LiveTask:
    """Return a task: rows of scikit-learn's data, split 60:20:20 within each class.

    "iris", "wine", "breast-cancer" and "digits" are the data sets as they are. The others are
    parts of them: "breast-cancer-mean" and "breast-cancer-error" have ten of the thirty features,
    "diabetes-2" and "diabetes-3" classify the disease's progression into groups of equal size,
    "digits-0-4", "digits-5-9" and "digits-3-5-8" have some of the classes, "digits-parity" tells
    odd from even digits, "digits-left" has the left half of each image, and "digits-coarse" means
    of 2 x 2 pixels.

    Args:
      name: Name of a task, as in `list_tasks`.
      seed: Seed of the split.
      max_train: Largest number of training rows.

    Raises:
      NmjaxError: The task is unknown, scikit-learn is not installed, or a number is invalid.

    Example:
      >>> from nmjax.live import load_task
      >>> task = load_task("digits")
      >>> task.data.train.x.shape, task.classes
      ((512, 64), 10)
    """
    if name not in _SOURCES:
        raise unknown_name("task", name, _SOURCES)
    x, y = _SOURCES[name].read()
    data = split_rows(x, y, max_train=max_train, seed=seed)
    return LiveTask(name, data, x.shape[1], int(y.max()) + 1, _context(data))


def _context(data: Dataset) -> Array:
    x, y = np.asarray(data.train.x, np.float64), np.asarray(data.train.y)
    shares = np.bincount(y) / len(y)
    varies = x.std(0) > 0
    correlation = np.atleast_2d(np.corrcoef(x[:, varies], rowvar=False))
    pairs = np.abs(correlation[np.triu_indices(len(correlation), 1)])
    spectrum = np.clip(np.linalg.eigvalsh(correlation), 1e-12, None)
    spectrum /= spectrum.sum()
    centers = np.stack([x[y == label].mean(0) for label in range(len(shares))])
    between = (shares[:, None] * np.square(centers)).sum(0)
    statistics = np.array(
        [
            np.log(len(x)),
            np.log(x.shape[1]),
            np.log(len(shares)),
            -(shares * np.log(shares)).sum() / np.log(len(shares)),
            pairs.mean(),
            np.exp(-(spectrum * np.log(spectrum)).sum()) / len(spectrum),
            between[varies].mean(),
        ],
        np.float32,
    )
    return jnp.asarray(statistics)
