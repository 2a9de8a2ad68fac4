"""How far an evaluation is expected to be better than the best so far, and how likely.

Before any evaluation nothing can be improved on, and the mean of the score takes the place.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc, log_ndtr
from jax.scipy.stats import norm

from nmjax.search.acquisitions.choice import argmax_unevaluated
from nmjax.search.acquisitions.context import AcquisitionContext, check_draws, sample_many
from nmjax.search.record import best_score
from nmjax.stats import mixture_moments
from nmjax.types import Array, Gaussian, Mixture

# Of a continued fraction whose relative error is 1e-8 at -5, where it begins.
_LEVELS = 10


@dataclass(frozen=True)
class ExpectedImprovement:
    """E[max(score - best, 0)] (Mockus, 1975)."""

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        return _without_logarithm(_log_improvement(posterior, context.best), context.best)


@dataclass(frozen=True)
class LogExpectedImprovement:
    """The logarithm of expected improvement, exact far below the best (Ament et al., 2023)."""

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        return _log_improvement(posterior, context.best)


@dataclass(frozen=True)
class ProbabilityOfImprovement:
    """P(score > best) (Kushner, 1964)."""

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        value = LogProbabilityOfImprovement()(key, posterior, context)
        return _without_logarithm(value, context.best)


@dataclass(frozen=True)
class LogProbabilityOfImprovement:
    """The logarithm of the probability of improvement, exact far below the best."""

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        log_values = log_ndtr(_standardized(posterior, context.best))
        value = jax.nn.logsumexp(posterior.log_weights[:, None] + log_values, axis=0)
        return _once_begun(value, posterior, context.best)


@dataclass(frozen=True, kw_only=True)
class NoisyExpectedImprovement:
    """E[max(f - best f of what was evaluated, 0)] of the noise-free score f.

    Under noise it is uncertain which evaluation is the best (Letham et al., 2019, "Constrained
    Bayesian optimization with noisy experiments"). The value is the mean over joint draws, as in
    BoTorch. A failed evaluation is never the best one, whatever the model predicts for it.

    Attributes:
      draws: R, number of joint draws. A row that improves in none of them has the value 0.

    Raises:
      NmjaxError: there are no draws.
    """

    draws: int = 64

    def __post_init__(self) -> None:
        check_draws(self.draws)

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        draw = sample_many(key, context, self.draws)
        best = jnp.max(jnp.where(context.succeeded[None, :], draw, -jnp.inf), axis=1)
        gain = draw - jnp.where(jnp.isfinite(best), best, 0)[:, None]
        return _once_begun(jnp.mean(jnp.maximum(gain, 0), axis=0), posterior, context.best)


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


def _without_logarithm(value: Array, best: Array) -> Array:
    """The exponential of values float[N]; the values themselves before any evaluation."""
    return jnp.where(jnp.isfinite(best), jnp.exp(value), value)
