"""How far an evaluation is expected to be better than the best so far, and how likely.

Before any evaluation nothing can be improved on, and the mean of the score takes the place.
"""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc, log_ndtr
from jax.scipy.stats import norm

from nmjax.cached_factory import cached_factory
from nmjax.search.acquisitions.choice import argmax_unevaluated
from nmjax.search.acquisitions.context import AcquisitionContext, sample_many
from nmjax.search.record import best_score
from nmjax.stats import mixture_moments
from nmjax.types import Acquisition, Array, Gaussian, Mixture

# Of a continued fraction whose relative error is 1e-8 at -5, where it begins.
_LEVELS = 10


@cached_factory
def expected_improvement() -> Acquisition:
    """E[max(score - best, 0)] (Mockus, 1975)."""
    return _without_logarithm(log_expected_improvement())


@cached_factory
def log_expected_improvement() -> Acquisition:
    """The logarithm of expected improvement, exact far below the best (Ament et al., 2023)."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del key
        return _log_improvement(posterior, context.best)

    return acquire


@cached_factory
def probability_of_improvement() -> Acquisition:
    """P(score > best) (Kushner, 1964)."""
    return _without_logarithm(log_probability_of_improvement())


@cached_factory
def log_probability_of_improvement() -> Acquisition:
    """The logarithm of the probability of improvement, exact far below the best."""

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        del key
        log_values = log_ndtr(_standardized(posterior, context.best))
        value = jax.nn.logsumexp(posterior.log_weights[:, None] + log_values, axis=0)
        return _once_begun(value, posterior, context.best)

    return acquire


@cached_factory
def noisy_expected_improvement(*, draws: int = 64) -> Acquisition:
    """E[max(f - best f of what was evaluated, 0)] of the noise-free score f.

    Which evaluation is the best is unsure where they are noisy (Letham et al., 2019, "Constrained
    Bayesian optimization with noisy experiments"); here the mean over joint draws, as in BoTorch.
    What failed is no best one, whatever is predicted of it.

    Args:
      draws: R. Rows that improve in none have the value 0.
    """

    def acquire(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        draw = sample_many(key, context, draws)
        best = jnp.max(jnp.where(context.succeeded[None, :], draw, -jnp.inf), axis=1)
        gain = draw - jnp.where(jnp.isfinite(best), best, 0)[:, None]
        return _once_begun(jnp.mean(jnp.maximum(gain, 0), axis=0), posterior, context.best)

    return acquire


def most_improving(posterior: Gaussian, score: Array, evaluated: Array) -> Array:
    """The row int32[] that expected improvement over the best of scores would evaluate next.

    Args:
      posterior: marginals float[N].
      score: float[B], so far; NaN does not count. Without any the highest mean is next.
      evaluated: bool[N], rows that are left out.
    """
    alone = Gaussian(posterior.mean[None], posterior.std[None])
    one = Mixture(jnp.zeros_like(posterior.mean[:1]), alone)
    return argmax_unevaluated(_log_improvement(one, best_score(score)), evaluated)


def log_standard_improvement(u: Array) -> Array:
    """log E[max(u + e, 0)], float[...], for a standard normal e."""
    exponent, factor = _standard_improvement(u)
    return exponent + jnp.log(factor)


def _standard_improvement(u: Array) -> tuple[Array, Array]:
    """E[max(u + e, 0)] for a standard normal e as (exponent, factor), exp(exponent) factor.

    It is pdf(u) + u cdf(u), which cancels far below 0. There Laplace's continued fraction of the
    Mills ratio (Abramowitz and Stegun, 1964, 26.2.14) makes it, with t = -u,
    pdf(t) / (1 + t (t + 2 / (t + 3 / (t + ...)))).
    """
    near = u > -5
    safe = jnp.where(near, u, 0)
    direct = norm.pdf(safe) + 0.5 * safe * erfc(-safe / math.sqrt(2))
    t = jnp.where(near, 5.0, -u).astype(u.dtype)
    fraction = t
    for k in range(_LEVELS, 1, -1):
        fraction = t + k / fraction
    exponent, factor = jnp.where(near, 0, norm.logpdf(t)), 1 / (1 + t * fraction)
    return exponent, jnp.where(near, direct, factor)


def _spread(posterior: Mixture) -> Array:
    """Standard deviations float[K, N] by which one may divide, the square too."""
    std = posterior.components.std
    return jnp.maximum(std, jnp.finfo(std.dtype).tiny ** 0.5)


def _standardized(posterior: Mixture, best: Array) -> Array:
    """How far float[K, N] means are above the best score, in standard deviations."""
    known = jnp.where(jnp.isfinite(best), best, 0)
    return (posterior.components.mean - known) / _spread(posterior)


def _log_improvement(posterior: Mixture, best: Array) -> Array:
    """The logarithm float[N] of expected improvement; the mean of the score before any."""
    exponent, factor = _standard_improvement(_standardized(posterior, best))
    exponent = posterior.log_weights[:, None] + exponent
    value = jax.nn.logsumexp(exponent, axis=0, b=_spread(posterior) * factor)
    return _once_begun(value, posterior, best)


def _once_begun(value: Array, posterior: Mixture, best: Array) -> Array:
    """The value float[N]; the mean of the score before any evaluation."""
    return jnp.where(jnp.isfinite(best), value, mixture_moments(posterior).mean)


def _without_logarithm(acquire: Acquisition) -> Acquisition:
    """What an acquisition is the logarithm of; the same as it before any evaluation."""

    def exponential(key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        value = acquire(key, posterior, context)
        return jnp.where(jnp.isfinite(context.best), jnp.exp(value), value)

    return exponential
