"""Fit the kernel on past tasks by marginal likelihood, and a Gaussian process to each task."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_solve

from nmjax.errors import NmjaxError
from nmjax.knowledge.state import SourceModels
from nmjax.optimize import maximize
from nmjax.predictors import (
    KernelParams,
    default_kernel,
    kernel_position,
    log_marginal_likelihood,
    noisy_factor,
)
from nmjax.types import Array, is_traced


@partial(jax.jit, static_argnames=("groups", "steps"))
def fit_kernel(
    x: Array, y: Array, *, groups: tuple[int, ...], steps: int
) -> tuple[KernelParams, Array]:
    """Fit the kernel by maximum a posteriori, with past tasks as independent draws.

    The features of a group share a relevance. The prior of all log-hyperparameters is standard
    normal around those of `default_kernel`. A few hundred scores outweigh it, and a past of pure
    noise leaves the hyperparameters near the default.

    Args:
      x: float[T, M, D], standardized encodings.
      y: float[T, M], normal scores; NaN is ignored.
      groups: D group indices, from 0.
      steps: Number of Adam steps.

    Returns:
      The kernel, with D relevances; and its log posterior density per observation at each step,
      float[steps], up to a constant.
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
    """Posterior mean of each source under the kernel.

    Args:
      kernel: Hyperparameters.
      x: float[S, M, D], standardized encodings.
      y: float[S, M], normal scores; NaN is ignored.
    """
    amplitude, intercept = jnp.exp(kernel.log_amplitude), jnp.exp(kernel.log_intercept)

    def one(x: Array, y: Array) -> SourceModels:
        counts = ~jnp.isnan(y)
        factor = noisy_factor(kernel, x, counts)
        weights = cho_solve((factor, True), jnp.where(counts, y, 0))
        position = kernel_position(kernel, x)
        return SourceModels(position, amplitude * weights, intercept * jnp.sum(weights), counts)

    return jax.vmap(one)(x, y)


def check_sources(sources: SourceModels) -> None:
    """Refuse sources whose covariance could not be factorized. Traced values are not checked.

    Raises:
      NmjaxError: The model of a source is not finite.
    """
    if is_traced(sources):
        return
    failed = np.flatnonzero(~np.isfinite(np.asarray(sources.constant)))
    if len(failed):
        rows = int(np.asarray(sources.mask[int(failed[0])]).sum())
        raise NmjaxError(
            f"The covariance of the {rows} scores of past task {failed[0]} cannot be factorized, "
            "because its architectures are too similar for the precision. Learn from fewer "
            f"evaluations of each task by LearnConfig(task_rows={max(rows // 2, 1)}), or in double "
            "precision."
        )
