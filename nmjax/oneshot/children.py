"""Analysis of found children: random ones of equal size to compare with, option counts."""

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.live import Family
from nmjax.setting_checks import check_sizes
from nmjax.spaces import Space, canonicalize, sample
from nmjax.types import Array

_DRAWS = 4096


def matched_children(
    key: Array, family: Family, architecture: Array, *, size: int, tolerance: float = 0.1
) -> Array:
    """Random children int32[size, C] with about as many parameters as a given one.

    Args:
      key: Random key.
      family: Family of the children.
      architecture: int32[C], the child to compare with; it is not among those returned.
      size: Number of children; all are distinct.
      tolerance: Largest relative difference of the numbers of parameters.

    Raises:
      NmjaxError: Among 4096 random children there are fewer than `size` of that size.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.oneshot import CellSupernet, matched_children
      >>> supernet = CellSupernet(classes=10)
      >>> found = supernet.child(jnp.array([3, 1, 0, 2, 4, 1]))
      >>> matched_children(jax.random.key(0), supernet.family, found, size=5).shape
      (5, 7)
    """
    check_sizes(size=size)
    draw_key, order_key = jax.random.split(key)
    drawn = canonicalize(family.space, sample(draw_key, family.space, (_DRAWS,)))
    numbers = np.asarray(jax.jit(jax.vmap(family.num_parameters))(drawn))
    goal = float(family.num_parameters(jnp.asarray(architecture)))
    near = np.asarray(drawn)[np.abs(numbers - goal) <= tolerance * goal]
    own = np.asarray(canonicalize(family.space, jnp.asarray(architecture)))
    near = np.unique(near[(near != own).any(axis=1)], axis=0)
    if len(near) < size:
        raise NmjaxError(
            f"Found {len(near)} children with {goal:.0f} parameters within {tolerance:.0%}, "
            f"expected {size}; give a larger tolerance or fewer children."
        )
    order = jax.random.permutation(order_key, len(near))[:size]
    return jnp.asarray(near[np.asarray(order)], jnp.int32)


def count_option(space: Space, architectures: Array, option: object) -> Array:
    """Number int32[...] of choices of architectures int32[..., C] that have an option.

    Args:
      space: Space of the architectures.
      architectures: int32[..., C].
      option: The option, such as "skip_connect", whose number shows the collapse of DARTS.

    Raises:
      NmjaxError: No choice has the option.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.oneshot import count_option
      >>> from nmjax.spaces import get_space
      >>> cells = jnp.array([[1, 1, 0, 2, 1, 3]])
      >>> count_option(get_space("nas-bench-201"), cells, "skip_connect").tolist()
      [3]
    """
    known = {name for choice in space.choices for name in choice.options}
    if option not in known:
        raise unknown_name("option", option, sorted(map(str, known)))
    found = jnp.zeros(jnp.shape(architectures)[:-1], jnp.int32)
    for column, choice in enumerate(space.choices):
        if option in choice.options:
            index = choice.options.index(option)
            found += (architectures[..., column] == index).astype(jnp.int32)
    return found
