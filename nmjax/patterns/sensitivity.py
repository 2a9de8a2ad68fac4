"""Share of a score's variance that each choice explains: functional analysis of variance.

A Sobol index is a share of the variance of the score over architectures whose choices are drawn
independently (Sobol 2001): *first order* for one choice alone, *pair* for what two explain together
beyond each alone, *total* for a choice with all of its interactions. All are computed from closed
indices, Var(E[score | some choices]) / Var(score).
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.patterns.indices import Sensitivity, effects, from_effects, subsets
from nmjax.spaces import Space, at_options, option_mask
from nmjax.spaces.enumeration import ENUMERABLE
from nmjax.spaces.indexing import to_flat
from nmjax.stats import Interval, bootstrap_interval
from nmjax.types import Array


@partial(jax.jit, static_argnames="space")
def sobol_indices(
    space: Space, architecture: Array, score: Array, probabilities: Array | None = None
) -> Sensitivity:
    """Sensitivities of the scores of a pool, exactly, from conditional means over its rows.

    On a full factorial pool these are the Sobol indices. On any other pool they are the shares
    Var(E[score | choices]) / Var(score) *over that pool*. Where its choices depend on one another
    (validity rules, one member per isomorphism class) a first order includes the effect of
    correlated choices, pairs may be negative, and the orders need not add up to 1. Where isomorphic
    architectures share a score, pass the whole grid, each row with its representative's score. In a
    sparse sample each group has too few rows: conditional means fit noise, so that first orders and
    pairs are too large and totals too small; predict the missing scores, or use
    `sampled_sobol_indices`.

    Args:
      space: the space; its real-valued choices are left out.
      architecture: int32[N, C].
      score: float[..., N], with any draws or tasks on leading axes; NaN rows are left out.
      probabilities: float[C, O], independent marginals of the choices, whose product weights the
        rows; by default all rows have the same weight.

    Returns:
      Leaves float[..., C] and float[..., C, C]; NaN where scores are constant.

    Raises:
      NmjaxError: shapes do not fit, or the space has more than ten million architectures.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.patterns import sobol_indices
      >>> from nmjax.spaces import Space
      >>> space = Space("tiny", op=["a", "b"], act=["relu", "tanh"])
      >>> pool = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]])
      >>> sobol_indices(space, pool, jnp.array([0.0, 0.0, 1.0, 1.0])).first
      Array([1., 0.], dtype=float32)
    """
    architecture = jnp.asarray(architecture, jnp.int32)
    score = jnp.asarray(score)
    size = architecture.shape[:1]
    if architecture.shape[1:] != (space.num_choices,) or score.shape[-1:] != size:
        raise NmjaxError(
            f"Got architectures {list(architecture.shape)} with scores {list(score.shape)}; give "
            f"[N, {space.num_choices}] for space {space.name!r} and one score for each."
        )
    if space.size > ENUMERABLE:
        raise NmjaxError(
            f"Space {space.name!r} has {space.size:,} architectures, and a table may have "
            f"{ENUMERABLE:,}; draw from a predictor with sampled_sobol_indices."
        )
    if probabilities is None:
        weight = jnp.ones(size, score.dtype)
    else:
        marginals = _check_probabilities(space, probabilities).astype(score.dtype)
        weight = jnp.prod(at_options(marginals, architecture), axis=-1)

    def closed(score: Array) -> Array:
        succeeded = ~jnp.isnan(score)
        share = jnp.where(succeeded, weight, 0)
        share = share / jnp.sum(share)
        centered = jnp.where(succeeded, score, 0)
        centered = centered - jnp.sum(share * centered)

        def explained(subset: Array) -> Array:
            group = to_flat(architecture * subset[None], space.num_options)
            rows = jnp.stack([share, share * centered], axis=-1)
            mass, moment = jax.ops.segment_sum(rows, group, space.size).T
            return jnp.sum(moment**2 / jnp.where(mass > 0, mass, 1))

        of_subsets = jax.lax.map(explained, subsets(space.num_choices).astype(np.int32))
        indices: Array = of_subsets / jnp.sum(share * centered**2)
        return indices

    return from_effects(effects(jnp.vectorize(closed, signature="(n)->(s)")(score)))


def sampled_sobol_indices(
    key: Array,
    space: Space,
    function: Callable[[Array], Array],
    probabilities: Array | None = None,
    *,
    samples: int = 4096,
    resamples: int = 1000,
    level: float = 0.95,
) -> Sensitivity:
    """Sensitivities of a predictor on a space of any size, with intervals, from pairs of draws.

    Two architectures that share some choices and are otherwise drawn independently have covariance
    Var(E[score | those choices]), estimated as in Janon et al. 2014 (equation 6), which for the
    total index is Jansen's estimator. Intervals resample the draws (Archer, Saltelli and Sobol
    1997): they cover the error of sampling, not that of the predictor. Choices are drawn
    independently, so that the predictor also receives architectures that the space does not allow.

    Args:
      key: PRNG key.
      space: the space.
      function: Pure function int32[N, C] -> float[N].
      probabilities: float[C, O], marginals of the choices; uniform by default.
      samples: Number of pairs; the function is evaluated on C (C + 3) / 2 + 1 times as many
        architectures.
      resamples: Number of bootstrap resamples.
      level: Level of the intervals.

    Returns:
      Leaves are `Interval`s of float[C] and float[C, C].

    Raises:
      NmjaxError: the probabilities do not fit, or as `nmjax.stats.bootstrap_interval`.

    Example:
      >>> import jax
      >>> from nmjax.patterns import sampled_sobol_indices
      >>> from nmjax.spaces import Space
      >>> space = Space("tiny", op=["a", "b"], act=["relu", "tanh"])
      >>> first = sampled_sobol_indices(
      ...     jax.random.key(0), space, lambda rows: rows[:, 0] * 1.0, samples=64, resamples=10
      ... ).first
      >>> bool(first.estimate[0] > 0.9)
      True
    """
    exists = option_mask(space)
    marginals = exists if probabilities is None else _check_probabilities(space, probabilities)
    draw_key, bootstrap_key = jax.random.split(key)
    logits = jnp.log(marginals.astype(jnp.result_type(float)))
    shape = (2, samples, space.num_choices)
    base, other = jax.random.categorical(draw_key, logits, shape=shape).astype(jnp.int32)

    def partner(subset: Array) -> Array:
        return function(jnp.where(subset[None], base, other))

    partners = jax.lax.map(partner, subsets(space.num_choices)).T
    values = jnp.concatenate([function(base)[:, None], partners], axis=-1)
    interval = bootstrap_interval(
        bootstrap_key, values[None], _paired_effects, resamples=resamples, level=level
    )
    parts = [from_effects(part) for part in interval]
    sensitivity: Sensitivity = jax.tree.map(lambda *ends: Interval(*ends), *parts)
    return sensitivity


def _paired_effects(values: Array) -> Array:
    """Flat effects float[S] of values float[1, n, 1 + S], whose first column is the base."""
    centered = values[0] - jnp.mean(values)
    base, partner = centered[:, :1], centered[:, 1:]
    mean = jnp.mean(0.5 * (base + partner), axis=0)
    covariance = jnp.mean(base * partner, axis=0) - mean**2
    variance = jnp.mean(0.5 * (base**2 + partner**2), axis=0) - mean**2
    return effects(covariance / variance)


def _check_probabilities(space: Space, probabilities: Array) -> Array:
    expected = (space.num_choices, space.max_options)
    if jnp.shape(probabilities) != expected:
        raise NmjaxError(
            f"Got probabilities {list(jnp.shape(probabilities))} for space {space.name!r}; give "
            f"{list(expected)}, zero for options that do not exist."
        )
    return jnp.asarray(probabilities)
