"""Where a search draws from: each choice by itself, moved toward what was best in the past.

The former distribution and what the past proposes are pooled by their weighted geometric mean, the
logarithmic opinion pool (Genest and Zidek, 1986): of all distributions the one with the least
transfer_weight-weighted divergence to the two. Of two truncated normals on the same bounds it is
one again, whose precision is the weighted mean of theirs.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge.state import MetaKnowledge
from nmjax.spaces import Space, draw_valid, from_scale, option_mask
from nmjax.stats import kullback_leibler_divergence, truncated_moments
from nmjax.types import Array, Categorical, Gaussian, TruncatedGaussian

_UNIFORM = 1e3
_NOTHING = -87.0


class SamplingDistribution(NamedTuple):
    """Independent choices.

    Attributes:
      options: log-probabilities [C, O] of each choice's options; -inf bars one.
      continuous: of the real-valued choices, leaves float[R] on each one's scale in [-1, 1].
    """

    options: Categorical
    continuous: TruncatedGaussian


class SamplingMoments(NamedTuple):
    """Where ordinal and real-valued choices are looked for, on their scales in [-1, 1].

    Attributes:
      optimal_values: float[C + R], means; NaN for choices without an order.
      uncertainty: float[C + R], variances; NaN likewise.
      bounds: float[C + R, 2], the least and the largest value that is possible; NaN likewise.
    """

    optimal_values: Array
    uncertainty: Array
    bounds: Array


def uniform_sampling(space: Space) -> SamplingDistribution:
    """Every option of a choice alike, and every value of a real-valued one on its scale."""
    options = jax.nn.log_softmax(jnp.where(option_mask(space), 0.0, -jnp.inf))
    ones = jnp.ones((space.num_continuous,))
    return SamplingDistribution(
        Categorical(options), TruncatedGaussian(0 * ones, _UNIFORM * ones, -ones, ones)
    )


def truncate_sampling(distribution: SamplingDistribution, allowed: Array) -> SamplingDistribution:
    """The distribution given that only options `allowed` bool[C, O] are chosen.

    Of each choice one that is possible must be.
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
    """The distribution moved toward where the past found its best architectures.

    Nothing that was possible becomes impossible: of the options of a choice each keeps at least
    `fixed_share` over their number, and the normals of real-valued ones keep `fixed_share` times
    the distance of their bounds as standard deviation. Bounds stay: what is cut off, and at what
    risk, is for `adapt_space` to say.

    Args:
      distribution: the former one.
      knowledge: of the space; its `sampling` is what is proposed.
      optimal: proposed for real-valued choices, which `sampling` does not hold, float[R] on their
        scales in [-1, 1]: optimal values, and the root of their uncertainty. Values out of bounds
        count as the nearest bound. None leaves them as they were.
      transfer_weight: float[], weight of what is proposed, 0 to 1; by default the probability of
        the transferred prior.
      fixed_share: float[], in [0, 1).

    Raises:
      NmjaxError: shapes of the distribution and of what is proposed differ.
    """
    proposed = knowledge.sampling.logits
    shape = jnp.shape(distribution.options.logits)
    if jnp.shape(proposed) != shape:
        raise NmjaxError(
            f"Got knowledge of options {list(jnp.shape(proposed))} for a sampling distribution of "
            f"{list(shape)}; give knowledge of the same space."
        )
    dtype = distribution.options.logits.dtype
    weight = jnp.exp(knowledge.log_weights[0]) if transfer_weight is None else transfer_weight
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
    """Valid architectures int32[*shape, C], and real-valued choices float32[*shape, R].

    Some architecture that the distribution makes possible must be valid, or sampling does not end.
    """
    option_key, real_key = jax.random.split(key)
    logits, continuous = distribution.options.logits, distribution.continuous

    def draw(key: Array) -> Array:
        size = (*shape, space.num_choices)
        chosen = jax.random.categorical(key, jnp.broadcast_to(logits, (*size, logits.shape[-1])))
        return chosen.astype(jnp.int32)

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
    """KL(posterior || prior) float[] in nats; infinite where the posterior's support is larger."""
    of_options = kullback_leibler_divergence(posterior.options, prior.options)
    return jnp.sum(of_options) + kullback_leibler_divergence(posterior.continuous, prior.continuous)


def sampling_moments(distribution: SamplingDistribution, *, space: Space) -> SamplingMoments:
    """Optimal values, uncertainty and bounds of the choices that have an order."""
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
    """float32[C, O], ordinal choices' values on their scales; 0 elsewhere."""
    values = np.zeros((space.num_choices, space.max_options), np.float32)
    for row, choice in zip(values, space.choices, strict=True):
        if choice.kind == "ordinal":
            row[: len(choice.options)] = choice.values
    return values
