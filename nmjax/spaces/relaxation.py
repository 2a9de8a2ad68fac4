"""Differentiable relaxations: from logits to soft choices and back to hard ones.

Logits and probabilities are float[..., C, O]; `mask` bool[C, O] marks the options that exist
(`option_mask`). An option that does not exist, or whose logit is -inf, has probability and gradient
exactly 0; each choice needs at least one other option. Temperatures are positive and may be traced.
"""

import jax
import jax.numpy as jnp

from nmjax.types import Array


@jax.jit
def softmax_relaxation(logits: Array, temperature: Array, mask: Array) -> Array:
    """Softmax of logits / temperature over the options that exist, float[..., C, O].

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import softmax_relaxation
      >>> softmax_relaxation(np.zeros((1, 3)), 1.0, np.array([[True, True, False]])).tolist()
      [[0.5, 0.5, 0.0]]
    """
    exists = jnp.broadcast_to(mask, logits.shape) & (logits > -jnp.inf)
    return jax.nn.softmax(jnp.where(exists, logits, 0.0) / temperature, axis=-1, where=exists)


@jax.jit
def gumbel_softmax(key: Array, logits: Array, temperature: Array, mask: Array) -> Array:
    """A relaxed draw from softmax(logits), float[..., C, O]; one-hot as the temperature goes to 0.

    The largest option is distributed exactly as softmax(logits) (Jang et al. 2017, Maddison et al.
    2017).

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.spaces import gumbel_softmax
      >>> mask = np.ones((2, 3), bool)
      >>> gumbel_softmax(jax.random.key(0), np.zeros((2, 3), np.float32), 0.5, mask).shape
      (2, 3)
    """
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    relaxed: Array = softmax_relaxation(logits + noise, temperature, mask)
    return relaxed


@jax.jit
def straight_through(key: Array, logits: Array, temperature: Array, mask: Array) -> Array:
    """A one-hot draw float[..., C, O] with the gradient of `gumbel_softmax`.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.spaces import straight_through
      >>> mask = np.ones((2, 3), bool)
      >>> draw = straight_through(jax.random.key(0), np.zeros((2, 3), np.float32), 0.5, mask)
      >>> draw.sum(-1).tolist()
      [1.0, 1.0]
    """
    soft: Array = gumbel_softmax(key, logits, temperature, mask)
    hard = jax.nn.one_hot(discretize(soft), soft.shape[-1], dtype=soft.dtype)
    return jax.lax.stop_gradient(hard) + (soft - jax.lax.stop_gradient(soft))


def discretize(probabilities: Array) -> Array:
    """Most probable option of each choice, int32[..., C], of float[..., C, O].

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import discretize
      >>> discretize(np.array([[0.2, 0.8], [0.9, 0.1]])).tolist()
      [1, 0]
    """
    return jnp.argmax(probabilities, axis=-1).astype(jnp.int32)
