"""Conformance of a `Surrogate`."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.predictors import update_many
from nmjax.testing.compare import (
    Counted,
    assert_close,
    assert_equal,
    assert_finite,
    assert_same_shapes,
    assert_shape,
)
from nmjax.types import Array, Gaussian, PyTree, Surrogate


def check_surrogate(
    surrogate: Surrogate,
    hyper: PyTree,
    x: Array,
    y: Array,
    *,
    log_density: Callable[[PyTree, Array, Array], Array],
    unit: Callable[[PyTree], Array] = lambda _: jnp.ones(()),
    tolerance: float = 1e-3,
    draws: int = 2000,
) -> None:
    """Check a `Surrogate`.

    Shapes; agreement with `jit` and `vmap`; one trace per shape; a failed evaluation changes
    nothing; observations never increase the standard deviation; covariance, marginals and draws
    agree; the evidence is the sum of the one-step-ahead log predictive densities.

    Args:
      surrogate: the surrogate to check, of capacity M or more.
      hyper: its hyperparameters.
      x: float[M, F], distinct.
      y: float[M], none NaN.
      log_density: (state, x float[F], y float[]) -> float[], log density of the next noisy
        observation.
      unit: state -> float[], the unit of all variances, which data may change where it is inferred.
      tolerance: Absolute and relative tolerance of equality.
      draws: Number of joint draws whose moments are compared, within five standard errors.

    Raises:
      AssertionError: a property does not hold.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.testing import check_surrogate
      >>> from nmjax.predictors import default_kernel, gaussian_process, kernel_noise
      >>> from nmjax.stats import gaussian_log_prob
      >>> surrogate, hyper = gaussian_process(1, capacity=3), default_kernel(1)
      >>> def log_density(state, x, y):
      ...     mean, std = surrogate.predict(state, x[None])
      ...     return gaussian_log_prob(y, mean[0], jnp.sqrt(std[0] ** 2 + kernel_noise(hyper)))
      >>> x, y = jnp.array([[0.0], [1.0], [3.0]]), jnp.array([0.1, 0.5, -0.2])
      >>> check_surrogate(surrogate, hyper, x, y, log_density=log_density, draws=200)
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    close = partial(assert_close, tolerance=tolerance)
    update, ahead = Counted(surrogate.update), jax.jit(log_density)
    relative = Counted(lambda state: surrogate.predict(state, x).std / jnp.sqrt(unit(state)))
    state, chain = surrogate.init(hyper), jnp.zeros(())
    assert_equal("evidence before any observation", surrogate.log_evidence(state), 0)
    failed = update(state, x[0], jnp.full_like(y[0], jnp.nan))
    close("state after a failed evaluation", failed, state)
    close(
        "update with and without jit",
        update(state, x[0], y[0]),
        surrogate.update(state, x[0], y[0]),
    )
    std = relative(state)
    for row, score in zip(np.asarray(x), np.asarray(y), strict=True):
        chain = chain + ahead(state, row, score)
        before, state, previous_std = state, update(state, row, score), std
        assert_same_shapes("state after an update", state, before)
        std = relative(state)
        grown = jnp.max(std - previous_std)
        assert grown <= tolerance, f"An observation made the marginals less sure, by {grown}."
    close("evidence and the sum of log predictive densities", surrogate.log_evidence(state), chain)
    update.check_once("update")
    relative.check_once("predict")
    _check_marginals(surrogate, state, x, tolerance)
    _check_draws(surrogate, state, x, draws)

    def fit(y: Array) -> Gaussian:
        return surrogate.predict(update_many(surrogate, surrogate.init(hyper), x, y), x)

    both = jax.jit(jax.vmap(fit))(jnp.stack([y, -y]))
    close("predictions with and without vmap", jax.tree.map(lambda leaf: leaf[1], both), fit(-y))


def _check_marginals(surrogate: Surrogate, state: PyTree, x: Array, tolerance: float) -> None:
    marginals = surrogate.predict(state, x)
    assert_shape("mean", marginals.mean, x.shape[:1])
    assert_shape("std", marginals.std, x.shape[:1])
    assert_finite("marginals", marginals)
    close = partial(assert_close, tolerance=tolerance)
    covariance_of = jax.jit(surrogate.covariance)
    covariance = np.asarray(covariance_of(state, x, x))
    close("covariance's diagonal and squared std", np.diagonal(covariance), marginals.std**2)
    close("covariance and its transpose", covariance, covariance.T)
    part = covariance_of(state, x[:1], x[1:])
    close("covariance of some rows", part, covariance[:1, 1:])
    lowest = np.min(np.linalg.eigvalsh(covariance))
    assert lowest > -tolerance, f"The covariance has the eigenvalue {lowest}."


def _check_draws(surrogate: Surrogate, state: PyTree, x: Array, draws: int) -> None:
    sample = jax.jit(jax.vmap(lambda key: surrogate.sample(key, state, x)))
    first, again = (sample(jax.random.split(jax.random.key(0), draws)) for _ in range(2))
    assert_shape("draws", first, (draws, x.shape[0]))
    assert_finite("draws", first)
    assert_equal("draws of the same keys", again, first)
    drawn = np.asarray(first)
    assert np.any(drawn[0] != drawn[1]), "Two keys gave the same draw."
    mean = np.asarray(surrogate.predict(state, x).mean)
    covariance = np.asarray(jax.jit(surrogate.covariance)(state, x, x))
    variance = np.diagonal(covariance)
    error = 5 * np.sqrt(variance / draws) + 1e-3
    off = np.max(np.abs(np.mean(drawn, axis=0) - mean) - error)
    assert off <= 0, f"The mean of draws is off by {off} more than five standard errors."
    centered = drawn - mean
    spread = variance[:, None] * variance + covariance**2
    error = 5 * np.sqrt(spread / draws) + 1e-3
    off = np.max(np.abs(centered.T @ centered / draws - covariance) - error)
    assert off <= 0, f"The covariance of draws is off by {off} more than five standard errors."
