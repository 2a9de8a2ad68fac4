"""Failure rates of the parts of architectures, learned from past tasks."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.knowledge.standardized_past import Past
from nmjax.predictors import FailureRates, condition_failure_rates, flat_failure_rates
from nmjax.predictors.feasibility import pair_sums
from nmjax.spaces import Space, encoded_parts, encoding_size
from nmjax.types import Array, is_traced

SUSPECTS, ITERATIONS = 64, 100
"""Number of pairs to which failures of past tasks are attributed, and of iterations."""
CONFIDENCE = 5.0
"""Evaluations of a part that past tasks count as, at most."""


def flat_failures(space: Space) -> FailureRates:
    """Failure rates of the parts of a space before any evaluation.

    Args:
      space: Space of the architectures.

    Example:
      >>> from nmjax.knowledge import flat_failures
      >>> from nmjax.spaces import Space
      >>> bool(flat_failures(Space(width=[8, 16])).informed)
      False
    """
    encoding = jax.ShapeDtypeStruct((encoding_size(space),), jnp.float32)
    parts = jax.eval_shape(lambda row: encoded_parts(space, row), encoding)
    return flat_failure_rates(parts.shape[-1])


def learn_failures(past: Past, *, space: Space) -> FailureRates:
    """Failure rates of a new task, given which evaluations of past tasks failed.

    Args:
      past: Evaluations of T past tasks.
      space: Space of the architectures.
    """
    if not is_traced(past) and not np.any(np.asarray(past.mask) & np.isnan(past.score)):
        flat = flat_failures(space)
        return FailureRates(
            jnp.repeat(flat.shape, 2, axis=0),
            jnp.repeat(flat.rate, 2, axis=0),
            _log_weights(len(past.mask)),
            flat.informed,
        )
    learned: FailureRates = _learn_failures(past, space=space)
    return learned


@partial(jax.jit, static_argnames="space")
def _learn_failures(past: Past, *, space: Space) -> FailureRates:
    parts = encoded_parts(space, past.encoding)
    failed = past.mask & jnp.isnan(past.score)
    return learn_failure_rates(
        parts.reshape(-1, parts.shape[-1]),
        failed.ravel(),
        past.mask.ravel(),
        tasks=len(past.mask),
    )


def learn_failure_rates(parts: Array, failed: Array, counted: Array, *, tasks: int) -> FailureRates:
    """Return failure rates of a new task given evaluations of past ones; K = 2.

    The first component was fitted on the past, which counts as at most five evaluations of each
    part. The last is flat, so that failures of another kind are soon recognized. Its weight is
    1 / (tasks + 2), by Laplace's rule of succession. Without a failure both are flat.

    Args:
      parts: float[M, F], indicators in [0, 1] of the parts of evaluated architectures.
      failed: bool[M], whether the evaluation failed.
      counted: bool[M], False where a row is padding.
      tasks: Number of past tasks.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge.failures import learn_failure_rates
      >>> failed = jnp.array([True, False])
      >>> rates = learn_failure_rates(jnp.eye(2), failed, jnp.ones(2, bool), tasks=1)
      >>> bool(rates.shape[0, 0] > rates.shape[0, 1])
      True
    """
    flat = flat_failure_rates(parts.shape[-1])
    fitted = condition_failure_rates(
        flat, parts, failed, counted, suspects=SUSPECTS, iterations=ITERATIONS
    )
    weights = counted.astype(parts.dtype)
    rate = flat.rate[0] + jnp.concatenate([weights @ parts, pair_sums(parts, weights)])
    shape = flat.shape[0].at[fitted.causes].set(fitted.shape[0])
    kept = jnp.minimum(rate, CONFIDENCE) / rate

    def choose(learned: Array, before: Array) -> Array:
        return jnp.stack([jnp.where(fitted.informed, learned * kept, before), before])

    shapes, rates = choose(shape, flat.shape[0]), choose(rate, flat.rate[0])
    return FailureRates(shapes, rates, _log_weights(tasks), fitted.informed)


def _log_weights(tasks: int) -> Array:
    return jnp.log(jnp.asarray([tasks + 1, 1], jnp.float32) / (tasks + 2))
