"""What an architecture is worth together with its neighbors: plateaus rather than spikes."""

from dataclasses import dataclass, field

import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.patterns import robust_score
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.stats import mixture_moments
from nmjax.types import Acquisition, Array, Gaussian, Mixture


@dataclass(frozen=True)
class Robust:
    """An acquisition of robust scores: each architecture's own, averaged with its neighbors'.

    A search by expected improvement then looks for the best robust score
    (`patterns.robust_score`); its incumbent is the largest expected robust score of an evaluation
    that did not fail. Means, draws and covariances of robust scores are exact, since they are
    sums. Standard deviations are those of perfectly correlated scores, an upper bound. A step
    costs O(K N J) for J neighbors.

    Attributes:
      acquisition: called with the posterior and the context of robust scores.
      weight: share of the neighbors' mean, in [0, 1]; with 0, `acquisition` sees expected scores
        in place of measured ones.

    Raises:
      NmjaxError: the weight is outside [0, 1]; when called, the space has real-valued choices.
    """

    acquisition: Acquisition
    weight: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise NmjaxError(
                f"Got weight={self.weight}, expected a share in [0, 1]: give for instance 0.5."
            )

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        near = context.neighbors
        if near is None:
            raise NmjaxError(
                "Got real-valued choices, which have no neighbors, for a robust acquisition; make "
                "them ordinal choices, or use another acquisition."
            )

        def smooth(values: Array) -> Array:
            return robust_score(near, values, jnp.asarray(self.weight, values.dtype))

        def covariance(rows: Array) -> Array:
            own = smooth(context.covariance(rows))
            around = smooth(context.covariance(near[rows].ravel()))
            of_neighbors = around.reshape(own.shape[0], *near[rows].shape, own.shape[-1])
            return own + self.weight * (jnp.mean(of_neighbors, axis=2) - own)

        mean, std = posterior.components
        smoothed = posterior._replace(components=Gaussian(smooth(mean), smooth(std)))
        expected = jnp.where(context.succeeded, mixture_moments(smoothed).mean, -jnp.inf)
        best = jnp.where(jnp.isfinite(context.best), jnp.max(expected), context.best)
        return self.acquisition(
            key,
            smoothed,
            context._replace(
                best=best, sample=lambda key: smooth(context.sample(key)), covariance=covariance
            ),
        )
