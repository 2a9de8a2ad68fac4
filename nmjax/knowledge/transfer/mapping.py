"""Mappings between spaces that share choices and options, matched by name.

A mapping into a space with all the options of the source is lossless: NAS-Bench-201 contains those
of TransNAS-Bench-101's micro cells, and NAS-Bench-Graph those of its `proteins`. In the opposite
direction, architectures without a counterpart are left out or mapped to the nearest one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces import Condition, Space, at_options, check_discrete, encode, encoding_names
from nmjax.spaces.description.options import option_text
from nmjax.tasks import history_scores, make_history, stack_tasks
from nmjax.types import Array, History, Metric

NAS_BENCH_201_TO_TRANSNAS101: Mapping[str, str] = {
    "skip_connect": "skip",
    "nor_conv_1x1": "conv1x1",
    "nor_conv_3x3": "conv3x3",
    **{f"Op{edge}": f"op{edge}" for edge in range(6)},
}
"""Synonyms that map NAS-Bench-201 to the micro cells of TransNAS-Bench-101.

Example:
  >>> from nmjax.knowledge import NAS_BENCH_201_TO_TRANSNAS101
  >>> NAS_BENCH_201_TO_TRANSNAS101["skip_connect"]
  'skip'
"""


class MatchedChoices(NamedTuple):
    """Correspondence of the choices and options of two spaces.

    Attributes:
      choice: int32[C], index of the source's choice for each of the target's; -1 without one.
      option: int32[C, O], index of the target's option for each option of that source choice; -1
        without one.
      missing: Choices and options of the source that the target lacks, as "choice" or
        "choice=option".

    Example:
      >>> from nmjax.knowledge import match_choices
      >>> from nmjax.spaces import Space
      >>> match_choices(Space(width=[8, 16], op=["a"]), Space(width=[8, 32])).missing
      ('width=16', 'op')
    """

    choice: np.ndarray
    option: np.ndarray
    missing: tuple[str, ...]


def rename(space: Space, synonyms: Mapping[str, str]) -> Space:
    """Rename choices and options of a space.

    Args:
      space: Space to rename.
      synonyms: New names by old name.

    Raises:
      NmjaxError: Two choices, or two options of a choice, get the same name.

    Example:
      >>> from nmjax.knowledge import rename
      >>> from nmjax.spaces import Space
      >>> rename(Space(width=[8, 16]), {"width": "channels"}).names
      ('channels',)
    """
    choices = [
        replace(
            choice,
            name=synonyms.get(choice.name, choice.name),
            options=tuple(synonyms.get(option_text(option), option) for option in choice.options),
            conditions=_renamed(choice.conditions, synonyms),
        )
        for choice in space.choices
    ]
    continuous = [
        replace(
            real,
            name=synonyms.get(real.name, real.name),
            conditions=_renamed(real.conditions, synonyms),
        )
        for real in space.continuous
    ]
    return space.replace(choices=tuple(choices), continuous=tuple(continuous))


def _renamed(
    conditions: tuple[Condition, ...], synonyms: Mapping[str, str]
) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            synonyms.get(parent, parent),
            tuple(synonyms.get(option_text(option), option) for option in options),
        )
        for parent, options in conditions
    )


def match_choices(
    source_space: Space, target_space: Space, synonyms: Mapping[str, str] | None = None
) -> MatchedChoices:
    """Match the choices and options of two spaces by name.

    Args:
      source_space: Space to map from.
      target_space: Space to map to.
      synonyms: The target's names of choices and options, by the source's name.

    Raises:
      NmjaxError: The spaces have no choice with a common option, or one of them has real-valued
        choices.

    Example:
      >>> from nmjax.knowledge import match_choices
      >>> from nmjax.spaces import Space
      >>> match_choices(Space(width=[8, 16]), Space(width=[16, 8])).option.tolist()
      [[1, 0]]
    """
    for space in (source_space, target_space):
        check_discrete(space, "a mapping between spaces")
    named = rename(source_space, synonyms or {})
    position = {choice.name: index for index, choice in enumerate(named.choices)}
    choice = [position.get(target.name, -1) for target in target_space.choices]
    option = np.full((target_space.num_choices, source_space.max_options), -1, np.int32)
    for row, index, target in zip(option, choice, target_space.choices, strict=True):
        if index >= 0:
            texts = [option_text(name) for name in target.options]
            found = [option_text(name) for name in named.choices[index].options]
            row[: len(found)] = [texts.index(name) if name in texts else -1 for name in found]
    if (option < 0).all():
        raise NmjaxError(
            f"Spaces {source_space.name!r} and {target_space.name!r} have no choice with an option "
            "in common; give the names that correspond as synonyms."
        )
    missing: list[str] = []
    for index, source in enumerate(source_space.choices):
        if index not in choice:
            missing.append(source.name)
            continue
        to = option[choice.index(index)]
        missing += [
            f"{source.name}={option_text(o)}"
            for o, at in zip(source.options, to, strict=False)
            if at < 0
        ]
    return MatchedChoices(np.array(choice, np.int32), option, tuple(missing))


def map_architectures(
    source_space: Space,
    target_space: Space,
    architecture: ArrayLike,
    synonyms: Mapping[str, str] | None = None,
) -> tuple[Array, Array]:
    """Map architectures from one space to another.

    Args:
      source_space: Space of the architectures.
      target_space: Space to map to.
      architecture: int32[..., C], architectures.
      synonyms: As in `match_choices`.

    Returns:
      Architectures int32[..., C'], with option 0 where a choice has no counterpart; and
      bool[..., C'], whether each choice has one.

    Raises:
      NmjaxError: As in `match_choices`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import map_architectures
      >>> from nmjax.spaces import Space
      >>> mapped, known = map_architectures(
      ...     Space(width=[8, 16]), Space(width=[4, 8]), jnp.array([[0], [1]]))
      >>> mapped.tolist(), known.tolist()
      ([[1], [0]], [[True], [False]])
    """
    return _map(match_choices(source_space, target_space, synonyms), architecture)


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
    mapped, known = _map(shared, history.architecture)
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


def shared_names(source_space: Space, target_space: Space) -> tuple[str, ...]:
    """Names of the features that the encodings of both spaces have.

    Args:
      source_space: First space; `rename` it if names differ.
      target_space: Second space, whose order of features is kept.

    Example:
      >>> from nmjax.knowledge import shared_names
      >>> from nmjax.spaces import Space
      >>> len(shared_names(Space(op=["a", "b"]), Space(op=["b", "c"])))
      1
    """
    known = set(encoding_names(source_space))
    return tuple(name for name in encoding_names(target_space) if name in known)


def shared_encoding(space: Space, architecture: ArrayLike, names: Sequence[str]) -> Array:
    """Encode architectures by the features that two spaces share, float[..., len(names)].

    An operation that only one space has is encoded as zeros. Values of ordinal choices are
    comparable only between spaces with the same range.

    Args:
      space: Space of the architectures.
      architecture: int32[..., C], architectures.
      names: Names of features, from `shared_names`.

    Raises:
      NmjaxError: The space has real-valued choices.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import shared_encoding, shared_names
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["a", "b"])
      >>> names = shared_names(space, Space(op=["b", "c"]))
      >>> shared_encoding(space, jnp.array([[0], [1]]), names).shape
      (2, 1)
    """
    check_discrete(space, "an encoding in parts")
    own = {name: index for index, name in enumerate(encoding_names(space))}
    features: Array = encode(space, jnp.asarray(architecture))[
        ..., np.array([own[name] for name in names])
    ]
    return features


def nearest_architectures(
    source_space: Space,
    target_space: Space,
    architecture: ArrayLike,
    pool: ArrayLike,
    synonyms: Mapping[str, str] | None = None,
) -> tuple[Array, Array]:
    """Find the nearest architecture of a pool for each architecture of another space.

    Args:
      source_space: Space of the architectures.
      target_space: Space of the pool.
      architecture: int32[A, C], architectures.
      pool: int32[N, C'], candidates in the target space.
      synonyms: As in `match_choices`.

    Returns:
      Rows int32[A] of the pool, and their squared distances float[A] in the shared encoding.

    Raises:
      NmjaxError: As in `rename`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import nearest_architectures
      >>> from nmjax.spaces import Space
      >>> row, distance = nearest_architectures(Space(op=["a", "b"]), Space(op=["b", "c"]),
      ...                                       jnp.array([[1]]), jnp.array([[1], [0]]))
      >>> row.tolist(), distance.tolist()
      ([1], [0.0])
    """
    named = rename(source_space, synonyms or {})
    names = shared_names(named, target_space)
    ours = shared_encoding(named, architecture, names)
    theirs = shared_encoding(target_space, pool, names)
    products = jnp.matmul(ours, theirs.T, precision=jax.lax.Precision.HIGHEST)
    squared = jnp.sum(ours**2, -1)[:, None] + jnp.sum(theirs**2, -1)[None, :] - 2 * products
    row = jnp.argmin(squared, axis=-1).astype(jnp.int32)
    return row, jnp.maximum(jnp.min(squared, axis=-1), 0)


def _map(shared: MatchedChoices, architecture: ArrayLike) -> tuple[Array, Array]:
    """Apply matched choices; returns as `map_architectures`."""
    chosen = jnp.asarray(architecture)[..., np.maximum(shared.choice, 0)]
    option = at_options(shared.option, chosen)
    known = option >= 0
    return jnp.where(known, option, 0), known
