"""Draws and moves in mixed spaces, of discrete and real-valued choices together."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.activity import active_continuous, reset_continuous, reset_inactive
from nmjax.spaces.continuous import check_continuous, from_scale, to_scale
from nmjax.spaces.description.space import Space
from nmjax.spaces.enumeration import ENUMERABLE, canonicalize, enumerate_architectures
from nmjax.spaces.moves import mutate_discrete, sample
from nmjax.types import Array

# Standard deviation of a perturbation, as a share of the range on the choice's scale (Hutter,
# Hoos and Leyton-Brown, 2011, SMAC).
PERTURBATION = 0.2
_FEWEST_DRAWS = 256
_FRUITLESS_ROUNDS = 20


@partial(jax.jit, static_argnames=("space", "shape"))
def sample_continuous(key: Array, space: Space, shape: tuple[int, ...] = ()) -> Array:
    """Real-valued choices float32[*shape, R], uniform on the scale of each.

    Example:
      >>> import jax
      >>> from nmjax.spaces import Real, Space, sample_continuous
      >>> sample_continuous(jax.random.key(0), Space(rate=Real(1e-4, 1e-1, log=True)), (3,)).shape
      (3, 1)
    """
    uniform = jax.random.uniform(key, (*shape, space.num_continuous), jnp.float32)
    continuous: Array = from_scale(space, 2 * uniform - 1)
    return continuous


@partial(jax.jit, static_argnames=("space", "shape"))
def sample_mixed(key: Array, space: Space, shape: tuple[int, ...] = ()) -> tuple[Array, Array]:
    """Random valid architectures int32[*shape, C] and real-valued choices float32[*shape, R].

    Discrete choices are drawn as by `sample`, active real-valued ones uniformly on their scales;
    inactive ones are at their lower bounds.

    Example:
      >>> import jax
      >>> from nmjax.spaces import Real, Space, sample_mixed
      >>> space = Space(op=["conv", "skip"], rate=Real(1e-4, 1e-1, log=True))
      >>> architecture, continuous = sample_mixed(jax.random.key(0), space, (5,))
      >>> architecture.shape, continuous.shape
      ((5, 1), (5, 1))
    """
    discrete_key, real_key = jax.random.split(key)
    architecture = sample(discrete_key, space, shape)
    continuous = sample_continuous(real_key, space, shape)
    return architecture, reset_continuous(space, architecture, continuous)


@partial(jax.jit, static_argnames="space")
def canonicalize_mixed(space: Space, architecture: Array, continuous: Array) -> tuple[Array, Array]:
    """Canonical architectures int32[..., C] and real-valued choices float32[..., R].

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Real, Space, canonicalize_mixed, when
      >>> space = Space(optimizer=["adam", "sgd"], momentum=when(Real(0, 1), optimizer="sgd"))
      >>> canonicalize_mixed(space, np.array([0]), np.array([0.5]))[1].tolist()
      [0.0]
    """
    check_continuous(space, jnp.shape(continuous))
    architecture = canonicalize(space, architecture)
    return architecture, reset_continuous(space, architecture, continuous)


@partial(jax.jit, static_argnames="space")
def mutate_mixed(
    key: Array, space: Space, architecture: Array, continuous: Array
) -> tuple[Array, Array]:
    """Change one choice of each architecture int32[..., C], float32[..., R], discrete or real.

    The choice is uniform among the active real-valued ones and the discrete ones with a valid
    change. A discrete one changes as by `mutate`. A real-valued one moves by a normal step with a
    standard deviation of a fifth of its range on its scale, reflected at the bounds. Choices that
    the change activates are drawn uniformly.

    Returns:
      The changed architectures and real-valued choices, canonical in their inactive choices.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.spaces import Real, Space, mutate_mixed
      >>> space = Space(op=["conv", "skip"], rate=Real(0, 1))
      >>> op, rate = mutate_mixed(jax.random.key(0), space, np.array([0]), np.array([0.5]))
      >>> bool(op[0] != 0) != bool(rate[0] != 0.5)
      True
    """
    check_continuous(space, jnp.shape(continuous))
    discrete_key, real_key, which_key, fresh_key = jax.random.split(key, 4)
    mutated, num_discrete = mutate_discrete(discrete_key, space, architecture)
    architecture = reset_inactive(space, jnp.asarray(architecture, jnp.int32))
    continuous = reset_continuous(space, architecture, continuous)
    if not space.num_continuous:
        return mutated, continuous
    active = active_continuous(space, architecture)
    total = num_discrete + jnp.sum(active, axis=-1, dtype=jnp.int32)
    place = jax.random.randint(which_key, total.shape, 0, jnp.maximum(total, 1), jnp.int32)
    is_discrete = (place < num_discrete)[..., None]
    # The place among the active real-valued choices that is changed.
    order = jnp.cumsum(active, axis=-1, dtype=jnp.int32) - 1 + num_discrete[..., None]
    moves = active & (order == place[..., None])
    perturbed = jnp.where(moves, _perturb(real_key, space, continuous), continuous)
    fresh = sample_continuous(fresh_key, space, continuous.shape[:-1])
    redrawn = reset_continuous(space, mutated, jnp.where(active, continuous, fresh))
    return jnp.where(is_discrete, mutated, architecture), jnp.where(is_discrete, redrawn, perturbed)


def sample_pool(key: Array, space: Space, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A random pool of distinct, canonical, valid architectures, for spaces too large to enumerate.

    Args:
      key: Random key.
      space: Any space.
      size: Number N of architectures wanted; fewer come back only if the space has fewer (or, for
        spaces too large to enumerate, if 20 rounds of draws find no new one).

    Returns:
      Discrete choices int32[N, C] and real-valued ones float32[N, R].

    Raises:
      NmjaxError: `size` is not a positive whole number.

    Example:
      >>> import jax
      >>> from nmjax.spaces import Real, Space, sample_pool
      >>> space = Space(op=["conv", "skip"], rate=Real(1e-4, 1e-1, log=True))
      >>> architecture, continuous = sample_pool(jax.random.key(0), space, 100)
      >>> architecture.shape, continuous.shape
      ((100, 1), (100, 1))
    """
    if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
        raise NmjaxError(f"Got the size {size!r} for a pool; give a positive whole number.")
    if not space.continuous and space.size <= min(ENUMERABLE, 4 * size):
        every = enumerate_architectures(space)
        chosen = np.asarray(jax.random.permutation(key, len(every)))[:size]
        return every[chosen], np.zeros((len(chosen), 0), np.float32)
    draws = max(_FEWEST_DRAWS, 1 << (int(size) - 1).bit_length())
    rows = np.zeros((0, space.num_choices + space.num_continuous), np.int32)
    fruitless = number = 0
    while len(rows) < size and fruitless < _FRUITLESS_ROUNDS:
        drawn = _draw_canonical(jax.random.fold_in(key, number), space, draws)
        joined = np.concatenate([rows, drawn])
        first = np.sort(np.unique(joined, axis=0, return_index=True)[1])
        fruitless = fruitless + 1 if len(first) == len(rows) else 0
        rows, number = joined[first], number + 1
    rows = rows[:size]
    split = space.num_choices
    return rows[:, :split].copy(), rows[:, split:].copy().view(np.float32)


def _draw_canonical(key: Array, space: Space, number: int) -> np.ndarray:
    """Canonical draws int32[number, C + R], the real-valued choices as their bits."""
    architecture, continuous = sample_mixed(key, space, (number,))
    architecture, continuous = canonicalize_mixed(space, architecture, continuous)
    # Adding zero turns -0 into 0, which are the same value of different bits.
    bits = np.ascontiguousarray(np.asarray(continuous) + np.float32(0)).view(np.int32)
    return np.concatenate([np.asarray(architecture), bits], axis=-1)


def _perturb(key: Array, space: Space, continuous: Array) -> Array:
    """Real-valued choices after a normal step on their scales, reflected at the bounds."""
    step = 2 * PERTURBATION * jax.random.normal(key, continuous.shape, jnp.float32)
    unfolded = jnp.mod(to_scale(space, continuous) + step + 1, 4)
    position = jnp.where(unfolded > 2, 4 - unfolded, unfolded) - 1
    perturbed: Array = from_scale(space, position)
    return perturbed
