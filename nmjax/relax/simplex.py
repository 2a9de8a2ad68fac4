"""Maps from logits to soft choices over the options that exist.

Logits and weights are float[..., C, O]; `mask` bool[C, O] marks the options that exist
(`option_mask`). An option that does not exist, or whose logit is -inf, has weight and gradient
exactly 0; each choice needs at least one other option. Temperatures are positive and may be traced.
"""

import jax
import jax.numpy as jnp

from nmjax.types import Array

_BISECTIONS = 40


@jax.jit
def masked_softmax(logits: Array, temperature: Array, mask: Array) -> Array:
    """Softmax of logits / temperature over the options that exist, float[..., C, O].

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import masked_softmax
      >>> masked_softmax(np.zeros((1, 3)), 1.0, np.array([[True, True, False]])).tolist()
      [[0.5, 0.5, 0.0]]
    """
    logits, exists = existing_logits(logits, mask)
    return jax.nn.softmax(logits / temperature, axis=-1, where=exists)


@jax.jit
def sparsemax(logits: Array, temperature: Array, mask: Array) -> Array:
    """Euclidean projection of logits / temperature onto the simplex, float[..., C, O].

    Exact, by sorting; unlikely options have weight exactly 0 (Martins and Astudillo, 2016,
    algorithm 1).

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import sparsemax
      >>> sparsemax(np.array([[1.0, 0.5, -1.0]]), 1.0, np.ones((1, 3), bool)).tolist()
      [[0.75, 0.25, 0.0]]
    """
    scaled, exists, ordered, rank = _scaled_and_sorted(logits, temperature, mask)
    total = jnp.cumsum(jax.lax.stop_gradient(ordered), axis=-1)
    support = (1 + rank * ordered > total) & (ordered > -jnp.inf)
    kept = jnp.where(support, ordered, 0.0)
    size = jnp.sum(support, axis=-1, keepdims=True, dtype=scaled.dtype)
    threshold = (jnp.sum(kept, axis=-1, keepdims=True) - 1) / size
    return jnp.where(exists & (scaled > threshold), scaled - threshold, 0.0)


@jax.jit
def entmax15(logits: Array, temperature: Array, mask: Array) -> Array:
    """1.5-entmax of logits / temperature, between softmax and sparsemax: float[..., C, O].

    Exact, by sorting (Peters, Niculae and Martins, 2019, algorithm 2).

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import entmax15
      >>> entmax15(np.array([[0.0, 0.0, -3.0]]), 1.0, np.ones((1, 3), bool)).round(3).tolist()
      [[0.5, 0.5, 0.0]]
    """
    scaled, exists, ordered, rank = _scaled_and_sorted(logits, 2 * temperature, mask)
    finite = jax.lax.stop_gradient(jnp.where(ordered > -jnp.inf, ordered, 0.0))
    mean = jnp.cumsum(finite, axis=-1) / rank
    spread = jnp.cumsum(jnp.square(finite), axis=-1) - rank * jnp.square(mean)
    trial = mean - jnp.sqrt(jnp.maximum((1 - spread) / rank, 0.0))
    support = (trial <= ordered) & (ordered > -jnp.inf)
    kept = jnp.where(support, ordered, 0.0)
    size = jnp.sum(support, axis=-1, keepdims=True, dtype=scaled.dtype)
    center = jnp.sum(kept, axis=-1, keepdims=True) / size
    spread = jnp.sum(jnp.where(support, jnp.square(kept - center), 0.0), axis=-1, keepdims=True)
    threshold = center - jnp.sqrt((1 - spread) / size)
    return jnp.where(exists & (scaled > threshold), jnp.square(scaled - threshold), 0.0)


@jax.jit
def sigmoid_gates(logits: Array, temperature: Array, mask: Array) -> Array:
    """Independent gates sigmoid(logits / temperature) in [0, 1], float[..., C, O].

    The options of a choice do not compete (Chu et al., 2020, "Fair DARTS").

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import sigmoid_gates
      >>> sigmoid_gates(np.zeros((1, 2)), 1.0, np.ones((1, 2), bool)).tolist()
      [[0.5, 0.5]]
    """
    logits, exists = existing_logits(logits, mask)
    return jnp.where(exists, jax.nn.sigmoid(logits / temperature), 0.0)


@jax.jit
def smooth_topk(logits: Array, k: Array, temperature: Array, mask: Array) -> Array:
    """Weights in [0, 1] of the k largest logits, float[..., C, O]; they sum to k.

    sigmoid((logits - threshold) / temperature), which maximizes their product with the weights plus
    temperature times the weights' binary entropy (Amos, Koltun and Kolter, 2019, "The limited
    multi-label projection layer"). The threshold is found by bisection and differentiated
    implicitly. All options of a choice that has at most k have weight 1.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import smooth_topk
      >>> smooth_topk(np.array([[3.0, 2.0, 1.0]]), 2, 0.1, np.ones((1, 3), bool)).round(1).tolist()
      [[1.0, 1.0, 0.0]]
    """
    logits, exists = existing_logits(logits, mask)
    scaled = logits / temperature
    count = jnp.sum(exists, axis=-1, keepdims=True, dtype=scaled.dtype)
    k = jnp.broadcast_to(jnp.asarray(k, scaled.dtype), count.shape)

    def gates(threshold: Array) -> Array:
        return jnp.where(exists, jax.nn.sigmoid(scaled - threshold), 0.0)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        too_many = jnp.sum(gates(middle), axis=-1, keepdims=True) > k
        return jnp.where(too_many, middle, low), jnp.where(too_many, high, middle)

    fixed = jax.lax.stop_gradient(scaled)
    reach = jnp.log(count) + 1
    low = jnp.min(jnp.where(exists, fixed, jnp.inf), axis=-1, keepdims=True) - reach
    high = jnp.max(jnp.where(exists, fixed, -jnp.inf), axis=-1, keepdims=True) + reach
    low, high = jax.lax.fori_loop(0, _BISECTIONS, halve, (low, high))
    threshold = jax.lax.stop_gradient(0.5 * (low + high))
    # Newton steps from the solution carry its derivatives.
    for _ in range(2):
        opened = gates(threshold)
        slope = jnp.sum(opened * (1 - opened), axis=-1, keepdims=True)
        excess = jnp.sum(opened, axis=-1, keepdims=True) - k
        flat = slope < jnp.finfo(scaled.dtype).tiny
        threshold = threshold + jnp.where(flat, 0.0, excess / jnp.where(flat, 1.0, slope))
    return jnp.where(exists & (count <= k), 1.0, gates(threshold))


def existing_logits(logits: Array, mask: Array) -> tuple[Array, Array]:
    """Logits with 0 for options that do not exist, and which do: bool[..., C, O]."""
    logits = jnp.asarray(logits)
    exists = jnp.broadcast_to(mask, logits.shape) & (logits > -jnp.inf)
    return jnp.where(exists, logits, 0.0), exists


def _scaled_and_sorted(
    logits: Array, temperature: Array, mask: Array
) -> tuple[Array, Array, Array, Array]:
    """Logits / temperature below 0, which exist, their descending order, and ranks from 1."""
    logits, exists = existing_logits(logits, mask)
    scaled = logits / temperature
    largest = jnp.max(jnp.where(exists, scaled, -jnp.inf), axis=-1, keepdims=True)
    scaled = scaled - jax.lax.stop_gradient(largest)
    ordered = jnp.flip(jnp.sort(jnp.where(exists, scaled, -jnp.inf), axis=-1), axis=-1)
    rank = jnp.arange(1, logits.shape[-1] + 1, dtype=scaled.dtype)
    return scaled, exists, ordered, jnp.broadcast_to(rank, scaled.shape)
