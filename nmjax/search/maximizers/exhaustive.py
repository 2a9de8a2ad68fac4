"""Maximization over a list, and over a whole space in blocks."""

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nmjax.errors import NmjaxError
from nmjax.search.maximizers.objective import Objective
from nmjax.search.maximizers.points import empty_points
from nmjax.setting_checks import check_sizes
from nmjax.spaces import Space, from_index
from nmjax.types import Array


@dataclass(frozen=True)
class Exhaustive:
    """Evaluate the acquisition at the starts only, which is exact if they are the whole pool.

    Example:
      >>> from nmjax.search import Exhaustive, SpaceSearch
      >>> from nmjax.spaces import Space
      >>> SpaceSearch(Space(width=[8, 16]), maximizer=Exhaustive()).maximizer
      Exhaustive()
    """

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the points [m, C + R] that were reached and their values float[m]."""
        del key
        return starts, objective.of_architectures(starts)


@dataclass(frozen=True, kw_only=True)
class ExhaustiveScan:
    """Evaluate the acquisition at every architecture of a discrete space, block by block.

    The result is exact. Memory depends on the block, not on the space: of each block only the best
    architecture is kept. Spaces have fewer than 2^31 architectures, valid or not.

    Attributes:
      block: Number of architectures that are evaluated at once on each device.
      mesh: Devices to divide the blocks among, such as `nmjax.experiments.batch_mesh()`; the
        devices communicate once, at the end. None is one device.

    Raises:
      NmjaxError: `block` is not positive, or, on use, the space has real-valued choices.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import ExhaustiveScan, optimize_acquisition
      >>> from nmjax.spaces import Space
      >>> best, value = optimize_acquisition(
      ...     jax.random.key(0), lambda encoding: encoding @ jnp.arange(5.0), jnp.zeros((1, 2)),
      ...     space=Space(a=[1, 2, 3], b=[1, 2]), maximizer=ExhaustiveScan(block=4))
      >>> best.tolist(), float(value)
      ([2, 1], 6.0)
    """

    block: int = 4096
    mesh: Mesh | None = None

    def __post_init__(self) -> None:
        check_sizes(block=self.block)

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the best point [S, C + R] of each device and its value float[S]."""
        del key, starts
        space = objective.space
        total = _size(space)
        devices = 1 if self.mesh is None else self.mesh.size
        per_device = -(-total // (self.block * devices))
        begin = per_device * jnp.arange(devices, dtype=jnp.int32)
        if self.mesh is not None:
            layout = NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names))
            begin = jax.lax.with_sharding_constraint(begin, layout)
        within = jnp.arange(self.block, dtype=jnp.int32)

        def better(number: Array, best: tuple[Array, Array], begin: Array) -> tuple[Array, Array]:
            # Numbers beyond the last block repeat it, and its end repeats the last architecture.
            first = self.block * jnp.minimum(begin + number, (total - 1) // self.block)
            points = from_index(space, first + jnp.minimum(within, total - 1 - first))
            worth = objective.of_architectures(points)
            row = jnp.argmax(worth)
            is_better = worth[row] > best[1]
            found = (points[row], worth[row])
            kept: tuple[Array, Array] = jax.tree.map(partial(jnp.where, is_better), found, best)
            return kept

        dtype = jax.eval_shape(objective.of_architectures, empty_points(space, 1)).dtype
        nothing = (jnp.zeros((space.num_choices,), jnp.int32), jnp.asarray(-jnp.inf, dtype))

        def best_of(begin: Array) -> tuple[Array, Array]:
            found: tuple[Array, Array] = jax.lax.fori_loop(
                0, per_device, partial(better, begin=begin), nothing
            )
            return found

        return jax.vmap(best_of)(begin)


def _size(space: Space) -> int:
    """Return the number of combinations of the options of a discrete space."""
    if space.num_continuous:
        raise NmjaxError(
            f"Space {space.name!r} has real-valued choices, so it cannot be enumerated; use "
            "another maximizer, such as LocalAscent."
        )
    return math.prod(space.num_options)
