"""How much an observation teaches, in nats."""

from typing import Any

import jax.numpy as jnp

from nmjax.stats import kullback_leibler_divergence
from nmjax.types import Array


def compute_information_gain(prior: Any, posterior: Any) -> Array:
    """KL(posterior || prior), float[...]: what observations taught beyond the prior.

    Kinds, shapes and errors are those of `stats.kullback_leibler_divergence`, whose arguments come
    in the other order.
    """
    return kullback_leibler_divergence(posterior, prior)


def expected_information_gain(variance: Array, noise_variance: Array) -> Array:
    """Mutual information between the function and one noisy observation of it.

    0.5 log(1 + v / s2). At fixed hyperparameters it adds up over observations, to the mutual
    information of all of them (Srinivas et al., 2010, lemma 5.3).

    Args:
      variance: float[...], v, predictive variance of the noise-free score before the observation.
      noise_variance: float[...], s2, positive.
    """
    variance, noise_variance = jnp.broadcast_arrays(variance, noise_variance)
    return 0.5 * jnp.log1p(variance / noise_variance)


def realized_information_gain(variance: Array, noise_variance: Array, error: Array) -> Array:
    """KL between the posteriors of a Gaussian model after and before one observation.

    0.5 [log(1 + v / s2) + v / (v + s2) (e^2 / (v + s2) - 1)]; its mean over the predictive is
    `expected_information_gain`, and it does not add up over observations.

    Args:
      variance: float[...], v, predictive variance of the noise-free score before the observation.
      noise_variance: float[...], s2, positive.
      error: float[...], e, the observed score less the predictive mean.
    """
    variance, noise_variance, error = jnp.broadcast_arrays(variance, noise_variance, error)
    total = variance + noise_variance
    surprise = jnp.square(error) / total - 1
    return 0.5 * (jnp.log1p(variance / noise_variance) + variance / total * surprise)
