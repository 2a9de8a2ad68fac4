"""What an architecture is worth together with its neighbors: plateaus rather than spikes."""

import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.errors import NmjaxError
from nmjax.patterns import robust_score
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.stats import mixture_moments
from nmjax.types import Acquisition, Array, Gaussian, Mixture


@cached_factory
def robust(acquire: Acquisition, *, weight: float = 0.5) -> Acquisition:
    """An acquisition of robust scores: each architecture's own, and its neighbors' by `weight`.

    So a search by expected improvement looks for the best robust score (`patterns.robust_score`),
    where its incumbent is the largest expected one of an evaluation that did not fail. Means, draws
    and covariances of robust scores are exact, as they are sums; standard deviations are those of
    scores that err together, which is the most they can be. O(K N J) a step, for J neighbors.

    Args:
      acquire: of posterior and context, both given as those of robust scores.
      weight: of the neighbors' mean, in [0, 1]; 0 is `acquire` with expected scores for measured
        ones.

    Raises:
      NmjaxError: the weight is outside [0, 1]; of the acquisition, there are real-valued choices.
    """
    if not 0 <= weight <= 1:
        raise NmjaxError(f"Got weight={weight}, expected a share in [0, 1]: give for instance 0.5.")

    def robust_acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        near = context.neighbors
        if near is None:
            raise NmjaxError(
                "Got real-valued choices, which have no neighbors, for a robust acquisition; make "
                "them ordinal choices, or use another acquisition."
            )

        def smooth(values: Array) -> Array:
            return robust_score(near, values, jnp.asarray(weight, values.dtype))

        def covariance(rows: Array) -> Array:
            own = smooth(context.covariance(rows))
            around = smooth(context.covariance(near[rows].ravel()))
            of_neighbors = around.reshape(own.shape[0], *near[rows].shape, own.shape[-1])
            return own + weight * (jnp.mean(of_neighbors, axis=2) - own)

        mean, std = posterior.components
        smoothed = posterior._replace(components=Gaussian(smooth(mean), smooth(std)))
        expected = jnp.where(context.succeeded, mixture_moments(smoothed).mean, -jnp.inf)
        best = jnp.where(jnp.isfinite(context.best), jnp.max(expected), context.best)
        return acquire(
            key,
            smoothed,
            context._replace(
                best=best, sample=lambda key: smooth(context.sample(key)), covariance=covariance
            ),
        )

    return robust_acquire
