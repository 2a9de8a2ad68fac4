"""Information gained from observations, in nats."""

from typing import Any

import jax.numpy as jnp

from nmjax.stats import kullback_leibler_divergence
from nmjax.types import Array


def compute_information_gain(prior: Any, posterior: Any) -> Array:
    """Information gain KL(posterior || prior), float[...], in nats.

    Distributions, shapes and errors are those of `nmjax.stats.kullback_leibler_divergence`, whose
    arguments come in the opposite order.

    Args:
      prior: Distribution before the observations.
      posterior: Distribution after them, of the same class.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import compute_information_gain
      >>> from nmjax.types import Gaussian
      >>> one = jnp.ones(1)
      >>> float(compute_information_gain(Gaussian(0 * one, one), Gaussian(one, one)))
      0.5
    """
    return kullback_leibler_divergence(posterior, prior)


def expected_information_gain(variance: Array, noise_variance: Array) -> Array:
    """Mutual information between a function and one noisy observation of it.

    It equals 0.5 log(1 + v / s2). At fixed hyperparameters its sum over successive observations is
    the mutual information of all of them (Srinivas et al., 2010, lemma 5.3).

    Args:
      variance: float[...], v, predictive variance of the noise-free score before the observation.
      noise_variance: float[...], s2, positive.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import expected_information_gain
      >>> round(float(expected_information_gain(jnp.array(1.0), jnp.array(1.0))), 4)
      0.3466
    """
    variance, noise_variance = jnp.broadcast_arrays(variance, noise_variance)
    return 0.5 * jnp.log1p(variance / noise_variance)


def realized_information_gain(variance: Array, noise_variance: Array, error: Array) -> Array:
    """Divergence of a Gaussian model's posterior after one observation from the one before it.

    It equals 0.5 [log(1 + v / s2) + v / (v + s2) (e^2 / (v + s2) - 1)]. Its mean over the
    predictive distribution is `expected_information_gain`. Its sum over observations is not the
    divergence of all of them.

    Args:
      variance: float[...], v, predictive variance of the noise-free score before the observation.
      noise_variance: float[...], s2, positive.
      error: float[...], e, observed score minus the predictive mean.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import realized_information_gain
      >>> one = jnp.array(1.0)
      >>> round(float(realized_information_gain(one, one, 2 * one)), 4)
      0.5966
    """
    variance, noise_variance, error = jnp.broadcast_arrays(variance, noise_variance, error)
    total = variance + noise_variance
    surprise = jnp.square(error) / total - 1
    return 0.5 * (jnp.log1p(variance / noise_variance) + variance / total * surprise)
