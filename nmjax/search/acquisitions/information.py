"""What an evaluation is expected to teach, in nats: of the function, its optimum, its affinity."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jax.scipy.stats import norm

from nmjax.knowledge import expected_information_gain
from nmjax.search.acquisitions.context import (
    AcquisitionContext,
    check_draws,
    noise_free,
    sample_many,
)
from nmjax.stats import gaussian_log_prob, mixture_moments
from nmjax.types import Array, Mixture

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


@dataclass(frozen=True)
class InformationAboutFunction:
    """Mutual information of the evaluation and the function, averaged over components.

    0.5 log(1 + v / s2) for the variance v of the noise-free score and s2 of an evaluation's noise
    (MacKay, 1992, "Information-based objective functions for active data selection").
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        variance = jnp.square(noise_free(posterior, context.noise).components.std)
        gain = expected_information_gain(variance, context.noise[:, None])
        return jnp.exp(posterior.log_weights) @ gain


@dataclass(frozen=True)
class InformationAboutAffinity:
    """Mutual information of the evaluation and which component is true.

    With a transferred and a flat prior: what is learned of whether the task is like the past ones,
    as in active model selection (Gardner et al., 2015). E[log p(y | k) - log p(y)] by Gauss-Hermite
    quadrature.
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key, context
        mean, std = posterior.components
        nodes, weights = (jnp.asarray(a, mean.dtype) for a in (_NODES, _WEIGHTS))
        y = mean[:, :, None] + std[:, :, None] * nodes[None, None, :]
        each = gaussian_log_prob(y[:, None], mean[None, :, :, None], std[None, :, :, None])
        marginal = jax.nn.logsumexp(each + posterior.log_weights[None, :, None, None], axis=1)
        own = gaussian_log_prob(y, mean[:, :, None], std[:, :, None])
        gain = (own - marginal) @ (weights / jnp.sum(weights))
        return jnp.exp(posterior.log_weights) @ gain


@dataclass(frozen=True, kw_only=True)
class MaxValueEntropySearch:
    """Mutual information of the noise-free score and the best one of the pool.

    The mean over drawn best values f* of g pdf(g) / (2 cdf(g)) - log cdf(g) with
    g = (f* - mean) / std (Wang and Jegelka, 2017, equation 6). Draws are joint ones, not by their
    Gumbel approximation; a mixture is taken for the Gaussian of its moments.

    Attributes:
      draws: number of draws of the best value.

    Raises:
      NmjaxError: there are no draws.
    """

    draws: int = 32

    def __post_init__(self) -> None:
        check_draws(self.draws)

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        mean, std = mixture_moments(noise_free(posterior, context.noise))
        best = jnp.max(sample_many(key, context, self.draws), axis=1)
        gap = (best[:, None] - mean[None, :]) / std[None, :]
        log_cdf = log_ndtr(gap)
        ratio = jnp.exp(norm.logpdf(gap) - log_cdf)
        return jnp.mean(0.5 * gap * ratio - log_cdf, axis=0)
