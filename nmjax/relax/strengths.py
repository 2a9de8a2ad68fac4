"""Strengths, the parameters of a relaxed architecture, and the soft choices drawn from them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, encode_soft, from_scale, option_mask, soft_activity, to_scale
from nmjax.types import Array

# Keeps real values off their bounds, where the gradient of the hyperbolic tangent vanishes.
INSIDE = 0.99


class Strengths(NamedTuple):
    """Parameters of a relaxed architecture, unconstrained and differentiable.

    Attributes:
      logits: float[..., C, O], a logit for each option of each categorical or ordinal choice. Those
        of options that do not exist have no effect.
      position: float[..., R]; the real-valued choices are at tanh(position) on their scales.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import Strengths
      >>> Strengths(jnp.zeros((2, 3)), jnp.zeros(0)).logits.shape
      (2, 3)
    """

    logits: Array
    position: Array


class SoftChoices(NamedTuple):
    """A relaxed architecture.

    Attributes:
      weights: float[..., C, O], weights of the options, 0 for those that do not exist. A hard
        choice is a one-hot.
      continuous: float32[..., R], the real-valued choices.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import SoftChoices
      >>> SoftChoices(jnp.eye(2), jnp.zeros(0)).weights.tolist()
      [[1.0, 0.0], [0.0, 1.0]]
    """

    weights: Array
    continuous: Array


def init_strengths(key: Array, space: Space, shape: tuple[int, ...], *, spread: float) -> Strengths:
    """Draw normal strengths around equal logits and the middle of each scale.

    Args:
      key: Random key.
      space: Space of the architectures.
      shape: Leading axes.
      spread: Standard deviation of the logits and positions.

    Example:
      >>> import jax
      >>> from nmjax.relax import init_strengths
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["conv", "skip"])
      >>> init_strengths(jax.random.key(0), space, (4,), spread=0.1).logits.shape
      (4, 1, 2)
    """
    logit_key, position_key = jax.random.split(key)
    size = (*shape, space.num_choices, space.max_options)
    noise = jax.random.normal(logit_key, size, jnp.float32)
    logits = jnp.where(jnp.broadcast_to(option_mask(space), size), noise, 0.0)
    position = jax.random.normal(position_key, (*shape, space.num_continuous), jnp.float32)
    return Strengths(spread * logits, spread * position)


def strengths_at(
    space: Space, architecture: Array, continuous: Array | None = None, *, share: float = 0.5
) -> Strengths:
    """Strengths whose softmax has its mode at an architecture.

    Args:
      space: Space of the architectures.
      architecture: int32[..., C], an option index for each discrete choice.
      continuous: float32[..., R], required if the space has real-valued choices.
      share: Share of each choice's probability that is put on its option, in (0, 1); the rest is
        spread evenly over all options.

    Raises:
      NmjaxError: `share` is not in (0, 1), or the continuous values do not fit the space.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.relax import strengths_at
      >>> from nmjax.spaces import Space
      >>> strengths = strengths_at(Space(op=["conv", "skip"]), np.array([1]))
      >>> jax.nn.softmax(strengths.logits).round(2).tolist()
      [[0.25, 0.75]]
    """
    if not 0 < share < 1:
        raise NmjaxError(f"Got share={share}; give a share of the probability within (0, 1).")
    chosen = one_hot(space, architecture)
    exists = option_mask(space).astype(jnp.float32)
    even = exists / jnp.sum(exists, axis=-1, keepdims=True)
    weights = share * chosen + (1 - share) * jnp.broadcast_to(even, chosen.shape)
    given = jnp.zeros((*chosen.shape[:-2], 0)) if continuous is None else continuous
    position = jnp.arctanh(INSIDE * to_scale(space, given))
    return Strengths(jnp.log(jnp.where(weights > 0, weights, 1.0)), position)


def largest_options(space: Space, weights: Array) -> Array:
    """Existing options int32[..., C] of the largest weights float[..., C, O]."""
    exists = jnp.broadcast_to(option_mask(space), weights.shape)
    return jnp.argmax(jnp.where(exists, weights, -jnp.inf), axis=-1).astype(jnp.int32)


def one_hot(space: Space, architecture: Array) -> Array:
    """Hard weights float32[..., C, O] of architecture int32[..., C].

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import one_hot
      >>> from nmjax.spaces import Space
      >>> one_hot(Space(op=["conv", "skip"]), np.array([1])).tolist()
      [[0.0, 1.0]]
    """
    return jax.nn.one_hot(jnp.asarray(architecture), space.max_options, dtype=jnp.float32)


def soft_choices(space: Space, weights: Array, position: Array) -> SoftChoices:
    """Soft choices whose inactive ones, of probability 0, are constant: the first option.

    Args:
      space: Space of the architectures.
      weights: float[..., C, O], weights of the options.
      position: float[..., R], unbounded positions of the real-valued choices.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import soft_choices
      >>> from nmjax.spaces import Space, when
      >>> space = Space(optimizer=["adam", "sgd"], nesterov=when([False, True], optimizer="sgd"))
      >>> soft_choices(space, np.array([[1.0, 0.0], [0.5, 0.5]]), np.zeros(0)).weights.tolist()
      [[1.0, 0.0], [1.0, 0.0]]
    """
    weights = jnp.asarray(weights)
    continuous = from_scale(space, jnp.tanh(position))
    if not space.is_conditional:
        return SoftChoices(weights, continuous)
    active, active_real = soft_activity(space, jax.lax.stop_gradient(weights))
    first = one_hot(space, jnp.zeros(weights.shape[:-1], jnp.int32)).astype(weights.dtype)
    low = jnp.asarray([real.low for real in space.continuous], jnp.float32)
    return SoftChoices(
        jnp.where((active > 0)[..., None], weights, first),
        jnp.where(active_real > 0, continuous, jnp.broadcast_to(low, continuous.shape)),
    )


def encode_choices(space: Space, choices: SoftChoices) -> Array:
    """The encoding float32[..., D] of soft choices, as by `encode_soft`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import SoftChoices, encode_choices
      >>> from nmjax.spaces import Space
      >>> soft = SoftChoices(jnp.array([[0.25, 0.75]]), jnp.zeros(0))
      >>> encode_choices(Space(op=["conv", "skip"]), soft).tolist()
      [0.25, 0.75]
    """
    continuous = choices.continuous if space.num_continuous else None
    encoding: Array = encode_soft(space, choices.weights, continuous)
    return encoding
