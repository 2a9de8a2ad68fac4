"""Kullback-Leibler divergence between two distributions of one kind."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from nmjax.errors import NmjaxError
from nmjax.stats.gaussian import to_multivariate
from nmjax.stats.tfp import import_tfp
from nmjax.stats.truncated import truncated_gaussian_kl
from nmjax.types import (
    Array,
    Categorical,
    Dirichlet,
    Gaussian,
    Mixture,
    MultivariateGaussian,
    TruncatedGaussian,
)

_OURS = (Gaussian, MultivariateGaussian, TruncatedGaussian, Categorical, Dirichlet, Mixture)


def kullback_leibler_divergence(posterior: Any, prior: Any) -> Array:
    """KL(posterior || prior) in nats: float[...], without the event axis.

    Args:
      posterior: `Gaussian`, `MultivariateGaussian`, `TruncatedGaussian`, `Categorical`,
        `Dirichlet`, or a TensorFlow Probability distribution.
      prior: the same kind as `posterior`, but `Gaussian` and `MultivariateGaussian` also meet each
        other; leading axes broadcast.

    Returns:
      Summed over the last axis N of the marginals of `Gaussian` and `TruncatedGaussian`, whose
      product they are; over options for `Categorical` and `Dirichlet`. For two TensorFlow
      Probability distributions, what its `kl_divergence` returns. Infinite where the posterior's
      support exceeds the prior's.

    Raises:
      NmjaxError: the kinds differ or have no known divergence.
    """
    match posterior, prior:
        case Gaussian(), Gaussian():
            return jnp.sum(_tfp_kl("Normal", posterior, prior), axis=-1)
        case (Gaussian() | MultivariateGaussian(), Gaussian() | MultivariateGaussian()):
            return _multivariate_kl(to_multivariate(posterior), to_multivariate(prior))
        case TruncatedGaussian(), TruncatedGaussian():
            return jnp.sum(truncated_gaussian_kl(posterior, prior), axis=-1)
        case Categorical(), Categorical():
            return _tfp_kl("Categorical", posterior, prior)
        case Dirichlet(), Dirichlet():
            return _tfp_kl("Dirichlet", posterior, prior)
    if isinstance(posterior, _OURS) or isinstance(prior, _OURS):
        raise _no_divergence(posterior, prior)
    tfd = import_tfp().distributions
    if not (isinstance(posterior, tfd.Distribution) and isinstance(prior, tfd.Distribution)):
        raise _no_divergence(posterior, prior)
    try:
        return tfd.kl_divergence(posterior, prior)
    except NotImplementedError as error:
        raise _no_divergence(posterior, prior) from error


def _multivariate_kl(posterior: MultivariateGaussian, prior: MultivariateGaussian) -> Array:
    """By one triangular solve, where TensorFlow Probability takes two side by side.

    Batched, each of two waits for workers of the pool that both run on, and on two cores jaxlib's
    then wait for ever.
    """

    def one(mean: Array, factor: Array, prior_mean: Array, prior_factor: Array) -> Array:
        columns = jnp.concatenate([factor, (mean - prior_mean)[:, None]], axis=1)
        white = solve_triangular(prior_factor, columns, lower=True)
        volume = jnp.sum(jnp.log(jnp.diagonal(prior_factor)) - jnp.log(jnp.diagonal(factor)))
        return 0.5 * (jnp.sum(jnp.square(white)) - mean.size) + volume

    with jax.numpy_rank_promotion("allow"):
        over_leading_axes = jnp.vectorize(one, signature="(n),(n,n),(n),(n,n)->()")
        return over_leading_axes(*posterior, *prior)


def _tfp_kl(name: str, posterior: tuple[Array, ...], prior: tuple[Array, ...]) -> Array:
    """The divergence that TensorFlow Probability registers; it relies on implicit promotion."""
    kind = getattr(import_tfp().distributions, name)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return kind(*posterior).kl_divergence(kind(*prior))


def _no_divergence(posterior: Any, prior: Any) -> NmjaxError:
    return NmjaxError(
        f"No divergence is known from {type(posterior).__name__} to {type(prior).__name__}: give "
        "two Gaussian, MultivariateGaussian, TruncatedGaussian, Categorical or Dirichlet of one "
        "kind, or two TensorFlow Probability distributions with a registered divergence."
    )
