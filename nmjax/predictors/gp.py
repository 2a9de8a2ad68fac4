"""A Gaussian process that grows by a row an observation, by matrix products alone.

What is kept is the inverse of the observations' Cholesky factor, as in `pooled`: no solve is left,
so that any number of processes may run side by side.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.predictors.density import inverse_factor, log_density_of_white
from nmjax.predictors.kernel import (
    NOISE_FLOOR,
    KernelParams,
    kernel_covariance,
    kernel_noise,
    kernel_variance,
    noisy_covariance,
)
from nmjax.stats import from_covariance, positive_root
from nmjax.types import Array, Gaussian


class GPState(NamedTuple):
    """The posterior of a Gaussian process, padded to B observations.

    Attributes:
      params: hyperparameters.
      x: float[B, D], where was observed.
      inverse: float[B, B], of the lower Cholesky factor of the noisy covariance; 0 where padded.
      white: float[B], the scores whitened by it; 0 where padded.
      number: int32[], observations so far.
      log_evidence: float[], of the observations so far.
    """

    params: KernelParams
    x: Array
    inverse: Array
    white: Array
    number: Array
    log_evidence: Array


class GaussianProcess(NamedTuple):
    """The `Surrogate` of a Gaussian process with a Matern kernel and an unknown constant.

    Attributes:
      size: D, of features.
      capacity: B, the largest number of observations.
    """

    size: int
    capacity: int

    def _whiten(self, state: GPState, points: Array) -> Array:
        """Whitened covariances float[B, N] between the observations and points float[N, D]."""
        return state.inverse @ kernel_covariance(state.params, state.x, points)

    def init(self, hyper: KernelParams) -> GPState:
        """The state before any observation."""
        rows, dtype = self.capacity, jnp.result_type(hyper.log_relevance)
        return GPState(
            hyper,
            jnp.zeros((rows, self.size), dtype),
            jnp.zeros((rows, rows), dtype),
            jnp.zeros((rows,), dtype),
            jnp.zeros((), jnp.int32),
            jnp.zeros((), dtype),
        )

    def update(self, state: GPState, x: Array, y: Array) -> GPState:
        """Condition on one observation: x float[D], y float[]; NaN teaches nothing. O(B^2).

        More than B observations are not kept; a search is given the capacity of its budget.
        """
        skipped = jnp.isnan(y) | (state.number >= self.capacity)
        cross = self._whiten(state, x[None, :])[:, 0]
        prior = kernel_covariance(state.params, x[None, :], x[None, :])[0, 0]
        noise = kernel_noise(state.params)
        spread = jnp.maximum(prior - cross @ cross, 0) + noise
        white = (jnp.where(jnp.isnan(y), 0, y) - cross @ state.white) / jnp.sqrt(spread)
        # The observation less what the earlier ones say of it.
        contrast = (-cross @ state.inverse).at[state.number].set(1) / jnp.sqrt(spread)
        updated = state._replace(
            x=state.x.at[state.number].set(x),
            inverse=state.inverse.at[state.number].set(contrast),
            white=state.white.at[state.number].set(white),
            number=state.number + 1,
            log_evidence=state.log_evidence - 0.5 * (white**2 + jnp.log(2 * jnp.pi * spread)),
        )
        return jax.tree.map(lambda old, new: jnp.where(skipped, old, new), state, updated)

    def condition(self, hyper: KernelParams, x: Array, y: Array) -> GPState:
        """Condition on all B observations at once: x float[B, D], y float[B]; O(B^3).

        NaN teaches nothing, and its place stays empty; the state has no room for others.
        """
        counts = ~jnp.isnan(y)
        inverse = inverse_factor(noisy_covariance(hyper, x), counts)
        white = inverse @ jnp.where(counts, y, 0)
        number = jnp.full((), self.capacity, jnp.int32)
        return GPState(hyper, x, inverse, white, number, log_density_of_white(inverse, white))

    def predict(self, state: GPState, pool: Array) -> Gaussian:
        """Marginals of the noise-free score at pool float[N, D]. O(N B^2)."""
        cross = self._whiten(state, pool)
        variance = kernel_variance(state.params) - jnp.sum(cross * cross, axis=0)
        return Gaussian(state.white @ cross, positive_root(variance))

    def sample(self, key: Array, state: GPState, pool: Array) -> Array:
        """One joint draw of the function, float[N], at pool float[N, D]. O(N^3).

        Each value varies by `NOISE_FLOOR` of the prior variance more than the function does.
        """
        mean = self.predict(state, pool).mean
        scale = from_covariance(mean, self._jittered(state, pool)).scale_tril
        return mean + scale @ jax.random.normal(key, mean.shape, mean.dtype)

    def _jittered(self, state: GPState, pool: Array) -> Array:
        covariance = self.covariance(state, pool, pool)
        least = NOISE_FLOOR * kernel_variance(state.params)
        return covariance + least * jnp.eye(pool.shape[0], dtype=covariance.dtype)

    def covariance(self, state: GPState, a: Array, b: Array) -> Array:
        """Posterior covariance float[A, B] of the function between a float[A, D], b float[B, D]."""
        white = self._whiten(state, jnp.concatenate([a, b]))
        return kernel_covariance(state.params, a, b) - white[:, : len(a)].T @ white[:, len(a) :]

    def log_evidence(self, state: GPState) -> Array:
        """Log marginal likelihood float[] of all observations."""
        return state.log_evidence


def gaussian_process(size: int, *, capacity: int) -> GaussianProcess:
    """A Gaussian process as a `Surrogate`; its hyperparameters are `KernelParams`.

    Args:
      size: of features, D.
      capacity: the largest number of observations, B; memory is O(B^2).

    Raises:
      NmjaxError: the capacity is not positive.
    """
    if capacity < 1:
        raise NmjaxError(f"Got capacity={capacity}; give the largest number of observations.")
    return GaussianProcess(size, capacity)
