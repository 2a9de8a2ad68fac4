"""Structure fitted on past tasks: the kernel by evidence, each source by its posterior mean."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax

from nmjax.predictors import (
    KernelParams,
    default_kernel,
    kernel_noise,
    log_marginal_likelihood,
)
from nmjax.types import Array, PyTree


def maximise(
    objective: Callable[[PyTree], Array], params: PyTree, *, steps: int, rate: float = 0.1
) -> tuple[PyTree, Array]:
    """Adam on a smooth objective, in one scan.

    Returns:
      The parameters of the best value seen, and the values float[steps] before each step.
    """
    optimizer = optax.adam(rate)

    def step(carried, _):
        params, opt_state, best, best_value = carried
        value, gradient = jax.value_and_grad(objective)(params)
        better = value > best_value
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), params, best)
        ascent = jax.tree.map(jnp.negative, gradient)
        # optax mixes integer counts with floats.
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optimizer.update(ascent, opt_state, params)
        moved = optax.apply_updates(params, updates)
        return (moved, opt_state, best, jnp.where(better, value, best_value)), value

    value = jax.eval_shape(objective, params)
    lowest = jnp.full(value.shape, -jnp.inf, value.dtype)
    start = (params, optimizer.init(params), params, lowest)
    (_, _, best, _), values = jax.lax.scan(step, start, None, length=steps)
    return best, values


@partial(jax.jit, static_argnames=("num_groups", "steps"))
def fit_kernel(
    groups: Array, x: Array, y: Array, *, num_groups: int, steps: int
) -> tuple[KernelParams, Array]:
    """The kernel under which past tasks are likeliest, each an independent draw.

    Args:
      groups: int32[D], the group of each feature.
      x: float[T, M, D], standardised encodings.
      y: float[T, M], normal scores; NaN does not count.
      num_groups: G.
      steps: of Adam.

    Returns:
      The kernel and the mean log evidence float[steps] of an observation.
    """

    def objective(params: KernelParams) -> Array:
        evidence = jax.vmap(partial(log_marginal_likelihood, params, groups))(x, y)
        return jnp.sum(evidence) / jnp.sum(~jnp.isnan(y)).astype(y.dtype)

    return maximise(objective, default_kernel(num_groups), steps=steps)


@jax.jit
def fit_sources(kernel: KernelParams, structure: Array, y: Array) -> Array:
    """Posterior mean weights float[T, 1 + m] of each source.

    Args:
      kernel: whose amplitude, intercept and noise are the prior's.
      structure: float[T, M, 1 + m], a constant and structural features.
      y: float[T, M], normal scores; NaN does not count.
    """
    amplitude = jnp.exp(0.5 * kernel.log_amplitude)
    size = structure.shape[-1] - 1
    root = jnp.concatenate(
        [jnp.exp(0.5 * kernel.log_intercept)[None], jnp.broadcast_to(amplitude, (size,))]
    )

    def one(features: Array, score: Array) -> Array:
        counts = ~jnp.isnan(score)
        white = jnp.where(counts[:, None], features * root[None, :], 0)
        precision = white.T @ white + kernel_noise(kernel) * jnp.eye(size + 1, dtype=white.dtype)
        moment = white.T @ jnp.where(counts, score, 0)
        return root * jnp.linalg.solve(precision, moment)

    return jax.vmap(one)(structure, y)
