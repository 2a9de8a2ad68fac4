"""One-step lookahead: the expected gain from the decision after an evaluation."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri

from nmjax.errors import NmjaxError
from nmjax.search.acquisitions.context import AcquisitionContext, noise_free
from nmjax.stats import mixture_moments
from nmjax.types import Array, Mixture

_QUANTILES = 128


@dataclass(frozen=True, kw_only=True)
class KnowledgeGradient:
    """Expected increase of the largest posterior mean of the pool.

    The value is E[max_j (mean_j + z cov(j, x) / std(x))] - max_j mean_j over a standard normal z
    (Frazier, Powell and Dayanik, 2009, "The knowledge-gradient policy for correlated normal
    beliefs"). The expectation is a mean over the midpoints of 128 equal quantiles of z, averaged
    over components.

    Attributes:
      alternatives: Number of rows with the best means that are compared with the evaluated row.

    Raises:
      NmjaxError: `alternatives` is not positive.

    Example:
      >>> from nmjax.search import KnowledgeGradient
      >>> KnowledgeGradient(alternatives=8)
      KnowledgeGradient(alternatives=8)
    """

    alternatives: int = 32

    def __post_init__(self) -> None:
        if self.alternatives < 1:
            raise NmjaxError(f"Got alternatives={self.alternatives}; give 1 or more.")

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        mean, std = posterior.components
        count = min(self.alternatives, mean.shape[-1])
        average = jax.lax.stop_gradient(mixture_moments(posterior).mean)
        rows = jax.lax.top_k(average, count)[1]
        variance = jnp.square(noise_free(posterior, context.noise).components.std)
        middles = (jnp.arange(_QUANTILES, dtype=mean.dtype) + 0.5) / _QUANTILES

        def rise(mean: Array, std: Array, variance: Array, covariance: Array) -> Array:
            before = jnp.maximum(jnp.max(mean[rows]), mean)

            def after(z: Array) -> Array:
                others = mean[rows][:, None] + z * covariance / std[None, :]
                # Select by index: the gradient of jnp.max compares entries with the maximum and is
                # NaN if XLA recomputes the maximum with different rounding.
                best = jnp.argmax(others, axis=0)[None]
                others = jnp.take_along_axis(others, best, axis=0)[0]
                return jnp.maximum(others, mean + z * variance / std)

            return jnp.mean(jax.lax.map(after, ndtri(middles)), axis=0) - before

        gain = jax.vmap(rise)(mean, std, variance, context.covariance(rows))
        return jnp.exp(posterior.log_weights) @ gain
