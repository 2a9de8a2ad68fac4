"""Acquisitions: how much an evaluation is worth, for every architecture of the pool.

Each factory returns a pure function (key, posterior, context) -> float[N] of a mixture of Gaussian
marginals; the architecture with the largest value is evaluated next.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jax.scipy.stats import norm

from nmjax.errors import unknown_name
from nmjax.stats import mixture_moments
from nmjax.types import Acquisition, Array, Mixture


class AcquisitionContext(NamedTuple):
    """What an acquisition may use besides the posterior.

    Attributes:
      best: float[], the best score so far, in the posterior's units; -inf before any.
      exploration: float[], how many standard deviations of optimism where the acquisition has any.
      sample: key -> float[N], one joint draw of the function over the pool.
    """

    best: Array
    exploration: Array
    sample: Callable[[Array], Array]


def expected_improvement() -> Acquisition:
    """E[max(score - best, 0)] (Mockus, 1975); the mean of the score before any evaluation."""
    log_improvement = log_expected_improvement()

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        value = log_improvement(key, posterior, context)
        return jnp.where(jnp.isfinite(context.best), jnp.exp(value), value)

    return acquire


def log_expected_improvement() -> Acquisition:
    """The logarithm of expected improvement, exact far below the best (Ament et al., 2023)."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del key
        started = jnp.isfinite(context.best)
        best = jnp.where(started, context.best, 0)
        mean, std = posterior.components
        std = jnp.maximum(std, jnp.finfo(std.dtype).tiny ** 0.5)
        log_values = jnp.log(std) + log_standard_improvement((mean - best) / std)
        value = jax.nn.logsumexp(posterior.log_weights[:, None] + log_values, axis=0)
        return jnp.where(started, value, mixture_moments(posterior).mean)

    return acquire


def log_standard_improvement(u: Array) -> Array:
    """log E[max(u + e, 0)], float[...], for a standard normal e.

    log(pdf(u) + u cdf(u)), by the asymptotic series of the Mills ratio below -10, where float32
    would cancel.
    """
    safe = jnp.where(u > -5, u, 0)
    near = jnp.log(norm.pdf(safe) + safe * norm.cdf(safe))
    tail = jnp.where(u > -5, -5.0, u).astype(u.dtype)
    log_pdf = norm.logpdf(tail)
    mills = jnp.exp(log_ndtr(tail) - log_pdf)
    direct = jnp.log(jnp.maximum(1 + tail * mills, jnp.finfo(u.dtype).tiny))
    inverse = 1 / jnp.square(tail)
    series = jnp.log(inverse) + jnp.log1p(-3 * inverse + 15 * inverse**2)
    return jnp.where(u > -5, near, log_pdf + jnp.where(tail > -10, direct, series))


def upper_confidence_bound() -> Acquisition:
    """Mean + exploration * std of the mixture (Srinivas et al., 2010)."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del key
        moments = mixture_moments(posterior)
        return moments.mean + context.exploration * moments.std

    return acquire


def thompson_sampling() -> Acquisition:
    """One joint draw of the function (Thompson, 1933)."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del posterior
        return context.sample(key)

    return acquire


ACQUISITIONS: dict[str, Callable[[], Acquisition]] = {
    "expected_improvement": expected_improvement,
    "log_expected_improvement": log_expected_improvement,
    "upper_confidence_bound": upper_confidence_bound,
    "thompson_sampling": thompson_sampling,
}


def get_acquisition(name: str) -> Acquisition:
    """The acquisition of that name.

    Raises:
      NmjaxError: no acquisition has that name.
    """
    if name not in ACQUISITIONS:
        raise unknown_name("acquisition", name, ACQUISITIONS)
    return ACQUISITIONS[name]()
