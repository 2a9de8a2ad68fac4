"""Which choices of an architecture are active, and the canonical values of inactive ones."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from nmjax.spaces.description.requirements import Requirement
from nmjax.spaces.description.space import Space
from nmjax.types import Array


def active_choices(space: Space, architecture: Array) -> Array:
    """Which discrete choices of architecture int32[..., C] are active, bool[..., C].

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, active_choices, when
      >>> space = Space(optimizer=["adam", "sgd"], nesterov=when([False, True], optimizer="sgd"))
      >>> active_choices(space, np.array([[0, 0], [1, 0]])).tolist()
      [[True, False], [True, True]]
    """
    return _hard(space, space.requirements[0], jnp.asarray(architecture))


def active_continuous(space: Space, architecture: Array) -> Array:
    """Which real-valued choices are active under architecture int32[..., C], bool[..., R].

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Real, Space, active_continuous, when
      >>> space = Space(optimizer=["adam", "sgd"], momentum=when(Real(0, 1), optimizer="sgd"))
      >>> active_continuous(space, np.array([[0], [1]])).tolist()
      [[False], [True]]
    """
    return _hard(space, space.requirements[1], jnp.asarray(architecture))


def soft_activity(space: Space, probabilities: Array) -> tuple[Array, Array]:
    """Probability that each choice is active, under independent soft choices float32[..., C, O].

    Returns:
      float32[..., C] for the discrete and float32[..., R] for the real-valued choices; each is a
      product over distinct ancestors, so multilinear in the soft choices.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, soft_activity, when
      >>> space = Space(optimizer=["adam", "sgd"], nesterov=when([False, True], optimizer="sgd"))
      >>> soft_activity(space, np.array([[0.75, 0.25], [0.5, 0.5]]))[0].tolist()
      [1.0, 0.25]
    """
    probabilities = jnp.asarray(probabilities)
    batch = probabilities.shape[:-2]

    def chance(required: Requirement) -> Array:
        product = jnp.ones(batch, jnp.float32)
        for parent, allowed in required:
            product = product * probabilities[..., parent, np.array(allowed, int)].sum(axis=-1)
        return product

    discrete, real = space.requirements
    return _stack(list(map(chance, discrete)), batch), _stack(list(map(chance, real)), batch)


def reset_inactive(space: Space, architecture: Array) -> Array:
    """Architecture int32[..., C] with its inactive choices at their first options."""
    if not space.is_conditional:
        return architecture
    return jnp.where(active_choices(space, architecture), architecture, 0)


def reset_continuous(space: Space, architecture: Array, continuous: Array) -> Array:
    """Real-valued choices float32[..., R] with those inactive in int32[..., C] at lower bounds.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Real, Space, reset_continuous, when
      >>> space = Space(optimizer=["adam", "sgd"], momentum=when(Real(0, 1), optimizer="sgd"))
      >>> reset_continuous(space, np.array([[0], [1]]), np.array([[0.5], [0.5]])).tolist()
      [[0.0], [0.5]]
    """
    continuous = jnp.asarray(continuous, jnp.float32)
    if not any(space.requirements[1]):
        return continuous
    low = np.array([real.low for real in space.continuous], np.float32)
    active = active_continuous(space, architecture)
    return jnp.where(active, continuous, jnp.broadcast_to(low, continuous.shape))


def _hard(space: Space, requirements: Sequence[Requirement], architecture: Array) -> Array:
    batch = architecture.shape[:-1]

    def holds(required: Requirement) -> Array:
        active = jnp.ones(batch, bool)
        for parent, allowed in required:
            table = np.zeros(space.num_options[parent], bool)
            table[list(allowed)] = True
            active &= jnp.asarray(table)[architecture[..., parent]]
        return active

    columns = [holds(required) for required in requirements]
    return jnp.stack(columns, axis=-1) if columns else jnp.ones((*batch, 0), bool)


def _stack(columns: list[Array], batch: tuple[int, ...]) -> Array:
    return jnp.stack(columns, axis=-1) if columns else jnp.ones((*batch, 0), jnp.float32)
