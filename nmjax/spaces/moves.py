"""Moves in a space: draw an architecture, change one choice, list all one-choice changes."""

from collections.abc import Callable
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.continuous import check_discrete, from_scale
from nmjax.spaces.enumeration import is_valid, pool_rows
from nmjax.spaces.space import Space
from nmjax.types import Array


@partial(jax.jit, static_argnames=("space", "shape"))
def sample(key: Array, space: Space, shape: tuple[int, ...] = ()) -> Array:
    """Architectures int32[*shape, C], uniform over the valid ones (isomorphic ones count each)."""
    size = (*shape, space.num_choices)
    num_options = jnp.broadcast_to(jnp.asarray(space.num_options, jnp.int32), size)

    return draw_valid(
        key, space, lambda key: jax.random.randint(key, size, 0, num_options, jnp.int32)
    )


def draw_valid(key: Array, space: Space, draw: Callable[[Array], Array]) -> Array:
    """What `draw` makes of a key, int32[..., C], each drawn anew until the space allows it.

    Does not end where `draw` never makes a valid architecture.
    """

    def redraw(carry):
        key, architecture, done = carry
        key, draw_key = jax.random.split(key)
        architecture = jnp.where(done[..., None], architecture, draw(draw_key))
        return key, architecture, is_valid(space, architecture)

    if space.valid is None:
        return draw(key)
    drawn = jax.eval_shape(draw, key)
    first = (key, jnp.zeros(drawn.shape, jnp.int32), jnp.zeros(drawn.shape[:-1], bool))
    return jax.lax.while_loop(lambda carry: ~jnp.all(carry[2]), redraw, first)[1]


@partial(jax.jit, static_argnames=("space", "shape"))
def sample_continuous(key: Array, space: Space, shape: tuple[int, ...] = ()) -> Array:
    """Real-valued choices float32[*shape, R], uniform on each one's scale."""
    uniform = jax.random.uniform(key, (*shape, space.num_continuous), jnp.float32)
    return from_scale(space, 2 * uniform - 1)


@partial(jax.jit, static_argnames="space")
def neighbors(space: Space, architecture: Array) -> tuple[Array, Array]:
    """All changes of one choice: (int32[..., K, C], bool[..., K] valid), K = sum(O_i - 1).

    They come by choice, then by how many options (cyclically) each is ahead of the present one.

    Raises:
      NmjaxError: the space has real-valued choices, which have no one change.
    """
    check_discrete(space, "a change of one choice")
    steps, _ = _steps(space.num_options)
    architecture = jnp.asarray(architecture, jnp.int32)
    shape = (*architecture.shape[:-1], *steps.shape)
    moved = jnp.broadcast_to(architecture[..., None, :], shape) + jnp.broadcast_to(steps, shape)
    changed = moved % jnp.broadcast_to(jnp.asarray(space.num_options, jnp.int32), shape)
    return changed, is_valid(space, changed)


@partial(jax.jit, static_argnames="space")
def pool_neighbors(space: Space, pool: Array) -> Array:
    """Rows of a pool one choice away from each, int32[N, K]; a row's own where there is none.

    The K changes are those of `neighbors`. An architecture that is isomorphic to a member of the
    pool counts as that member, and is there as often as changes lead to it. O(N K C) memory.

    Args:
      space: of the architectures.
      pool: int32[N, C]; no two are isomorphic.

    Raises:
      NmjaxError: the pool does not fit the space, or that has 2**31 architectures or more, or
        real-valued choices.
    """
    pool = jnp.asarray(pool, jnp.int32)
    if pool.ndim != 2 or pool.shape[1] != space.num_choices:
        raise NmjaxError(
            f"Got a pool {list(pool.shape)} for space {space.name!r}; give "
            f"[N, {space.num_choices}], an option for each choice."
        )
    changed, valid = neighbors(space, pool)
    row = pool_rows(space, pool, changed)
    itself = jnp.arange(len(pool), dtype=jnp.int32)[:, None]
    return jnp.where(valid & (row >= 0), row, itself)


@partial(jax.jit, static_argnames="space")
def mutate(key: Array, space: Space, architecture: Array) -> Array:
    """Change one choice of each architecture int32[..., C]; the result is valid.

    The choice is uniform among those with a valid change, its new option uniform among the valid
    others. An architecture without any valid change comes back as it is.

    Raises:
      NmjaxError: as `neighbors`.
    """
    check_discrete(space, "a mutation")
    architecture = jnp.asarray(architecture, jnp.int32)
    steps, choice_of = _steps(space.num_options)
    if not len(steps):
        return architecture
    changed, valid = neighbors(space, architecture)
    member = jax.nn.one_hot(choice_of, space.num_choices)
    per_choice = jnp.einsum("...k,kc->...c", valid.astype(jnp.float32), member)
    per_change = jnp.einsum("...c,kc->...k", per_choice, member)
    logits = jnp.where(valid, -jnp.log(jnp.maximum(per_change, 1)), -jnp.inf)
    taken = jax.random.categorical(key, logits, axis=-1)
    picked = jnp.take_along_axis(changed, taken[..., None, None], axis=-2)[..., 0, :]
    return jnp.where(jnp.any(valid, axis=-1, keepdims=True), picked, architecture)


@lru_cache
def _steps(num_options: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What each one-choice change adds, int32[K, C], and to which choice, int[K]."""
    choice_of = np.repeat(np.arange(len(num_options)), np.array(num_options, int) - 1)
    ahead = np.concatenate([np.arange(0), *(np.arange(1, count) for count in num_options)])
    steps = np.zeros((len(choice_of), len(num_options)), np.int32)
    steps[np.arange(len(choice_of)), choice_of] = ahead
    return steps, choice_of
