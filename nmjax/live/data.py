"""Classification rows for children: training, selection and test rows, kept apart."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, check_seed
from nmjax.live.family import TrainableFamily
from nmjax.types import Array, PyTree, is_traced


class Rows(NamedTuple):
    """Inputs with their classes.

    Attributes:
      x: float32[n, D], standardized inputs; or `Nodes` of a graph.
      y: int32[n], classes from 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.live import Rows
      >>> Rows(jnp.zeros((5, 3)), jnp.zeros(5, jnp.int32)).x.shape
      (5, 3)
    """

    x: PyTree
    y: Array


class Dataset(NamedTuple):
    """Rows to train on, rows that score a child, and rows that no search may see.

    Attributes:
      train: Rows that gradients come from.
      selection: Rows whose accuracy is the score of a child.
      test: Rows whose accuracy is reported.

    Example:
      >>> from nmjax.live import load_task
      >>> data = load_task("iris").data
      >>> [len(rows.y) for rows in data]
      [90, 30, 30]
    """

    train: Rows
    selection: Rows
    test: Rows


def split_rows(
    x: np.ndarray,
    y: np.ndarray,
    *,
    shares: tuple[float, float] = (0.2, 0.2),
    max_train: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Split rows at random within each class, and standardize them by the training rows.

    Features that are constant on the training rows become 0.

    Args:
      x: Inputs, float[n, D].
      y: Classes from 0, int[n], each with at least three rows.
      shares: Shares of the selection and of the test rows; each at least one row per class.
      max_train: Largest number of training rows; all by default.
      seed: Seed of the split.

    Raises:
      NmjaxError: Shapes do not fit, an input is not finite, a class is missing or has under three
        rows, the shares or `max_train` leave no training rows, or the seed is negative or not an
        integer.

    Example:
      >>> import numpy as np
      >>> from nmjax.live import split_rows
      >>> data = split_rows(np.arange(20.0)[:, None], np.arange(20) % 2)
      >>> [len(rows.y) for rows in data], round(abs(float(data.train.x.mean())), 5)
      ([12, 4, 4], 0.0)
    """
    inputs, classes = np.asarray(x, np.float64), np.asarray(y)
    _check(inputs, classes, shares)
    check_seed(seed)
    if max_train is not None and max_train < 1:
        raise NmjaxError(f"Got max_train={max_train}; give 1 or more, or None for all rows.")
    generator = np.random.default_rng(seed)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for label in range(int(classes.max()) + 1):
        own = generator.permutation(np.flatnonzero(classes == label))
        counts = [max(1, round(share * len(own))) for share in shares]
        stops = np.cumsum([max(1, len(own) - sum(counts)), *counts])
        for part, rows in zip(parts, np.split(own, stops[:2]), strict=True):
            part.append(rows)
    train, selection, test = (generator.permutation(np.concatenate(part)) for part in parts)
    train = train[:max_train]
    mean, std = inputs[train].mean(0), inputs[train].std(0)
    scaled = np.where(std > 0, (inputs - mean) / np.where(std > 0, std, 1), 0)
    return Dataset(
        *(
            Rows(
                jnp.asarray(scaled[rows].astype(np.float32)),
                jnp.asarray(classes[rows].astype(np.int32)),
            )
            for rows in (train, selection, test)
        )
    )


def accuracy(logits: Array, y: Array) -> Array:
    """Share float[] of rows whose largest logit float[n, classes] is that of their class int[n].

    NaN if a logit is not finite.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.live import accuracy
      >>> float(accuracy(jnp.array([[2.0, 1.0], [0.0, 3.0]]), jnp.array([0, 0])))
      0.5
    """
    share = jnp.mean((jnp.argmax(logits, axis=-1) == y).astype(logits.dtype))
    return jnp.where(jnp.all(jnp.isfinite(logits)), share, jnp.nan)


def cross_entropy(logits: Array, y: Array) -> Array:
    """Mean negative log-likelihood float[] of classes int[n] under logits float[n, classes].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.live import cross_entropy
      >>> round(float(cross_entropy(jnp.zeros((3, 2)), jnp.array([0, 1, 1]))), 4)
      0.6931
    """
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=-1)
    return -jnp.mean(chosen)


def check_fits(family: TrainableFamily, choices: int, data: Dataset) -> None:
    """Validate that the family can read the rows and has a logit for each of their classes.

    Args:
      family: Family of the children.
      choices: Number of choices of an architecture.
      data: Rows of the task.

    Raises:
      NmjaxError: The family reads other features, or has too few classes.
    """
    check_classes("family", _family_logits(family, choices, shapes_of(data.train.x)), data)


def shapes_of(x: PyTree) -> PyTree:
    """The shapes of inputs in place of the inputs, which compare and hash by value."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), x)


@lru_cache
def _family_logits(family: TrainableFamily, choices: int, x: PyTree) -> int:
    """The number of logits of an architecture int32[C] for inputs of these shapes."""
    architecture = jnp.zeros(choices, jnp.int32)

    def forward(x: PyTree) -> Array:
        params = family.init(jax.random.key(0), architecture)
        return family.apply(params, architecture, x)

    return count_logits("family", family, forward, x)


def count_logits(kind: str, network: object, forward: Callable[[PyTree], Array], x: PyTree) -> int:
    """Return the number of logits for inputs of these shapes.

    Args:
      kind: What the network is, in messages.
      network: The network, in messages.
      forward: Function from inputs to logits float[B, classes], which is not evaluated.
      x: Inputs as `shapes_of` returns them.

    Raises:
      NmjaxError: The network reads other features, or rows where these are nodes of a graph.
    """
    try:
        logits = jax.eval_shape(forward, x)
    except (AttributeError, TypeError) as error:
        raise NmjaxError(
            f"Got {type(x).__name__} with {x.shape[1:]} features, which {network} cannot read: "
            f"make the {kind} with the task's number of features, and for nodes of a graph give a "
            "GraphFamily."
        ) from error
    return int(logits.shape[-1])


def check_classes(kind: str, classes: int, parts: Iterable[Rows]) -> None:
    """Validate the classes of rows. Traced ones are not checked.

    Args:
      kind: What the network is, in messages.
      classes: Number of its logits.
      parts: Rows to classify.

    Raises:
      NmjaxError: The rows have more classes.
    """
    most = max(-1 if is_traced(rows.y) else int(np.max(rows.y)) for rows in parts)
    if most >= classes:
        raise NmjaxError(
            f"Got class {most} for a {kind} of {classes} classes: make the {kind} with "
            f"classes={most + 1} or more."
        )


def _check(x: np.ndarray, y: np.ndarray, shares: tuple[float, float]) -> None:
    if x.ndim != 2 or y.shape != x.shape[:1] or not np.issubdtype(y.dtype, np.integer):
        raise NmjaxError(
            f"Got inputs {list(x.shape)} and classes {y.dtype}{list(y.shape)}, expected "
            "float[n, D] and int[n]: give one row of features and one class for each example."
        )
    if not np.isfinite(x).all():
        raise NmjaxError("Got inputs that are not all finite: leave out or fill those rows.")
    counts = np.bincount(y) if len(y) and y.min() >= 0 else np.zeros(1)
    if len(counts) < 2 or counts.min() < 3:
        raise NmjaxError(
            f"Got classes with {counts.astype(int).tolist()} rows, expected two or more classes "
            "numbered from 0 with at least three rows each."
        )
    if min(shares) <= 0 or sum(shares) >= 1:
        raise NmjaxError(f"Got shares={shares}, expected two positive numbers with a sum below 1.")
