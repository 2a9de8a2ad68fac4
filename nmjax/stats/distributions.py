"""Conversion to and from TensorFlow Probability, which is imported only when it is used.

Importing it takes most of a second, so that no module of nmjax does so at its top level.
"""

import importlib
from importlib import metadata
from types import ModuleType
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.types import (
    Categorical,
    Dirichlet,
    Gaussian,
    Mixture,
    MultivariateGaussian,
    TruncatedGaussian,
)

Distribution: TypeAlias = (
    Gaussian | MultivariateGaussian | TruncatedGaussian | Categorical | Dirichlet | Mixture
)


def import_tfp() -> ModuleType:
    """Import the JAX substrate of TensorFlow Probability.

    Raises:
      NmjaxError: it is missing, or the stable release has overwritten `tfp-nightly` and fails to
        import with this version of JAX.

    Example:
      >>> from nmjax.stats import import_tfp
      >>> tfd = import_tfp().distributions
      >>> float(tfd.Normal(0.0, 1.0).cdf(0.0))
      0.5
    """
    try:
        return importlib.import_module("tensorflow_probability.substrates.jax")
    except Exception as error:
        try:
            found = f"tensorflow-probability {metadata.version('tensorflow-probability')}"
        except metadata.PackageNotFoundError:
            found = "no stable tensorflow-probability"
        raise NmjaxError(
            f"TensorFlow Probability failed to import ({type(error).__name__}: {error}; {found} is "
            "installed), but nmjax needs `tfp-nightly`, and the two overwrite each other: run "
            "`pip uninstall tensorflow-probability tfp-nightly`, then `pip install tfp-nightly`."
        ) from error


def to_distribution(distribution: Distribution) -> Any:
    """Convert one of nmjax's distributions, such as a prediction, to TensorFlow Probability.

    The last axis N becomes the event, leading axes the batch.

    Args:
      distribution: `Gaussian` becomes `MultivariateNormalDiag`, `MultivariateGaussian` becomes
        `MultivariateNormalTriL`, `TruncatedGaussian` becomes `Independent` of `TruncatedNormal`,
        `Mixture` becomes `MixtureSameFamily`; `Categorical` and `Dirichlet` keep their names.

    Returns:
      A distribution of `tensorflow_probability.substrates.jax`.

    Raises:
      NmjaxError: the kind is unknown, or marginals have no axis N.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import to_distribution
      >>> from nmjax.types import Gaussian
      >>> distribution = to_distribution(Gaussian(jnp.zeros(3), jnp.ones(3)))
      >>> round(float(distribution.log_prob(jnp.zeros(3))), 3)
      -2.757
    """
    tfd = import_tfp().distributions
    # TensorFlow Probability relies on implicit promotion.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        match distribution:
            case Gaussian():
                return tfd.MultivariateNormalDiag(*_marginals(distribution))
            case MultivariateGaussian(mean, scale_tril):
                return tfd.MultivariateNormalTriL(mean, scale_tril)
            case TruncatedGaussian():
                return tfd.Independent(tfd.TruncatedNormal(*_marginals(distribution)), 1)
            case Categorical(logits):
                return tfd.Categorical(logits)
            case Dirichlet(concentration):
                return tfd.Dirichlet(concentration)
            case Mixture(log_weights, Gaussian() as components):
                return tfd.MixtureSameFamily(
                    tfd.Categorical(log_weights), to_distribution(components)
                )
    raise NmjaxError(
        f"Cannot convert {type(distribution).__name__} to TensorFlow Probability: give a Gaussian, "
        "MultivariateGaussian, TruncatedGaussian, Categorical, Dirichlet or Mixture of Gaussians."
    )


def from_distribution(distribution: Any) -> Distribution:
    """Convert a distribution of TensorFlow Probability to nmjax's own.

    Inverse of `to_distribution`. A batch of scalar distributions becomes independent marginals
    along its last axis.

    Args:
      distribution: `Normal`, `TruncatedNormal` or `Independent` of either; any
        `MultivariateNormal`; `Categorical`; `Dirichlet`; `MixtureSameFamily` of normals with a
        diagonal covariance.

    Returns:
      `Gaussian`, `TruncatedGaussian`, `MultivariateGaussian`, `Categorical`, `Dirichlet` or
        `Mixture`.

    Raises:
      NmjaxError: the kind has no counterpart.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.stats import from_distribution, import_tfp
      >>> tfd = import_tfp().distributions
      >>> from_distribution(tfd.Normal(jnp.zeros(2), 1.0)).std
      Array([1., 1.], dtype=float32)
    """
    tfd = import_tfp().distributions
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        match distribution:
            case tfd.Independent() if len(distribution.event_shape) == 1:
                if isinstance(distribution.distribution, tfd.Normal | tfd.TruncatedNormal):
                    return from_distribution(distribution.distribution)
            case tfd.Normal():
                return Gaussian(*_vectors(distribution.loc, distribution.scale))
            case tfd.TruncatedNormal(loc=mean, scale=std, low=low, high=high):
                return TruncatedGaussian(*_vectors(mean, std, low, high))
            case tfd.MultivariateNormalDiag():
                return Gaussian(*_vectors(distribution.mean(), distribution.stddev()))
            case tfd.MultivariateNormalTriL():
                factor = distribution.scale.to_dense()
                signs = jnp.sign(jnp.diagonal(factor, axis1=-2, axis2=-1))
                return MultivariateGaussian(distribution.mean(), factor * signs[..., None, :])
            case tfd.MultivariateNormalLinearOperator() | tfd.MultivariateNormalFullCovariance():
                factor = jnp.linalg.cholesky(distribution.covariance())
                return MultivariateGaussian(distribution.mean(), factor)
            case tfd.Categorical():
                return Categorical(jnp.asarray(distribution.logits_parameter()))
            case tfd.Dirichlet():
                return Dirichlet(jnp.asarray(distribution.concentration))
            case tfd.MixtureSameFamily():
                return _from_mixture(distribution)
    raise NmjaxError(
        f"Cannot convert {type(distribution).__name__} from TensorFlow Probability: give a Normal, "
        "TruncatedNormal or Independent of either, a MultivariateNormal, Categorical, Dirichlet or "
        "MixtureSameFamily of normals."
    )


def _from_mixture(distribution: Any) -> Mixture:
    """The `Mixture` of a MixtureSameFamily, whose components are normal."""
    weights = jax.nn.log_softmax(distribution.mixture_distribution.logits_parameter(), axis=-1)
    family = distribution.components_distribution
    components = from_distribution(family)
    if not isinstance(components, Gaussian):
        raise NmjaxError(
            f"Cannot convert a mixture of {type(family).__name__}: give components that are Normal "
            "or MultivariateNormalDiag."
        )
    if not len(family.event_shape):
        components = Gaussian(*(leaf[..., None] for leaf in components))
    return Mixture(weights, components)


def _marginals(distribution: Gaussian | TruncatedGaussian) -> tuple[jax.Array, ...]:
    """Leaves of one shape, which must have an axis of marginals."""
    leaves = jnp.broadcast_arrays(*distribution)
    if not leaves[0].ndim:
        raise NmjaxError(
            f"Got a {type(distribution).__name__} of scalars, expected leaves float[..., N]: give "
            "the marginals along the last axis."
        )
    return tuple(leaves)


def _vectors(*leaves: jax.Array) -> tuple[jax.Array, ...]:
    """Leaves of one shape, of at least one axis."""
    return tuple(jnp.atleast_1d(leaf) for leaf in jnp.broadcast_arrays(*leaves))
