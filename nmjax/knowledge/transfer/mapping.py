"""From one space to another that shares components with it, by the names of choices and options.

Into a space that has all of another's options nothing is lost: NAS-Bench-201 has those of
TransNAS-Bench-101's micro cells, NAS-Bench-Graph those of its `proteins`. The other way round, some
architectures have no counterpart and are left out, or go to the nearest that there is.
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
from nmjax.tasks import history_scores, make_history, stack_tasks
from nmjax.types import Array, History, Metric

NAS_BENCH_201_TO_TRANSNAS101: Mapping[str, str] = {
    "skip_connect": "skip",
    "nor_conv_1x1": "conv1x1",
    "nor_conv_3x3": "conv3x3",
    **{f"Op{edge}": f"op{edge}" for edge in range(6)},
}


class MatchedChoices(NamedTuple):
    """What of a source space is what of a target space.

    Attributes:
      choice: int32[C], the source's choice that is each of the target's; -1 where none is.
      option: int32[C, O], the target's option that is each of that choice's; -1 where none is.
      missing: what of the source the target does not have, "choice" or "choice=option".
    """

    choice: np.ndarray
    option: np.ndarray
    missing: tuple[str, ...]


def rename(space: Space, synonyms: Mapping[str, str]) -> Space:
    """The space with other names for some of its choices and options.

    Raises:
      NmjaxError: two choices, or two options of one, get the same name.
    """
    choices = [
        replace(
            choice,
            name=synonyms.get(choice.name, choice.name),
            options=tuple(synonyms.get(str(option), option) for option in choice.options),
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
            tuple(synonyms.get(str(option), option) for option in options),
        )
        for parent, options in conditions
    )


def match_choices(
    source_space: Space, target_space: Space, synonyms: Mapping[str, str] | None = None
) -> MatchedChoices:
    """Choices and options that are in both spaces.

    Args:
      source_space: to map from.
      target_space: to map to.
      synonyms: what the target calls choices and options of the source, where names differ.

    Raises:
      NmjaxError: the spaces have no choice with an option in common, or one has real-valued
        choices.
    """
    for space in (source_space, target_space):
        check_discrete(space, "a mapping between spaces")
    named = rename(source_space, synonyms or {})
    position = {choice.name: index for index, choice in enumerate(named.choices)}
    choice = [position.get(target.name, -1) for target in target_space.choices]
    option = np.full((target_space.num_choices, source_space.max_options), -1, np.int32)
    for row, index, target in zip(option, choice, target_space.choices, strict=True):
        if index >= 0:
            texts = [str(name) for name in target.options]
            found = [str(name) for name in named.choices[index].options]
            row[: len(found)] = [texts.index(name) if name in texts else -1 for name in found]
    if (option < 0).all():
        raise NmjaxError(
            f"Spaces {source_space.name!r} and {target_space.name!r} have no choice with an option "
            "in common; name what is the same by synonyms."
        )
    missing: list[str] = []
    for index, source in enumerate(source_space.choices):
        if index not in choice:
            missing.append(source.name)
            continue
        to = option[choice.index(index)]
        missing += [
            f"{source.name}={o}" for o, at in zip(source.options, to, strict=False) if at < 0
        ]
    return MatchedChoices(np.array(choice, np.int32), option, tuple(missing))


def map_architectures(
    source_space: Space,
    target_space: Space,
    architecture: ArrayLike,
    synonyms: Mapping[str, str] | None = None,
) -> tuple[Array, Array]:
    """Architectures of one space as those of another.

    Args:
      source_space: of the architectures.
      target_space: to map to.
      architecture: int32[..., C].
      synonyms: as in `match_choices`.

    Returns:
      int32[..., C'], and bool[..., C'], where a choice has a counterpart; elsewhere the option
      is 0.

    Raises:
      NmjaxError: as `match_choices`.
    """
    return _map(match_choices(source_space, target_space, synonyms), architecture)


def map_history(
    source_space: Space,
    target_space: Space,
    history: History,
    synonyms: Mapping[str, str] | None = None,
) -> History:
    """A past in one space as a past in another, so that its tasks can be sources there.

    Evaluations without a counterpart are left out, and what remains comes first.

    Args:
      source_space: of the history.
      target_space: to map to.
      history: of the source space.
      synonyms: as in `match_choices`.

    Raises:
      NmjaxError: as `match_choices`; a choice of the source has no counterpart, so that different
        architectures would become one; or no evaluation of a task has one.
    """
    shared = match_choices(source_space, target_space, synonyms)
    absent = [choice.name for choice in source_space.choices if choice.name in shared.missing]
    if absent:
        raise NmjaxError(
            f"The choices {absent} of space {source_space.name!r} have no counterpart in "
            f"{target_space.name!r}; name it by synonyms, or map to a space that has one."
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
    """Tasks of several histories of one space as one history, whose one metric is the score.

    Contexts stay where all are of one length.

    Args:
      parts: each history with the metric that is its score.

    Raises:
      NmjaxError: there is none, or architectures differ in their choices.
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
    """Names of the features that both spaces' encodings have; `rename` one where they differ."""
    known = set(encoding_names(source_space))
    return tuple(name for name in encoding_names(target_space) if name in known)


def shared_encoding(space: Space, architecture: ArrayLike, names: Sequence[str]) -> Array:
    """The features `names` of encodings, float[..., len(names)].

    An operation that only one of two spaces has shows by what is missing. Values of ordinal choices
    are comparable between spaces with the same range only.

    Raises:
      NmjaxError: the space has real-valued choices.
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
    """The architecture of a pool that shares most structure with each of another space.

    Args:
      source_space: of the architectures.
      target_space: of the pool.
      architecture: int32[A, C].
      pool: int32[N, C'].
      synonyms: as in `match_choices`.

    Returns:
      Rows int32[A] of the pool, and their squared distances float[A] in the shared encoding.

    Raises:
      NmjaxError: as `rename`.
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
    """What `map_architectures` returns, by what the spaces share."""
    chosen = jnp.asarray(architecture)[..., np.maximum(shared.choice, 0)]
    option = at_options(shared.option, chosen)
    known = option >= 0
    return jnp.where(known, option, 0), known
