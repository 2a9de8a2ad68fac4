"""Gaussian process over all architectures of a space, with a kernel that separates main effects.

The kernel is a product over choices of (1 + w k) / (1 + w), a constant plus the effect of the
choice. It expands into one term per subset of choices, the process's main effects and interactions
(Durrande, Ginsbourger, Roustant and Carraro 2013, "ANOVA kernels"). Over the full factorial grid it
is a Kronecker product of one small matrix per choice, so that a draw of the whole grid is exact, in
O(size * sum of options).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve, solve_triangular

from nmjax.optimize import maximize
from nmjax.spaces import Space, to_index
from nmjax.types import Array

_JITTER = 1e-5
_FLATTEST = 0.05
"""Lower bound of the curvature of the log posterior in the normal approximation, which does not
exist in directions where the posterior is not concave."""


class FactorialParams(NamedTuple):
    """Hyperparameters, as logarithms; each has a weak normal prior.

    Attributes:
      log_weight: float[C], weight w of each choice.
      log_length: float[C], length scale of ordinal choices, whose options span 2; unused for
        others.
      log_amplitude: float[], variance of the process.
      log_noise: float[], variance of the deviation of each architecture from the process.
    """

    log_weight: Array
    log_length: Array
    log_amplitude: Array
    log_noise: Array


class LaplacePosterior(NamedTuple):
    """Laplace approximation of the posterior of the hyperparameters.

    Attributes:
      mode: float[H], maximum of the posterior, as a flat vector.
      root: float[H, H], a square root of the covariance.
    """

    mode: Array
    root: Array


def prior(num_choices: int) -> tuple[FactorialParams, FactorialParams]:
    """Means and standard deviations of the hyperparameters, for scores of unit variance."""
    each, one = jnp.ones((num_choices,)), jnp.ones(())
    return (
        FactorialParams(0 * each, 0 * each, 0 * one, -3 * one),
        FactorialParams(2 * each, 1.5 * each, 2 * one, 2 * one),
    )


@partial(jax.jit, static_argnames=("space", "steps"))
def fit_factorial(
    space: Space, architecture: Array, score: Array, *, steps: int
) -> LaplacePosterior:
    """Posterior of the hyperparameters, given scores float[M] of architectures int32[M, C].

    NaN scores are left out.
    """
    mean, std = prior(space.num_choices)
    start, unflatten = ravel_pytree(mean)
    width, _ = ravel_pytree(std)
    counts = (~jnp.isnan(score)).astype(score.dtype)

    def log_posterior(flat: Array) -> Array:
        factor = _noisy_factor(space, unflatten(flat), architecture, counts)
        white = solve_triangular(factor, jnp.where(counts > 0, score, 0), lower=True)
        likelihood = -0.5 * white @ white - jnp.sum(jnp.log(jnp.diagonal(factor)))
        return likelihood - 0.5 * jnp.sum(((flat - start) / width) ** 2)

    mode, _ = maximize(log_posterior, start, steps=steps)
    slope = jax.grad(log_posterior)
    curvature = jax.lax.map(
        lambda direction: -jax.jvp(slope, (mode,), (direction,))[1], jnp.eye(len(mode))
    )
    value, vector = jnp.linalg.eigh(0.5 * (curvature + curvature.T))
    return LaplacePosterior(mode, vector / jnp.sqrt(jnp.maximum(value, _FLATTEST))[None, :])


def sample_grid(
    key: Array, space: Space, posterior: LaplacePosterior, architecture: Array, score: Array
) -> tuple[Array, Array]:
    """Draw the scores of all architectures, float[size] by flat index, and their deviations.

    Hyperparameters are drawn, evaluations are resampled with replacement, and the process is drawn
    given these. Averaged over resamples, the posterior is about as wide as the difference between
    two histories of the task, also where the model is wrong (Huggins and Miller 2019, "bagged
    posteriors"). The draw is one of the prior, corrected at the evaluations (Wilson et al. 2020,
    equation 3).

    Args:
      key: PRNG key.
      space: the space.
      posterior: result of `fit_factorial`.
      architecture: int32[M, C].
      score: float[M]; NaN is left out.
    """
    keys = jax.random.split(key, 5)
    _, unflatten = ravel_pytree(prior(space.num_choices)[0])
    normal = partial(jax.random.normal, dtype=score.dtype)
    params = unflatten(posterior.mode + posterior.root @ normal(keys[0], posterior.mode.shape))
    rows = jax.random.randint(keys[1], score.shape, 0, len(score))
    times = jnp.where(jnp.isnan(score), 0, jnp.zeros_like(score).at[rows].add(1))

    correlations = option_correlations(space, params)
    roots = [jnp.linalg.cholesky(c + _JITTER * jnp.eye(len(c))) for c in correlations]
    amplitude, noise = jnp.exp(params.log_amplitude), jnp.exp(params.log_noise)
    draw = jnp.sqrt(amplitude) * _kronecker(space, roots, normal(keys[2], (space.size,)))
    index = to_index(space, architecture)
    spread = jnp.sqrt(noise / jnp.maximum(times, 1))
    residual = score - draw[index] - spread * normal(keys[3], score.shape)
    factor = _noisy_factor(space, params, architecture, times)
    weights = cho_solve((factor, True), jnp.where(times > 0, residual, 0))
    over_grid = jnp.zeros_like(draw).at[index].add(weights)
    scores: Array = draw + amplitude * _kronecker(space, correlations, over_grid)
    return scores, jnp.sqrt(noise) * normal(keys[4], (space.size,))


def option_correlations(space: Space, params: FactorialParams) -> list[Array]:
    """Correlation matrix float[O, O] of each choice's options; Matern-5/2 in ordinal values."""
    correlations = []
    for choice, log_weight, log_length in zip(
        space.choices, params.log_weight, params.log_length, strict=True
    ):
        if choice.kind == "ordinal":
            distance = np.abs(choice.values[:, None] - choice.values[None, :])
            scaled = np.sqrt(np.float32(5)) * distance * jnp.exp(-log_length)
            effect = (1 + scaled + scaled**2 / 3) * jnp.exp(-scaled)
        else:
            effect = jnp.eye(len(choice.options))
        share = jax.nn.sigmoid(log_weight)
        correlations.append(1 - share + share * effect)
    return correlations


def _noisy_factor(
    space: Space, params: FactorialParams, architecture: Array, times: Array
) -> Array:
    """Cholesky factor float[M, M] of the covariance of means over `times` evaluations.

    Where `times` is 0, the row is that of the identity.
    """
    covariance = jnp.exp(params.log_amplitude)
    for place, correlation in enumerate(option_correlations(space, params)):
        chosen = jax.nn.one_hot(architecture[:, place], len(correlation))
        covariance = covariance * (chosen @ correlation @ chosen.T)
    counts = times > 0
    covariance = jnp.where(counts[:, None] & counts[None, :], covariance, 0)
    noise = (jnp.exp(params.log_noise) + _JITTER) / jnp.maximum(times, 1)
    factor: Array = jnp.linalg.cholesky(covariance + jnp.diag(jnp.where(counts, noise, 1)))
    return factor


def _kronecker(space: Space, factors: list[Array], grid: Array) -> Array:
    """Multiply float[size] by the Kronecker product of the factors."""
    table = grid.reshape(space.num_options)
    for axis, factor in enumerate(factors):
        table = jnp.moveaxis(jnp.tensordot(factor, table, axes=(1, axis)), 0, axis)
    return table.reshape(-1)
