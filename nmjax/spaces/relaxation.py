"""From logits to soft choices and back to hard ones, differentiably.

Logits and probabilities are float[..., C, O]; `mask` bool[C, O] says which options exist
(`option_mask`). An option that does not exist, or whose logit is -inf, has probability exactly 0
and gradient exactly 0; each choice needs at least one other. Temperatures are positive and may be
traced.
"""

import jax
import jax.numpy as jnp

from nmjax.types import Array


@jax.jit
def softmax_relaxation(logits: Array, temperature: Array, mask: Array) -> Array:
    """Probabilities float[..., C, O]: softmax(logits / temperature) over the options that exist."""
    exists = jnp.broadcast_to(mask, logits.shape) & (logits > -jnp.inf)
    return jax.nn.softmax(jnp.where(exists, logits, 0.0) / temperature, axis=-1, where=exists)


@jax.jit
def gumbel_softmax(key: Array, logits: Array, temperature: Array, mask: Array) -> Array:
    """A relaxed draw float[..., C, O] from softmax(logits), hard as the temperature goes to 0.

    Its largest option has exactly the softmax's distribution (Jang et al. 2017, Maddison et al.
    2017).
    """
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    return softmax_relaxation(logits + noise, temperature, mask)


@jax.jit
def straight_through(key: Array, logits: Array, temperature: Array, mask: Array) -> Array:
    """A hard one-hot draw float[..., C, O] with the gradient of `gumbel_softmax`."""
    soft = gumbel_softmax(key, logits, temperature, mask)
    hard = jax.nn.one_hot(discretize(soft), soft.shape[-1], dtype=soft.dtype)
    return jax.lax.stop_gradient(hard) + (soft - jax.lax.stop_gradient(soft))


def discretize(probabilities: Array) -> Array:
    """The likeliest option of each choice: int32[..., C] of float[..., C, O]."""
    return jnp.argmax(probabilities, axis=-1).astype(jnp.int32)
