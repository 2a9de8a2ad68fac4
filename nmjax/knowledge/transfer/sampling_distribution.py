"""Sampling distributions over a space with independent choices, updated by past tasks.

The current distribution and the proposal of the past are combined by their weighted geometric mean,
the logarithmic opinion pool (Genest and Zidek, 1986), which minimizes the weighted sum of
divergences to the two. The pool of two truncated normals with the same bounds is again one, whose
precision is the weighted mean of theirs.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge import component_weights
from nmjax.knowledge.state import MetaKnowledge
from nmjax.spaces import Space, draw_valid, from_scale, option_mask
from nmjax.stats import kullback_leibler_divergence, truncated_moments
from nmjax.types import Array, Categorical, Gaussian, TruncatedGaussian

_UNIFORM = 1e3
_NOTHING = -87.0


class SamplingDistribution(NamedTuple):
    """Distribution over a space with independent choices.

    Attributes:
      options: Log-probabilities [C, O] of options; -inf excludes an option.
      continuous: Truncated normals of the real-valued choices, leaves float[R], on their scales in
        [-1, 1].

    Example:
      >>> from nmjax.knowledge import uniform_sampling
      >>> from nmjax.spaces import Space
      >>> uniform_sampling(Space(width=[8, 16])).options.logits.shape
      (1, 2)
    """

    options: Categorical
    continuous: TruncatedGaussian


class SamplingMoments(NamedTuple):
    """Moments of ordinal and real-valued choices on their scales in [-1, 1].

    Attributes:
      optimal_values: float[C + R], means; NaN for choices without an order.
      uncertainty: float[C + R], variances; NaN for choices without an order.
      bounds: float[C + R, 2], lowest and highest possible value; NaN for choices without an order.

    Example:
      >>> from nmjax.knowledge import sampling_moments, uniform_sampling
      >>> from nmjax.spaces import Ordinal, Space
      >>> space = Space(depth=Ordinal(1, 2, 3))
      >>> sampling_moments(uniform_sampling(space), space=space).bounds.tolist()
      [[-1.0, 1.0]]
    """

    optimal_values: Array
    uncertainty: Array
    bounds: Array


def uniform_sampling(space: Space) -> SamplingDistribution:
    """Uniform distribution over options and over the scales of real-valued choices.

    Args:
      space: Space to sample.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import uniform_sampling
      >>> from nmjax.spaces import Space
      >>> jnp.exp(uniform_sampling(Space(width=[8, 16])).options.logits).tolist()
      [[0.5, 0.5]]
    """
    options = jax.nn.log_softmax(jnp.where(option_mask(space), 0.0, -jnp.inf))
    ones = jnp.ones((space.num_continuous,))
    return SamplingDistribution(
        Categorical(options), TruncatedGaussian(0 * ones, _UNIFORM * ones, -ones, ones)
    )


def truncate_sampling(distribution: SamplingDistribution, allowed: Array) -> SamplingDistribution:
    """Condition a distribution on a subset of options.

    Args:
      distribution: Sampling distribution.
      allowed: bool[C, O], allowed options; each choice must allow an option of positive
        probability.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import truncate_sampling, uniform_sampling
      >>> from nmjax.spaces import Space
      >>> uniform = uniform_sampling(Space(width=[8, 16]))
      >>> jnp.exp(truncate_sampling(uniform, jnp.array([[True, False]])).options.logits).tolist()
      [[1.0, 0.0]]
    """
    logits = jnp.where(allowed, distribution.options.logits, -jnp.inf)
    return distribution._replace(options=Categorical(jax.nn.log_softmax(logits)))


def update_sampling_distribution(
    distribution: SamplingDistribution,
    knowledge: MetaKnowledge,
    optimal: Gaussian | None = None,
    transfer_weight: ArrayLike | None = None,
    fixed_share: ArrayLike = 0.02,
) -> SamplingDistribution:
    """Move a distribution toward the best architectures of the past.

    The support stays the same: each possible option keeps a probability of at least `fixed_share`
    divided by their number, and the normals of real-valued choices keep a standard deviation of at
    least `fixed_share` times their range. Use `adapt_space` to prune options or tighten ranges.

    Args:
      distribution: Current distribution.
      knowledge: Knowledge of the same space; its `sampling` is the proposal.
      optimal: Proposal for the real-valued choices, leaves float[R], means and standard deviations
        on their scales in [-1, 1]. Means out of bounds are clipped. None leaves the real-valued
        choices unchanged.
      transfer_weight: float[], weight of the proposal in [0, 1]; by default the probability of the
        transferred prior.
      fixed_share: float[], in [0, 1).

    Raises:
      NmjaxError: The shapes of the distribution and the proposal differ.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import (default_knowledge, uniform_sampling,
      ...                              update_sampling_distribution)
      >>> from nmjax.spaces import Space
      >>> space = Space(width=[8, 16])
      >>> updated = update_sampling_distribution(uniform_sampling(space), default_knowledge(space))
      >>> jnp.exp(updated.options.logits).tolist()
      [[0.5, 0.5]]
    """
    proposed = knowledge.sampling.logits
    shape = jnp.shape(distribution.options.logits)
    if jnp.shape(proposed) != shape:
        raise NmjaxError(
            f"Got knowledge of options {list(jnp.shape(proposed))} for a sampling distribution of "
            f"{list(shape)}; give knowledge of the same space."
        )
    dtype = distribution.options.logits.dtype
    weight = transfer_weight
    if weight is None:
        weight = component_weights.transfer_weight(knowledge.log_weights, knowledge.prior)
    weight, fixed_share = jnp.asarray(weight, dtype), jnp.asarray(fixed_share, dtype)
    options = _pool_options(distribution.options.logits, proposed, weight, fixed_share)
    continuous = distribution.continuous
    if optimal is not None:
        if jnp.shape(optimal.mean) != jnp.shape(continuous.mean):
            raise NmjaxError(
                f"Got optimal values {list(jnp.shape(optimal.mean))} for "
                f"{list(jnp.shape(continuous.mean))} real-valued choices; give one for each."
            )
        continuous = _pool_continuous(continuous, optimal, weight, fixed_share)
    return SamplingDistribution(Categorical(options), continuous)


@partial(jax.jit, static_argnames=("space", "shape"))
def sample_architectures(
    key: Array, distribution: SamplingDistribution, *, space: Space, shape: tuple[int, ...] = ()
) -> tuple[Array, Array]:
    """Sample valid architectures int32[*shape, C] and real-valued choices float32[*shape, R].

    Sampling uses rejection, so it does not terminate if no architecture in the support is valid.

    Args:
      key: Random key.
      distribution: Sampling distribution.
      space: Space to sample.
      shape: Leading shape of the samples.

    Example:
      >>> import jax
      >>> from nmjax.knowledge import sample_architectures, uniform_sampling
      >>> from nmjax.spaces import Space
      >>> space = Space(width=[8, 16])
      >>> architecture, continuous = sample_architectures(
      ...     jax.random.key(0), uniform_sampling(space), space=space, shape=(5,))
      >>> architecture.shape, continuous.shape
      ((5, 1), (5, 0))
    """
    option_key, real_key = jax.random.split(key)
    logits, continuous = distribution.options.logits, distribution.continuous

    def draw(key: Array) -> Array:
        size = (*shape, *logits.shape)
        # As jax.random.categorical, but flat, because XLA compiles it faster.
        noise = jax.random.gumbel(key, (math.prod(size),), logits.dtype).reshape(size)
        return jnp.argmax(jnp.broadcast_to(logits, size) + noise, axis=-1).astype(jnp.int32)

    lower, upper = (
        (continuous.low - continuous.mean) / continuous.std,
        (continuous.high - continuous.mean) / continuous.std,
    )
    size = (*shape, space.num_continuous)
    standard = jax.random.truncated_normal(
        real_key, jnp.broadcast_to(lower, size), jnp.broadcast_to(upper, size), size
    )
    position = (
        jnp.broadcast_to(continuous.mean, size) + jnp.broadcast_to(continuous.std, size) * standard
    )
    return draw_valid(option_key, space, draw), from_scale(space, position)


def sampling_divergence(prior: SamplingDistribution, posterior: SamplingDistribution) -> Array:
    """Divergence KL(posterior || prior), float[], in nats.

    It is infinite if the posterior's support is not contained in the prior's.

    Args:
      prior: Distribution before an update.
      posterior: Distribution after it.

    Example:
      >>> from nmjax.knowledge import sampling_divergence, uniform_sampling
      >>> from nmjax.spaces import Space
      >>> uniform = uniform_sampling(Space(width=[8, 16]))
      >>> float(sampling_divergence(uniform, uniform))
      0.0
    """
    of_options = kullback_leibler_divergence(posterior.options, prior.options)
    return jnp.sum(of_options) + kullback_leibler_divergence(posterior.continuous, prior.continuous)


def sampling_moments(distribution: SamplingDistribution, *, space: Space) -> SamplingMoments:
    """Means, variances and bounds of ordinal and real-valued choices.

    Args:
      distribution: Sampling distribution.
      space: Space of the distribution.

    Example:
      >>> from nmjax.knowledge import sampling_moments, uniform_sampling
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["a", "b"])
      >>> sampling_moments(uniform_sampling(space), space=space).optimal_values.tolist()
      [nan]
    """
    probabilities = jnp.exp(distribution.options.logits)
    values = jnp.asarray(_option_values(space), probabilities.dtype)
    mean = jnp.sum(probabilities * values, axis=-1)
    variance = jnp.sum(probabilities * jnp.square(values - mean[:, None]), axis=-1)
    possible = probabilities > 0
    low = jnp.min(jnp.where(possible, values, jnp.inf), axis=-1)
    high = jnp.max(jnp.where(possible, values, -jnp.inf), axis=-1)
    ordered = np.array([choice.kind == "ordinal" for choice in space.choices], bool)
    of_options = [jnp.where(ordered, leaf, jnp.nan) for leaf in (mean, variance, low, high)]
    continuous = distribution.continuous
    of_reals = [*truncated_moments(continuous), continuous.low, continuous.high]
    mean, variance, low, high = map(jnp.append, of_options, of_reals)
    return SamplingMoments(mean, variance, jnp.stack([low, high], axis=-1))


def _pool_options(
    former: Array, proposed: Array, transfer_weight: Array, fixed_share: Array
) -> Array:
    possible = former > -jnp.inf
    former = jnp.where(possible, former, 0)
    proposed = jnp.where(possible, jnp.maximum(proposed, _NOTHING), _NOTHING)
    pooled = (1 - transfer_weight) * former + transfer_weight * jax.nn.log_softmax(proposed)
    probability = jax.nn.softmax(pooled, axis=-1, where=possible)
    even = jax.nn.softmax(jnp.zeros_like(pooled), axis=-1, where=possible)
    probability = (1 - fixed_share) * probability + fixed_share * even
    return jnp.where(possible, jnp.log(jnp.where(possible, probability, 1)), -jnp.inf)


def _pool_continuous(
    former: TruncatedGaussian, optimal: Gaussian, transfer_weight: Array, fixed_share: Array
) -> TruncatedGaussian:
    mean, std, low, high = former
    proposed = jnp.clip(optimal.mean, low, high)
    before, added = (
        (1 - transfer_weight) / jnp.square(std),
        transfer_weight / jnp.square(optimal.std),
    )
    center = (before * mean + added * proposed) / (before + added)
    spread = jnp.maximum(jax.lax.rsqrt(before + added), fixed_share * (high - low))
    return TruncatedGaussian(center, spread, low, high)


def _option_values(space: Space) -> np.ndarray:
    """Values float32[C, O] of ordinal options on their scales; 0 for other choices."""
    values = np.zeros((space.num_choices, space.max_options), np.float32)
    for row, choice in zip(values, space.choices, strict=True):
        if choice.kind == "ordinal":
            row[: len(choice.options)] = choice.values
    return values
