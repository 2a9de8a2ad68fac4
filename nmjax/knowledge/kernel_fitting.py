"""Structure fitted on past tasks: the kernel by evidence, each source by its posterior mean."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve

from nmjax.knowledge.state import SourceModels
from nmjax.optimize import maximize
from nmjax.predictors import (
    KernelParams,
    default_kernel,
    kernel_position,
    log_marginal_likelihood,
    noisy_factor,
)
from nmjax.types import Array


@partial(jax.jit, static_argnames=("groups", "steps"))
def fit_kernel(
    x: Array, y: Array, *, groups: tuple[int, ...], steps: int
) -> tuple[KernelParams, Array]:
    """The likeliest kernel a posteriori, past tasks being independent draws.

    Features of a group share a relevance. Beforehand its logs are standard normal around those of
    `default_kernel`: a few hundred scores outweigh that, but a past of noise leaves distances near
    what they were.

    Args:
      x: float[T, M, D], standardized encodings.
      y: float[T, M], normal scores; NaN does not count.
      groups: D numbers from 0, the group of each feature.
      steps: of Adam.

    Returns:
      The kernel, with D relevances; and its log posterior float[steps], up to a constant, by the
      observation.
    """
    start, group = default_kernel(max(groups) + 1), jnp.array(groups)

    def of_features(params: KernelParams) -> KernelParams:
        return params._replace(log_relevance=params.log_relevance[group])

    def objective(params: KernelParams) -> Array:
        evidence = jax.vmap(partial(log_marginal_likelihood, of_features(params)))(x, y)
        moved, _ = ravel_pytree(jax.tree.map(jnp.subtract, params, start))
        log_posterior = jnp.sum(evidence) - 0.5 * moved @ moved
        return log_posterior / jnp.sum(~jnp.isnan(y)).astype(y.dtype)

    likeliest, values = maximize(objective, start, steps=steps)
    return of_features(likeliest), values


@jax.jit
def fit_sources(kernel: KernelParams, x: Array, y: Array) -> SourceModels:
    """The posterior mean of each source under the kernel.

    Args:
      kernel: hyperparameters.
      x: float[S, M, D], standardized encodings.
      y: float[S, M], normal scores; NaN does not count.
    """
    amplitude, intercept = jnp.exp(kernel.log_amplitude), jnp.exp(kernel.log_intercept)

    def one(x: Array, y: Array) -> SourceModels:
        counts = ~jnp.isnan(y)
        factor = noisy_factor(kernel, x, counts)
        weights = cho_solve((factor, True), jnp.where(counts, y, 0))
        position = kernel_position(kernel, x)
        return SourceModels(position, amplitude * weights, intercept * jnp.sum(weights), counts)

    return jax.vmap(one)(x, y)
