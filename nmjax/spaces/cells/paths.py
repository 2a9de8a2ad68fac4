"""The path encoding: which paths of operations lead through a cell.

White, Neiswanger and Savani, 2021, "BANANAS: Bayesian optimization with neural architectures for
neural architecture search".
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.spaces import indexing
from nmjax.spaces.activity import active_choices
from nmjax.spaces.cells.cell import Cell, Edges
from nmjax.spaces.description.space import Space
from nmjax.types import Array

MOST_PATHS = 100


@partial(jax.jit, static_argnames=("space", "most"))
def encode_paths(space: Space, architecture: Array, *, most: int = MOST_PATHS) -> Array:
    """Which of P paths lead through the cell of architecture int32[..., C], bool[..., P].

    A path is the sequence of its operations, whichever nodes they are at, so isomorphic cells have
    the same paths. Shorter paths come first. A length, and all longer ones, are left out if there
    would be more than `most` paths in all; the shortest are always kept. The default is the
    truncation of the authors' code: 30 of the 155 paths of NAS-Bench-201, and 40 of the 364 of
    NAS-Bench-101. Without a cell, the one-hots of the choices (zero if inactive) replace paths.

    Args:
      space: Space of the architectures.
      architecture: int32[..., C].
      most: Largest number of paths.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import encode_paths, get_space
      >>> encode_paths(get_space("nas-bench-201"), np.zeros(6, np.int32)).shape
      (30,)
    """
    architecture = jnp.asarray(architecture, jnp.int32)
    if space.cell is None:
        active = active_choices(space, architecture)
        one_hots = [
            _one_hot(architecture[..., choice], size) & active[..., choice, None]
            for choice, size in enumerate(space.num_options)
        ]
        return jnp.concatenate(one_hots, axis=-1)
    cell, operations = space.cell, architecture[..., np.array(space.cell.labels)]
    topology = jnp.zeros_like(operations[..., 0])
    if cell.topology is not None:
        topology = architecture[..., cell.topology]
    base, found = space.num_options[cell.labels[0]], []
    for nodes, there in _routes(cell, base, most):
        code = indexing.to_flat(operations[..., nodes - 1], [base] * nodes.shape[1])
        code = jnp.where(jnp.asarray(there)[topology], code, -1)
        found.append(jnp.any(_one_hot(code, base ** nodes.shape[1]), axis=-2))
    return jnp.concatenate(found, axis=-1)


def _one_hot(code: Array, size: int) -> Array:
    """bool[..., size] of codes int32[...]; all False for -1."""
    return code[..., None] == jnp.arange(size).reshape((1,) * code.ndim + (size,))


@lru_cache
def _routes(cell: Cell, base: int, most: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """The routes through the cell, for each length that is kept.

    Returns:
      The computing nodes of each route, int[R, length], and the topologies with it, bool[L, R].
    """
    by_topology = [set(_through(edges, cell.num_nodes + 1)) for edges in cell.topologies]
    routes = sorted(set().union(*by_topology), key=lambda route: (len(route), route))
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    total = 0
    for length in dict.fromkeys(map(len, routes)):
        total += base**length
        if kept and total > most:
            break
        these = [route for route in routes if len(route) == length]
        there = np.array([[route in present for route in these] for present in by_topology])
        kept.append((np.array(these, int).reshape(len(these), length), there))
    return tuple(kept)


def _through(edges: Edges, output: int) -> list[tuple[int, ...]]:
    """The computing nodes on each route from the input to the output."""
    done: list[tuple[int, ...]] = []
    waiting: list[tuple[int, ...]] = [(0,)]
    while waiting:
        route = waiting.pop()
        for head in (head for tail, head in edges if tail == route[-1]):
            if head == output:
                done.append(route[1:])
            else:
                waiting.append((*route, head))
    return done
