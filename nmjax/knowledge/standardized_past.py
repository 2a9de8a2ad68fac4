"""Past tasks as standardized encodings and normal scores."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.knowledge.features import group_index
from nmjax.predictors import normal_scores
from nmjax.spaces import Space, option_mask
from nmjax.tasks import encode_history, history_scores
from nmjax.types import Array, Categorical, History, Metric


class Past(NamedTuple):
    """Evaluations of T past tasks.

    Attributes:
      encoding: float[T, M, D], encodings.
      x: float[T, M, D], encodings with zero mean, and with unit total variance in each group.
      y: float[T, M], normal scores of each task; NaN where failed or padded.
      score: float[T, M], scores, higher is better; NaN where failed or padded.
      mask: bool[T, M], False where a row is padding.
      location: float[D], mean encoding.
      scale: float[D], divisor of encodings.
    """

    encoding: Array
    x: Array
    y: Array
    score: Array
    mask: Array
    location: Array
    scale: Array


@partial(jax.jit, static_argnames=("space", "metric"))
def standardize_past(history: History, *, space: Space, metric: Metric) -> Past:
    """Standardize a history.

    Args:
      history: Past tasks with raw metrics.
      space: Space of the architectures.
      metric: Metric that defines the score.
    """
    score = history_scores(history, metric)
    encoding = encode_history(space, history)
    location, scale = standardization(encoding, history.mask, space=space)
    return Past(
        encoding,
        (encoding - location[None, None, :]) / scale[None, None, :],
        jax.vmap(normal_scores)(score),
        score,
        history.mask,
        location,
        scale,
    )


def standardization(encoding: Array, mask: Array, *, space: Space) -> tuple[Array, Array]:
    """Location float[D] and scale float[D] that standardize encodings.

    The features of a group share a scale, which gives them unit total variance. Groups that are
    constant in the past have scale 1.

    Args:
      encoding: float[T, M, D], encodings.
      mask: bool[T, M], False where a row is padding.
      space: Space of the architectures.
    """
    counts = mask.astype(encoding.dtype)
    weight = counts / jnp.sum(counts)
    location = jnp.einsum("tm,tmd->d", weight, encoding)
    variance = jnp.einsum("tm,tmd->d", weight, jnp.square(encoding - location[None, None, :]))
    group = jnp.array(group_index(space))
    total = jax.ops.segment_sum(variance, group, len(group))
    # A target may vary groups that are constant in the past.
    return location, jnp.sqrt(jnp.where(total > 1e-12, total, 1))[group]


@partial(jax.jit, static_argnames=("space", "share"))
def best_options(
    architecture: Array, score: Array, *, space: Space, share: float = 0.1
) -> tuple[Categorical, Array]:
    """Distribution of the options of each source's best evaluations.

    Args:
      architecture: int32[T, M, C], evaluated architectures.
      score: float[T, M], higher is better; NaN is ignored.
      space: Space of the architectures.
      share: Fraction of each source's evaluations that count as its best.

    Returns:
      Logits [C, O] of the mean over sources of the smoothed frequencies of options; and the lowest
      and highest option present, int32[C, 2].
    """
    count = best_counts(architecture, score, space=space, share=share)
    probability = jnp.mean(smoothed_shares(count, space=space), axis=0)
    present = jnp.sum(count, axis=0) > 0
    last = present.shape[-1] - 1 - jnp.argmax(present[:, ::-1], axis=-1)
    bounds = jnp.stack([jnp.argmax(present, axis=-1), last], axis=-1).astype(jnp.int32)
    return Categorical(jnp.log(probability)), bounds


def best_counts(architecture: Array, score: Array, *, space: Space, share: float) -> Array:
    """Number of each source's best evaluations with each option, float[T, C, O].

    The arguments are those of `best_options`.
    """
    threshold = jnp.nanquantile(score, 1 - share, axis=-1, keepdims=True)
    best = (score >= threshold).astype(jnp.float32)
    chosen = jax.nn.one_hot(architecture, space.max_options, dtype=jnp.float32)
    return jnp.einsum("tm,tmco->tco", best, chosen)


def smoothed_shares(count: Array, *, space: Space) -> Array:
    """Frequencies float[T, C, O] of options, with one pseudo-count for each existing option."""
    smoothed = jnp.where(option_mask(space)[None], count + 1, 0)
    return smoothed / jnp.sum(smoothed, axis=-1, keepdims=True)
