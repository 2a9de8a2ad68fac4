"""The past as learning sees it: standardized encodings and normal scores."""

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
      encoding: float[T, M, D].
      x: float[T, M, D], encodings of zero mean, and of unit variance in each group.
      y: float[T, M], normal scores of each task; NaN where failed or padded.
      score: float[T, M], as a search would be evaluated; NaN where failed or padded.
      mask: bool[T, M], False where a row is padding.
      location: float[D], mean encoding.
      scale: float[D], what encodings were divided by.
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
    """The past of a history with raw metrics, one of which is the score."""
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
    """Location float[D] and scale float[D] of encodings float[T, M, D] where mask bool[T, M].

    Features of a group share a scale, with which they have unit variance together.
    """
    counts = mask.astype(encoding.dtype)
    weight = counts / jnp.sum(counts)
    location = jnp.einsum("tm,tmd->d", weight, encoding)
    variance = jnp.einsum("tm,tmd->d", weight, jnp.square(encoding - location[None, None, :]))
    group = jnp.array(group_index(space))
    total = jax.ops.segment_sum(variance, group, len(group))
    # What the past never varied keeps its unit: a target may vary it.
    return location, jnp.sqrt(jnp.where(total > 1e-12, total, 1))[group]


@partial(jax.jit, static_argnames=("space", "share"))
def best_options(
    architecture: Array, score: Array, *, space: Space, share: float = 0.1
) -> tuple[Categorical, Array]:
    """What each source's best evaluations chose.

    Args:
      architecture: int32[T, M, C].
      score: float[T, M]; NaN does not count.
      space: of the architectures.
      share: of each source's evaluations that are its best.

    Returns:
      Mean over sources of the smoothed shares of options, as logits [C, O], and the lowest and
      highest option present, int32[C, 2].
    """
    count = best_counts(architecture, score, space=space, share=share)
    probability = jnp.mean(smoothed_shares(count, space=space), axis=0)
    present = jnp.sum(count, axis=0) > 0
    last = present.shape[-1] - 1 - jnp.argmax(present[:, ::-1], axis=-1)
    bounds = jnp.stack([jnp.argmax(present, axis=-1), last], axis=-1).astype(jnp.int32)
    return Categorical(jnp.log(probability)), bounds


def best_counts(architecture: Array, score: Array, *, space: Space, share: float) -> Array:
    """How many of each source's best evaluations chose each option, float[T, C, O].

    Arguments are those of `best_options`.
    """
    threshold = jnp.nanquantile(score, 1 - share, axis=-1, keepdims=True)
    best = (score >= threshold).astype(jnp.float32)
    chosen = jax.nn.one_hot(architecture, space.max_options, dtype=jnp.float32)
    return jnp.einsum("tm,tmco->tco", best, chosen)


def smoothed_shares(count: Array, *, space: Space) -> Array:
    """Shares float[T, C, O] of options, each that exists as if chosen once more."""
    smoothed = jnp.where(option_mask(space)[None], count + 1, 0)
    return smoothed / jnp.sum(smoothed, axis=-1, keepdims=True)
