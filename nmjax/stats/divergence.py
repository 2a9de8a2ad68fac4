"""Divergences and distances between two distributions."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from nmjax.errors import NmjaxError, check_shape
from nmjax.stats.distributions import from_distribution, import_tfp, to_distribution
from nmjax.stats.gaussian import to_multivariate
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
    """KL(posterior || prior), the Kullback-Leibler divergence in nats: float[...].

    The event axis is summed over. Infinite where the posterior's support exceeds the prior's.

    Args:
      posterior: `Gaussian`, `MultivariateGaussian`, `TruncatedGaussian`, `Categorical`,
        `Dirichlet`, or a TensorFlow Probability distribution.
      prior: a distribution of the same kind, where `Gaussian` and `MultivariateGaussian` count as
        one; leading axes broadcast. A TensorFlow Probability distribution beside one of nmjax's is
        converted by `from_distribution`.

    Returns:
      The sum over the last axis N of the marginals of `Gaussian` and `TruncatedGaussian`, whose
      product they are; the sum over options for `Categorical` and `Dirichlet`. For two TensorFlow
      Probability distributions, the result of their registered `kl_divergence`.

    Raises:
      NmjaxError: the kinds have no known divergence, or the shapes differ.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import kullback_leibler_divergence
      >>> from nmjax.types import Gaussian
      >>> posterior = Gaussian(jnp.array([1.0, 0.0]), jnp.ones(2))
      >>> kullback_leibler_divergence(posterior, Gaussian(jnp.zeros(2), jnp.ones(2)))
      Array(0.5, dtype=float32)
    """
    pair = posterior, prior
    ours = [isinstance(distribution, _OURS) for distribution in pair]
    if all(ours):
        return _own_divergence(posterior, prior)
    kind = import_tfp().distributions.Distribution
    if not all(isinstance(distribution, (*_OURS, kind)) for distribution in pair):
        raise _no_divergence(posterior, prior)
    if not any(ours):
        return _registered_divergence(posterior, prior)
    theirs = prior if ours[0] else posterior
    try:
        converted = from_distribution(theirs)
    except NmjaxError:
        return _registered_divergence(
            *(to_distribution(one) if own else one for one, own in zip(pair, ours, strict=True))
        )
    return _own_divergence(
        *(one if own else converted for one, own in zip(pair, ours, strict=True))
    )


def wasserstein(a: Array, b: Array, a_weight: Array, b_weight: Array) -> Array:
    """Wasserstein-1 distance float[] of two weighted samples of one variable.

    The area between their distribution functions (Vallender, 1974). Points of weight 0 are ignored
    but must be finite.

    Args:
      a: float[A].
      b: float[B].
      a_weight: float[A], non-negative, of sum 1.
      b_weight: float[B], non-negative, of sum 1.

    Raises:
      NmjaxError: the shapes differ from these.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import wasserstein
      >>> half = jnp.array([0.5, 0.5])
      >>> wasserstein(jnp.array([0.0, 1.0]), jnp.array([2.0, 3.0]), half, half)
      Array(2., dtype=float32)
    """
    check_shape("a", jnp.shape(a), (None,))
    check_shape("b", jnp.shape(b), (None,))
    check_shape("a_weight", jnp.shape(a_weight), jnp.shape(a))
    check_shape("b_weight", jnp.shape(b_weight), jnp.shape(b))
    points = jnp.concatenate([a, b])
    order = jnp.argsort(points)
    excess = jnp.cumsum(jnp.concatenate([a_weight, -b_weight])[order])
    return jnp.sum(jnp.abs(excess[:-1]) * jnp.diff(points[order]))


def _own_divergence(posterior: Any, prior: Any) -> Array:
    """The divergence between two of nmjax's own distributions."""
    _check_shapes(posterior, prior)
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
    raise _no_divergence(posterior, prior)


def _registered_divergence(posterior: Any, prior: Any) -> Array:
    """The divergence that TensorFlow Probability registers for two of its distributions.

    Where there is none, vector-valued distributions are converted to nmjax's own.
    """
    tfd = import_tfp().distributions
    try:
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            divergence: Array = tfd.kl_divergence(posterior, prior)
        return divergence
    except NotImplementedError as error:
        if len(posterior.event_shape) != 1 or len(prior.event_shape) != 1:
            raise _no_divergence(posterior, prior) from error
    try:
        both = from_distribution(posterior), from_distribution(prior)
    except NmjaxError as error:
        raise _no_divergence(posterior, prior) from error
    return _own_divergence(*both)


def _check_shapes(posterior: Any, prior: Any) -> None:
    """Refuses events of different sizes, and leading axes that do not broadcast."""
    shapes = [_shape(posterior), _shape(prior)]
    sizes = [shape[-1] for shape in shapes if shape]
    one = isinstance(posterior, Gaussian | TruncatedGaussian) and isinstance(
        prior, Gaussian | TruncatedGaussian
    )
    try:
        jnp.broadcast_shapes(*(shape[:-1] for shape in shapes))
        fits = len(sizes) == 2 and (sizes[0] == sizes[1] or (one and 1 in sizes))
    except ValueError:
        fits = False
    if not fits:
        raise NmjaxError(
            f"Got distributions of shapes {list(shapes[0])} and {list(shapes[1])}, expected the "
            "same last axis and leading axes that broadcast: compare distributions over the same "
            "values."
        )


def _shape(distribution: Any) -> tuple[int, ...]:
    """Leading axes and event size float[..., N] of a distribution."""
    if isinstance(distribution, Gaussian | TruncatedGaussian):
        return jnp.broadcast_shapes(*(jnp.shape(leaf) for leaf in distribution))
    if isinstance(distribution, MultivariateGaussian):
        mean, scale = (jnp.shape(leaf) for leaf in distribution)
        return jnp.broadcast_shapes(mean, scale[:-1])
    return jnp.shape(distribution[0])


def _multivariate_kl(posterior: MultivariateGaussian, prior: MultivariateGaussian) -> Array:
    """The closed form by one triangular solve, where TensorFlow Probability takes two.

    Batched, two solves run concurrently and each waits for workers of the pool that both run on;
    on two cores jaxlib's then never finish.
    """

    def one(mean: Array, factor: Array, prior_mean: Array, prior_factor: Array) -> Array:
        columns = jnp.concatenate([factor, (mean - prior_mean)[:, None]], axis=1)
        white = solve_triangular(prior_factor, columns, lower=True)
        volume = jnp.sum(jnp.log(jnp.diagonal(prior_factor)) - jnp.log(jnp.diagonal(factor)))
        return 0.5 * (jnp.sum(jnp.square(white)) - mean.size) + volume

    with jax.numpy_rank_promotion("allow"):
        over_leading_axes = jnp.vectorize(one, signature="(n),(n,n),(n),(n,n)->()")
        divergence: Array = over_leading_axes(*posterior, *prior)
    return divergence


def _tfp_kl(name: str, posterior: tuple[Array, ...], prior: tuple[Array, ...]) -> Array:
    """The divergence that TensorFlow Probability registers; it relies on implicit promotion."""
    kind = getattr(import_tfp().distributions, name)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        divergence: Array = kind(*posterior).kl_divergence(kind(*prior))
    return divergence


def _no_divergence(posterior: Any, prior: Any) -> NmjaxError:
    return NmjaxError(
        f"No divergence is known from {type(posterior).__name__} to {type(prior).__name__}: give "
        "two Gaussian, MultivariateGaussian, TruncatedGaussian, Categorical or Dirichlet of one "
        "kind, or TensorFlow Probability distributions with a registered divergence."
    )
