"""A Gaussian process that is updated by one row per observation, by matrix products alone.

The state holds the inverse of the observations' Cholesky factor, as in `pool`. Without solves, any
number of processes can run concurrently.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, check_shape
from nmjax.predictors.kernel import (
    NOISE_FLOOR,
    KernelParams,
    kernel_covariance,
    kernel_noise,
    kernel_variance,
    noisy_covariance,
)
from nmjax.predictors.normal_density import inverse_factor, log_density_of_white
from nmjax.stats import from_covariance, positive_root
from nmjax.types import Array, Gaussian


class GPState(NamedTuple):
    """Posterior of a Gaussian process, padded to B observations.

    Attributes:
      params: hyperparameters.
      x: float[B, D], the observed points.
      inverse: float[B, B], inverse of the lower Cholesky factor of the noisy covariance; 0 where
        padded.
      white: float[B], the whitened scores; 0 where padded.
      number: int32[], number of observations so far.
      log_evidence: float[], log marginal likelihood of the observations so far.

    Example:
      >>> from nmjax.predictors import default_kernel, gaussian_process
      >>> state = gaussian_process(2, capacity=4).init(default_kernel(2))
      >>> state.inverse.shape
      (4, 4)
    """

    params: KernelParams
    x: Array
    inverse: Array
    white: Array
    number: Array
    log_evidence: Array


class GaussianProcess(NamedTuple):
    """Gaussian process with a Matern-5/2 kernel and an unknown constant; implements `Surrogate`.

    Attributes:
      size: Number of features, D.
      capacity: Largest number of observations, B.

    Example:
      >>> from nmjax.predictors import GaussianProcess, default_kernel
      >>> GaussianProcess(size=2, capacity=4).init(default_kernel(2)).x.shape
      (4, 2)
    """

    size: int
    capacity: int

    def _whiten(self, state: GPState, points: Array) -> Array:
        """Whitened covariances float[B, N] between the observations and points float[N, D]."""
        return state.inverse @ kernel_covariance(state.params, state.x, points)

    def init(self, hyper: KernelParams) -> GPState:
        """Return the state before any observation."""
        if jnp.shape(hyper.log_relevance) not in ((self.size,), (1,)):
            raise NmjaxError(
                f"Got relevances of shape {list(jnp.shape(hyper.log_relevance))}, expected "
                f"[{self.size}] or [1]: give one for each feature, or one for all."
            )
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
        """Condition on one observation: x float[D], y float[]; O(B^2).

        A NaN leaves the state unchanged, and so does any observation after the first B.
        """
        check_shape("x", jnp.shape(x), (self.size,))
        check_shape("y", jnp.shape(y), ())
        skipped = jnp.isnan(y) | (state.number >= self.capacity)
        cross = self._whiten(state, x[None, :])[:, 0]
        prior = kernel_covariance(state.params, x[None, :], x[None, :])[0, 0]
        noise = kernel_noise(state.params)
        spread = jnp.maximum(prior - cross @ cross, 0) + noise
        white = (jnp.where(jnp.isnan(y), 0, y) - cross @ state.white) / jnp.sqrt(spread)
        # The observation minus its projection on the earlier ones.
        contrast = (-cross @ state.inverse).at[state.number].set(1) / jnp.sqrt(spread)
        updated = state._replace(
            x=state.x.at[state.number].set(x),
            inverse=state.inverse.at[state.number].set(contrast),
            white=state.white.at[state.number].set(white),
            number=state.number + 1,
            log_evidence=state.log_evidence - 0.5 * (white**2 + jnp.log(2 * jnp.pi * spread)),
        )
        kept: GPState = jax.tree.map(lambda old, new: jnp.where(skipped, old, new), state, updated)
        return kept

    def condition(self, hyper: KernelParams, x: Array, y: Array) -> GPState:
        """Condition on B observations at once: x float[B, D], y float[B]; O(B^3).

        Rows with a NaN score are left out, but use up their slot.
        """
        check_shape("x", jnp.shape(x), (self.capacity, self.size))
        check_shape("y", jnp.shape(y), (self.capacity,))
        counts = ~jnp.isnan(y)
        inverse = inverse_factor(noisy_covariance(hyper, x), counts)
        white = inverse @ jnp.where(counts, y, 0)
        number = jnp.full((), self.capacity, jnp.int32)
        return GPState(hyper, x, inverse, white, number, log_density_of_white(inverse, white))

    def predict(self, state: GPState, pool: Array) -> Gaussian:
        """Marginals of the noise-free score at pool float[N, D]. O(N B^2)."""
        check_shape("pool", jnp.shape(pool), (None, self.size))
        cross = self._whiten(state, pool)
        variance = kernel_variance(state.params) - jnp.sum(cross * cross, axis=0)
        return Gaussian(state.white @ cross, positive_root(variance))

    def sample(self, key: Array, state: GPState, pool: Array) -> Array:
        """Draw the function once, jointly at pool float[N, D]: float[N]; O(N^3).

        For numerical stability, each value has `NOISE_FLOOR` times the prior variance added.
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
    """Create a Gaussian process as a `Surrogate`, whose hyperparameters are `KernelParams`.

    Args:
      size: Number of features, D.
      capacity: Largest number of observations, B; memory is O(B^2).

    Raises:
      NmjaxError: the size or the capacity is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import default_kernel, gaussian_process
      >>> surrogate = gaussian_process(2, capacity=4)
      >>> state = surrogate.init(default_kernel(2))
      >>> state = surrogate.update(state, jnp.zeros(2), jnp.array(1.0))
      >>> surrogate.predict(state, jnp.zeros((3, 2))).mean.shape
      (3,)
    """
    if size < 1 or capacity < 1:
        raise NmjaxError(
            f"Got size={size} and capacity={capacity}, expected at least 1 of each: give the "
            "number of features and the largest number of observations."
        )
    return GaussianProcess(size, capacity)
