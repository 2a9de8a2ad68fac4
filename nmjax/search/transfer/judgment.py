"""Probability that transfer helps with a task, by logistic regression on replays of past tasks."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from nmjax.optimize import maximize
from nmjax.search.transfer.replay import TransferReplay
from nmjax.stats import Interval, central_range
from nmjax.types import Array

_LEVEL = 0.9
_RESAMPLES = 200
_STEPS = 150


def judge_by_replays(key: Array, replayed: TransferReplay, features: Array) -> Interval:
    """Return the probability float[] that transfer helps with a task, with a 90% interval.

    The model is a logistic regression on standardized features with a standard normal prior of the
    coefficients. The interval refits it with random weights of the tasks (Bayesian bootstrap,
    Rubin, 1981) and with prior means drawn from the prior, so that few tasks give a wide interval.

    Args:
      key: Random key of the resamples.
      replayed: R replays of each of T tasks.
      features: float[F], features of the new task, as from `transfer_features`.
    """
    size = replayed.features.shape[-1]
    known = replayed.features.reshape(-1, size)
    center, spread = jnp.mean(known, axis=0), jnp.maximum(jnp.std(known, axis=0), 1e-3)

    def design(features: Array) -> Array:
        return jnp.append(jnp.ones(1, features.dtype), (features - center) / spread)

    saved = replayed.saved
    inputs = jax.vmap(jax.vmap(design))(replayed.features)
    helped = (saved > 0).astype(saved.dtype) + 0.5 * (saved == 0).astype(saved.dtype)

    def fit(weight: Array, prior_mean: Array) -> Array:
        def objective(coefficients: Array) -> Array:
            logit = inputs @ coefficients
            log_likelihood = helped * jax.nn.log_sigmoid(logit)
            log_likelihood += (1 - helped) * jax.nn.log_sigmoid(-logit)
            fitted = jnp.sum(weight * jnp.mean(log_likelihood, axis=-1))
            return fitted - 0.5 * jnp.sum(jnp.square(coefficients - prior_mean))

        coefficients: Array = maximize(objective, jnp.zeros(size + 1), steps=_STEPS)[0]
        return coefficients

    weights, means = _resample(key, replayed.weight, size=size + 1, dtype=features.dtype)
    probability = jax.nn.sigmoid(jax.vmap(fit)(weights, means) @ design(features))
    return Interval(probability[0], *central_range(probability[1:], level=_LEVEL))


def _resample(key: Array, weight: Array, *, size: int, dtype: DTypeLike) -> tuple[Array, Array]:
    """Return task weights float[1 + n, T] and prior means float[1 + n, size] of n resamples.

    The first row holds the given weights and zero means.
    """
    weight_key, prior_key = jax.random.split(key)
    drawn = jax.random.exponential(weight_key, (_RESAMPLES, len(weight)))
    drawn = drawn * weight[None, :]
    drawn = drawn * jnp.sum(weight) / jnp.sum(drawn, axis=-1, keepdims=True)
    weights = jnp.concatenate([weight[None, :], drawn])
    means = jax.random.normal(prior_key, (_RESAMPLES, size), dtype)
    return weights, jnp.concatenate([jnp.zeros_like(means[:1]), means])
