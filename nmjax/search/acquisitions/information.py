"""Information gained by an evaluation, in nats: about the function, its optimum, its affinity."""

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

    It is 0.5 log(1 + v / s2), where v is the variance of the noise-free score and s2 the noise
    variance (MacKay, 1992, "Information-based objective functions for active data selection").

    Example:
      >>> from nmjax.search import InformationAboutFunction, get_acquisition
      >>> get_acquisition("information_about_function") == InformationAboutFunction()
      True
    """

    def __call__(self, key: Array, posterior: Mixture, context: AcquisitionContext) -> Array:
        """Return the value float[N] of evaluating each row."""
        del key
        variance = jnp.square(noise_free(posterior, context.noise).components.std)
        gain = expected_information_gain(variance, context.noise[:, None])
        return jnp.exp(posterior.log_weights) @ gain


@dataclass(frozen=True)
class InformationAboutAffinity:
    """Mutual information of the evaluation and the component that generated the task.

    With a transferred and a flat prior, it measures how much the evaluation reveals about whether
    the task is related to the past ones, as in active model selection (Gardner et al., 2015). The
    expectation E[log p(y | k) - log p(y)] is computed by Gauss-Hermite quadrature.

    Example:
      >>> from nmjax.search import InformationAboutAffinity, get_acquisition
      >>> get_acquisition("information_about_affinity") == InformationAboutAffinity()
      True
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
    """Mutual information of the noise-free score of a row and the best score of the pool.

    The value is the mean of g pdf(g) / (2 cdf(g)) - log cdf(g) with g = (f* - mean) / std over
    draws f* of the best score (Wang and Jegelka, 2017, equation 6). The draws come from the joint
    posterior rather than from a Gumbel approximation. A mixture is approximated by a Gaussian with
    the same moments.

    Attributes:
      draws: Number of draws of the best score.

    Raises:
      NmjaxError: `draws` is not positive.

    Example:
      >>> from nmjax.search import MaxValueEntropySearch
      >>> MaxValueEntropySearch(draws=8)
      MaxValueEntropySearch(draws=8)
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
