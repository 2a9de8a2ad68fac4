"""A Gaussian process over every architecture of a space at once, with a kernel made for variances.

The kernel is a product over choices of (1 + w k) / (1 + w), a constant and what the choice does: it
unrolls into a term for each subset of choices, the process's main effects and interactions
(Durrande, Ginsbourger, Roustant and Carraro 2013, "ANOVA kernels"). Over the full factorial grid it
is a Kronecker product of one small matrix a choice, so a draw of the whole grid is exact, in
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
"""Curvature of the log posterior below which a direction of the hyperparameters counts as known to
that extent: where it is not concave there is no normal approximation."""


class FactorialParams(NamedTuple):
    """Hyperparameters, as logs; each has a normal prior, which is weak.

    Attributes:
      log_weight: float[C], w of each choice.
      log_length: float[C], of ordinal choices, whose options span 2; of others, without effect.
      log_amplitude: float[], variance of the process.
      log_noise: float[], variance of what an architecture has of its own.
    """

    log_weight: Array
    log_length: Array
    log_amplitude: Array
    log_noise: Array


class Belief(NamedTuple):
    """Laplace's approximation of what is known of the hyperparameters.

    Attributes:
      mode: float[H], the likeliest, flat.
      root: float[H, H], of the covariance.
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
def fit_factorial(space: Space, architecture: Array, score: Array, *, steps: int) -> Belief:
    """What scores float[M] of architectures int32[M, C] say of the hyperparameters.

    NaN scores do not count.
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
    return Belief(mode, vector / jnp.sqrt(jnp.maximum(value, _FLATTEST))[None, :])


def sample_grid(
    key: Array, space: Space, belief: Belief, architecture: Array, score: Array
) -> tuple[Array, Array]:
    """A draw of the scores of all architectures, float[size] by flat index, and of their noise.

    Hyperparameters are drawn, evaluations are resampled with replacement, and the process is drawn
    given these. Averaged over resamples a posterior is about as wide as what a second history would
    say differs from the first, also where the model is wrong (Huggins and Miller 2019, "bagged
    posteriors"). The draw is one of the prior, corrected by what the evaluations say of it (Wilson
    et al. 2020, equation 3).

    Args:
      key: of the draw.
      space: of the architectures.
      belief: of `fit_factorial`.
      architecture: int32[M, C].
      score: float[M], NaN not counting.
    """
    keys = jax.random.split(key, 5)
    _, unflatten = ravel_pytree(prior(space.num_choices)[0])
    normal = partial(jax.random.normal, dtype=score.dtype)
    params = unflatten(belief.mode + belief.root @ normal(keys[0], belief.mode.shape))
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
    posterior = draw + amplitude * _kronecker(space, correlations, over_grid)
    return posterior, jnp.sqrt(noise) * normal(keys[4], (space.size,))


def option_correlations(space: Space, params: FactorialParams) -> list[Array]:
    """For each choice, float[O, O] of unit diagonal: Matern-5/2 in the values of an ordinal one."""
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
    """Cholesky factor float[M, M] of the means of `times` evaluations; 0 is a row of identity."""
    covariance = jnp.exp(params.log_amplitude)
    for place, correlation in enumerate(option_correlations(space, params)):
        chosen = jax.nn.one_hot(architecture[:, place], len(correlation))
        covariance = covariance * (chosen @ correlation @ chosen.T)
    counts = times > 0
    covariance = jnp.where(counts[:, None] & counts[None, :], covariance, 0)
    noise = (jnp.exp(params.log_noise) + _JITTER) / jnp.maximum(times, 1)
    return jnp.linalg.cholesky(covariance + jnp.diag(jnp.where(counts, noise, 1)))


def _kronecker(space: Space, factors: list[Array], grid: Array) -> Array:
    """The Kronecker product of the factors times float[size]."""
    table = grid.reshape(space.num_options)
    for axis, factor in enumerate(factors):
        table = jnp.moveaxis(jnp.tensordot(factor, table, axes=(1, axis)), 0, axis)
    return table.reshape(-1)
