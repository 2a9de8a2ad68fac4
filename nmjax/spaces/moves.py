"""Moves in a space: draw architectures, change one choice, list all one-choice changes."""

from collections.abc import Callable
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.spaces.activity import active_choices, reset_inactive
from nmjax.spaces.continuous import check_discrete
from nmjax.spaces.description.space import Space
from nmjax.spaces.enumeration import is_valid, pool_rows
from nmjax.types import Array


@partial(jax.jit, static_argnames=("space", "shape"))
def sample(key: Array, space: Space, shape: tuple[int, ...] = ()) -> Array:
    """Random valid architectures, int32[*shape, C].

    Each active choice is uniform over its options. Without conditional choices that is uniform over
    the valid architectures (isomorphic ones count each); with them, an architecture with fewer
    active choices is more likely than one with many.

    Example:
      >>> import jax
      >>> from nmjax.spaces import Space, sample
      >>> sample(jax.random.key(0), Space(op=["conv", "skip"], width=[64, 128]), (5,)).shape
      (5, 2)
    """
    size = (*shape, space.num_choices)
    num_options = jnp.broadcast_to(jnp.asarray(space.num_options, jnp.int32), size).ravel()

    def draw(key: Array) -> Array:
        # Flat, because XLA takes much longer to compile draws of several dimensions.
        return jax.random.randint(key, num_options.shape, 0, num_options, jnp.int32).reshape(size)

    return reset_inactive(space, draw_valid(key, space, draw))


def draw_valid(key: Array, space: Space, draw: Callable[[Array], Array]) -> Array:
    """Architectures int32[..., C] that `draw` makes from a key, each redrawn until it is valid.

    Does not end if `draw` never makes a valid architecture.

    Example:
      >>> import jax
      >>> from nmjax.spaces import Choice, Space, draw_valid
      >>> space = Space.build("odd", [Choice("a", (0, 1))], valid=lambda a: a.sum(-1) % 2 == 1)
      >>> draw = lambda key: jax.random.randint(key, (3, 1), 0, 2)
      >>> draw_valid(jax.random.key(0), space, draw).tolist()
      [[1], [1], [1]]
    """

    def redraw(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        key, architecture, done = carry
        key, draw_key = jax.random.split(key)
        architecture = jnp.where(done[..., None], architecture, draw(draw_key))
        return key, architecture, is_valid(space, architecture)

    if space.valid is None:
        return draw(key)
    drawn = jax.eval_shape(draw, key)
    first = (key, jnp.zeros(drawn.shape, jnp.int32), jnp.zeros(drawn.shape[:-1], bool))
    return jax.lax.while_loop(lambda carry: ~jnp.all(carry[2]), redraw, first)[1]


def neighbors(space: Space, architecture: ArrayLike) -> tuple[Array, Array]:
    """All changes of one choice: (int32[..., K, C], bool[..., K] valid), K = sum(O_i - 1).

    They are ordered by choice, then by how many options (cyclically) each is ahead of the present
    one. A change of an inactive choice is not valid; choices that a change activates have their
    first options.

    Raises:
      NmjaxError: The space has real-valued choices; use `mutate_mixed`.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, neighbors
      >>> changed, valid = neighbors(Space(a=[1, 2, 3], b=[1, 2]), np.array([0, 0]))
      >>> changed.tolist()
      [[1, 0], [2, 0], [0, 1]]
    """
    check_discrete(space, "listing neighbors", instead="mutate_mixed")
    changed, valid = _neighbors(space, architecture)
    return changed, valid


@partial(jax.jit, static_argnames="space")
def _neighbors(space: Space, architecture: Array) -> tuple[Array, Array]:
    steps, choice_of = _steps(space.num_options)
    architecture = reset_inactive(space, jnp.asarray(architecture, jnp.int32))
    shape = (*architecture.shape[:-1], *steps.shape)
    moved = jnp.broadcast_to(architecture[..., None, :], shape) + jnp.broadcast_to(steps, shape)
    changed = moved % jnp.broadcast_to(jnp.asarray(space.num_options, jnp.int32), shape)
    if not space.is_conditional:
        return changed, is_valid(space, changed)
    changed = reset_inactive(space, changed)
    active = active_choices(space, architecture)[..., choice_of]
    return changed, active & is_valid(space, changed)


def pool_neighbors(space: Space, pool: ArrayLike) -> Array:
    """Rows of a pool one choice away from each, int32[N, K]; its own row if there is none.

    The K changes are those of `neighbors`. An architecture that is equivalent to a member of the
    pool counts as that member, and occurs as often as changes lead to it. O(N K C) memory.

    Args:
      space: Space of the architectures.
      pool: int32[N, C]; no two are equivalent.

    Raises:
      NmjaxError: The pool does not fit the space, or the space has 2**31 architectures or more, or
        real-valued choices.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, pool_neighbors
      >>> pool = np.array([[0, 0], [0, 1], [1, 1]])
      >>> pool_neighbors(Space(a=[1, 2], b=[1, 2]), pool).tolist()
      [[0, 1], [2, 0], [1, 2]]
    """
    pool = jnp.asarray(pool, jnp.int32)
    if pool.ndim != 2 or pool.shape[1] != space.num_choices:
        raise NmjaxError(
            f"Got a pool {list(pool.shape)} for space {space.name!r}; give "
            f"[N, {space.num_choices}], an option for each choice."
        )
    changed, valid = neighbors(space, pool)
    rows: Array = _known_or_itself(pool_rows(space, pool, changed), valid)
    return rows


@jax.jit
def _known_or_itself(row: Array, valid: Array) -> Array:
    itself = jnp.arange(len(row), dtype=jnp.int32)[:, None]
    return jnp.where(valid & (row >= 0), row, itself)


def mutate(key: Array, space: Space, architecture: ArrayLike) -> Array:
    """Change one choice of each architecture int32[..., C]; the result is valid.

    The choice is uniform among those with a valid change, its new option uniform among the valid
    others; choices that the change activates are drawn uniformly. An architecture without any valid
    change comes back as it is.

    Raises:
      NmjaxError: The space has real-valued choices; use `mutate_mixed`.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.spaces import Space, mutate
      >>> before = np.array([0, 0])
      >>> after = mutate(jax.random.key(0), Space(a=[1, 2], b=[1, 2]), before)
      >>> int((after != before).sum())
      1
    """
    check_discrete(space, "mutate", instead="mutate_mixed")
    mutated: Array = mutate_discrete(key, space, architecture)[0]
    return mutated


@partial(jax.jit, static_argnames="space")
def mutate_discrete(key: Array, space: Space, architecture: Array) -> tuple[Array, Array]:
    """`mutate` of the discrete choices of any space.

    Returns:
      The architectures int32[..., C], and the number of choices with a valid change, int32[...].
    """
    architecture = reset_inactive(space, jnp.asarray(architecture, jnp.int32))
    steps, choice_of = _steps(space.num_options)
    if not len(steps):
        return architecture, jnp.zeros(architecture.shape[:-1], jnp.int32)
    changed, valid = _neighbors(space, architecture)
    member = jax.nn.one_hot(choice_of, space.num_choices)
    per_choice = jnp.einsum("...k,kc->...c", valid.astype(jnp.float32), member)
    per_change = jnp.einsum("...c,kc->...k", per_choice, member)
    logits = jnp.where(valid, -jnp.log(jnp.maximum(per_change, 1)), -jnp.inf)
    # As jax.random.categorical, but drawn flat, as in `sample`.
    noise = jax.random.gumbel(key, (logits.size,), logits.dtype).reshape(logits.shape)
    taken = jnp.argmax(logits + noise, axis=-1)
    picked = jnp.take_along_axis(changed, taken[..., None, None], axis=-2)[..., 0, :]
    if any(space.requirements[0]):
        picked = _draw_activated(jax.random.fold_in(key, 1), space, architecture, picked)
    mutated = jnp.where(jnp.any(valid, axis=-1, keepdims=True), picked, architecture)
    return mutated, jnp.sum(per_choice > 0, axis=-1, dtype=jnp.int32)


def _draw_activated(key: Array, space: Space, before: Array, after: Array) -> Array:
    """`after` with options drawn for the choices that are active only now, if that is valid."""
    num_options = jnp.broadcast_to(jnp.asarray(space.num_options, jnp.int32), after.shape)
    drawn = jax.random.randint(key, after.shape, 0, num_options, jnp.int32)
    drawn = reset_inactive(space, jnp.where(active_choices(space, before), after, drawn))
    return jnp.where(is_valid(space, drawn)[..., None], drawn, after)


@lru_cache
def _steps(num_options: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What each one-choice change adds, int32[K, C], and to which choice, int[K]."""
    choice_of = np.repeat(np.arange(len(num_options)), np.array(num_options, int) - 1)
    ahead = np.concatenate([np.arange(0), *(np.arange(1, count) for count in num_options)])
    steps = np.zeros((len(choice_of), len(num_options)), np.int32)
    steps[np.arange(len(choice_of)), choice_of] = ahead
    return steps, choice_of
