"""Acquisition of scores averaged over neighbors, which prefers plateaus to spikes."""

from dataclasses import dataclass, field

import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.patterns import robust_score
from nmjax.search.acquisitions.choice import acquisition_value
from nmjax.search.acquisitions.context import AcquisitionContext
from nmjax.setting_checks import check_callables
from nmjax.stats import mixture_moments
from nmjax.types import Acquisition, Array, Gaussian, Mixture


@dataclass(frozen=True)
class Robust:
    """Acquisition of robust scores, which average an architecture's score with its neighbors'.

    With expected improvement, the search maximizes the robust score (`patterns.robust_score`); its
    incumbent is the largest expected robust score of a successful evaluation. Means, draws and
    covariances are exact because robust scores are linear. Standard deviations are upper bounds,
    exact for perfectly correlated scores. A step costs O(K N J) for J neighbors.

    Attributes:
      acquisition: Acquisition that receives the posterior and the context of the robust scores.
      weight: Weight of the neighbors' mean, in [0, 1]. With 0, `acquisition` uses expected scores
        in place of measured ones.

    Raises:
      NmjaxError: The weight is outside [0, 1]; when called, the space has real-valued choices.

    Example:
      >>> from nmjax.search import ExpectedImprovement, Robust
      >>> Robust(ExpectedImprovement(), weight=0.3)
      Robust(acquisition=ExpectedImprovement(), weight=0.3)
    """

    acquisition: Acquisition
    weight: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        check_callables(acquisition=self.acquisition)
        if not 0 <= self.weight <= 1:
            raise NmjaxError(
                f"Got weight={self.weight}; give a number in [0, 1], for instance 0.5."
            )

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        near = context.neighbors
        if near is None:
            raise NmjaxError(
                "Got a space with real-valued choices, which have no neighbors, for a robust "
                "acquisition; use ordinal choices instead, or another acquisition."
            )

        def smooth(values: Array) -> Array:
            robust: Array = robust_score(near, values, jnp.asarray(self.weight, values.dtype))
            return robust

        def covariance(rows: Array) -> Array:
            own = smooth(context.covariance(rows))
            around = smooth(context.covariance(near[rows].ravel()))
            of_neighbors = around.reshape(own.shape[0], *near[rows].shape, own.shape[-1])
            return own + self.weight * (jnp.mean(of_neighbors, axis=2) - own)

        mean, std = posterior.components
        smoothed = posterior._replace(components=Gaussian(smooth(mean), smooth(std)))
        expected = jnp.where(context.succeeded, mixture_moments(smoothed).mean, -jnp.inf)
        best = jnp.where(jnp.isfinite(context.best), jnp.max(expected), context.best)
        return acquisition_value(
            self.acquisition,
            key,
            smoothed,
            context._replace(
                best=best, sample=lambda key: smooth(context.sample(key)), covariance=covariance
            ),
        )
