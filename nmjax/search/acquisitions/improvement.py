"""Expected improvement and probability of improvement, and variants of both.

Until an evaluation succeeds there is no best score, and the value is the mean of the score.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc, log_ndtr
from jax.scipy.stats import norm

from nmjax.search.acquisitions.choice import argmax_unevaluated
from nmjax.search.acquisitions.context import (
    AcquisitionContext,
    check_draws,
    noise_free,
    sample_many,
)
from nmjax.search.record import best_score
from nmjax.stats import mixture_moments
from nmjax.types import Array, Gaussian, Mixture

# Levels of the continued fraction, which is used below -5; its relative error there is 1e-8.
_LEVELS = 10


@dataclass(frozen=True)
class ExpectedImprovement:
    """Expected improvement, E[max(score - best, 0)] (Mockus, 1975).

    Example:
      >>> from nmjax.search import BayesianSearch, ExpectedImprovement
      >>> BayesianSearch(acquisition=ExpectedImprovement()).acquisition
      ExpectedImprovement()
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        return _without_logarithm(_log_improvement(posterior, context.best), context.best)


@dataclass(frozen=True)
class LogExpectedImprovement:
    """Logarithm of expected improvement, accurate far below the best score (Ament et al., 2023).

    Attributes:
      noise_free: Whether to ignore the noise of the next evaluation. In a table of architectures,
        noise stands for what only this architecture has, and may be an improvement. Near an
        evaluated point of a real-valued choice it promises improvements that never come.

    Example:
      >>> from nmjax.search import BayesianSearch, LogExpectedImprovement
      >>> BayesianSearch().acquisition == LogExpectedImprovement()
      True
    """

    noise_free: bool = False

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        if self.noise_free:
            posterior = noise_free(posterior, context.noise)
        return _log_improvement(posterior, context.best)


@dataclass(frozen=True)
class ProbabilityOfImprovement:
    """Probability of improvement, P(score > best) (Kushner, 1964).

    Example:
      >>> from nmjax.search import BayesianSearch, ProbabilityOfImprovement
      >>> BayesianSearch(acquisition=ProbabilityOfImprovement()).acquisition
      ProbabilityOfImprovement()
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        value = LogProbabilityOfImprovement()(key, posterior, context)
        return _without_logarithm(value, context.best)


@dataclass(frozen=True)
class LogProbabilityOfImprovement:
    """Logarithm of the probability of improvement, accurate far below the best score.

    Example:
      >>> from nmjax.search import BayesianSearch, LogProbabilityOfImprovement
      >>> BayesianSearch(acquisition=LogProbabilityOfImprovement()).acquisition
      LogProbabilityOfImprovement()
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        log_values = log_ndtr(_standardized(posterior, context.best))
        value = jax.nn.logsumexp(posterior.log_weights[:, None] + log_values, axis=0)
        return _once_begun(value, posterior, context.best)


@dataclass(frozen=True, kw_only=True)
class NoisyExpectedImprovement:
    """Expected improvement of the noise-free score over the best noise-free score so far.

    Under noise, the best evaluation is uncertain (Letham et al., 2019, "Constrained Bayesian
    optimization with noisy experiments"). The value is the mean over joint draws, as in BoTorch. A
    failed evaluation never counts as the best, whatever the model predicts for it.

    Attributes:
      draws: R, number of joint draws. A row that improves in none of them has the value 0.

    Raises:
      NmjaxError: `draws` is not positive.

    Example:
      >>> from nmjax.search import NoisyExpectedImprovement
      >>> NoisyExpectedImprovement(draws=16)
      NoisyExpectedImprovement(draws=16)
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
    """Return the unevaluated row int32[] with the largest expected improvement.

    Args:
      posterior: Marginals float[N] of the score.
      score: float[B], scores so far; NaN is ignored. Without any score, the row with the highest
        mean is returned.
      evaluated: bool[N], rows to leave out.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search.acquisitions import most_improving
      >>> from nmjax.types import Gaussian
      >>> posterior = Gaussian(jnp.array([0.0, 1.0, 2.0]), jnp.ones(3))
      >>> int(most_improving(posterior, jnp.array([0.5]), jnp.array([False, False, True])))
      1
    """
    alone = Gaussian(posterior.mean[None], posterior.std[None])
    one = Mixture(jnp.zeros_like(posterior.mean[:1]), alone)
    return argmax_unevaluated(_log_improvement(one, best_score(score)), evaluated)


def is_worthwhile(
    posterior: Mixture, context: AcquisitionContext, threshold: Array, *, initial: int
) -> Array:
    """Return whether bool[] the expected improvement of an unevaluated row reaches a threshold.

    It is True until the initial design is evaluated and an evaluation has succeeded.

    Args:
      posterior: Predictions for the pool.
      context: Context of the acquisition.
      threshold: float[], smallest expected improvement.
      initial: Number of evaluations of the initial design.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import AcquisitionContext
      >>> from nmjax.search.acquisitions import is_worthwhile
      >>> from nmjax.types import Gaussian, Mixture
      >>> posterior = Mixture(jnp.zeros(1), Gaussian(jnp.zeros((1, 2)), jnp.ones((1, 2))))
      >>> context = AcquisitionContext(*[None] * 10)._replace(
      ...     best=jnp.array(0.0), step=5, evaluated=jnp.array([True, False]))
      >>> [bool(is_worthwhile(posterior, context, jnp.array(x), initial=3)) for x in (0.3, 0.5)]
      [True, False]
    """
    improvement = _log_improvement(posterior, context.best)
    most = jnp.max(jnp.where(context.evaluated, -jnp.inf, improvement))
    too_early = (context.step < initial) | ~jnp.isfinite(context.best)
    return too_early | ~(most < jnp.log(threshold))


def log_standard_improvement(u: Array) -> Array:
    """Return log E[max(u + e, 0)], float[...], for a standard normal e.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search.acquisitions import log_standard_improvement
      >>> round(float(log_standard_improvement(jnp.array(0.0))), 3)
      -0.919
    """
    exponent, factor = _standard_improvement(u)
    return exponent + jnp.log(factor)


def _standard_improvement(u: Array) -> tuple[Array, Array]:
    """Return (exponent, factor) with E[max(u + e, 0)] = exp(exponent) factor, e standard normal.

    The expectation is pdf(u) + u cdf(u), which suffers from cancellation far below 0. Below -5 it
    is computed as pdf(t) / (1 + t (t + 2 / (t + 3 / (t + ...)))) with t = -u, by Laplace's
    continued fraction of the Mills ratio (Abramowitz and Stegun, 1964, 26.2.14).
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
    """Return standard deviations float[K, N] whose squares are positive."""
    std = posterior.components.std
    return jnp.maximum(std, jnp.finfo(std.dtype).tiny ** 0.5)


def _standardized(posterior: Mixture, best: Array) -> Array:
    """Return the means float[K, N] relative to the best score, in standard deviations."""
    known = jnp.where(jnp.isfinite(best), best, 0)
    return (posterior.components.mean - known) / _spread(posterior)


def _log_improvement(posterior: Mixture, best: Array) -> Array:
    """Return log expected improvement float[N], or the mean score without a best score."""
    exponent, factor = _standard_improvement(_standardized(posterior, best))
    exponent = posterior.log_weights[:, None] + exponent
    value = jax.nn.logsumexp(exponent, axis=0, b=_spread(posterior) * factor)
    return _once_begun(value, posterior, best)


def _once_begun(value: Array, posterior: Mixture, best: Array) -> Array:
    """Return the value float[N], or the mean score if there is no best score yet."""
    return jnp.where(jnp.isfinite(best), value, mixture_moments(posterior).mean)


def _without_logarithm(value: Array, best: Array) -> Array:
    """Exponentiate the value float[N]; without a best score it is returned unchanged."""
    return jnp.where(jnp.isfinite(best), jnp.exp(value), value)
