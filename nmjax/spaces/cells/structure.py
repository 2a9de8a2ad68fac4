"""Structural features of cells: counts in the graph, multilinear in soft choices.

The labels are the operations, the input and the output. The counts are of each operation; each
operation at each distance >= 2 from the input; each pair (a feeds b), where "input>a" counts the
operations at distance 1 and "a>output" the leaves; and, if there are at most `MAX_PATHS` of them,
each path a>b>c. Counts that are zero for all architectures of the cell are left out.
"""

from functools import lru_cache, partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.spaces.cells.cell import Cell
from nmjax.spaces.description.options import option_text
from nmjax.spaces.description.space import Space
from nmjax.types import Array

MAX_PATHS = 250


class _Layout(NamedTuple):
    """The entries of each raw count [counts, by depth, pairs, paths] that the encoding keeps."""

    kept: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...]


def counts(space: Space, probabilities: Array) -> Array:
    """Expected counts float32[..., S] under independent choices, float32[..., C, O]."""
    cell = _cell_of(space)
    kept = _layout(space).kept
    operations = probabilities[..., np.array(cell.labels), : _num_operations(space)]
    if cell.topology is None:
        topology = jnp.ones((*probabilities.shape[:-2], 1), jnp.float32)
    else:
        topology = probabilities[..., cell.topology, : len(cell.topologies)]
    einsum = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    raw = _raw_counts(jnp, einsum, cell, topology, operations, with_paths=len(kept[-1]) > 0)
    return jnp.concatenate(
        [part[..., index] for part, index in zip(raw, kept, strict=False)], axis=-1
    )


def count_names(space: Space) -> tuple[str, ...]:
    """Names of the S counts, such as "count gat", "gat at depth 2" or "gat>output"."""
    return _layout(space).names


def count_kinds(space: Space) -> tuple[str, ...]:
    """Group of each of the S counts: "operations", "depths", "pairs" or "paths"."""
    return _layout(space).kinds


def _raw_counts(
    xp: ModuleType, einsum: Any, cell: Cell, topology: Any, operations: Any, *, with_paths: bool
) -> list[Any]:
    """All counts, flat, of topology [..., L] and operations [..., n, o], for NumPy or JAX."""
    batch = operations.shape[:-2]
    num_nodes, num_operations = operations.shape[-2:]
    edges = cell.adjacency.astype(np.float32)
    depth = np.arange(2, num_nodes + 1)
    at_depth = (cell.depths[:, :, None] == depth[None, None, :]).astype(np.float32)
    ends = np.zeros((num_nodes + 2, num_operations + 2), np.float32)
    ends[0, -2] = ends[-1, -1] = 1
    padded = xp.pad(operations, [(0, 0)] * len(batch) + [(1, 1), (0, 2)])
    labels = padded + xp.broadcast_to(ends, padded.shape)
    raw = [
        operations.sum(axis=-2),
        einsum("...l,lid,...io->...do", topology, at_depth, operations),
        einsum("...l,lij,...ia,...jb->...ab", topology, edges, labels, labels),
    ]
    if with_paths:
        subscripts = "...l,lij,ljk,...ia,...jb,...kc->...abc"
        raw.append(einsum(subscripts, topology, edges, edges, labels, labels, labels))
    return [part.reshape((*batch, -1)) for part in raw]


@lru_cache
def _layout(space: Space) -> _Layout:
    cell, num_operations = _cell_of(space), _num_operations(space)
    possible = _raw_counts(
        np,
        partial(np.einsum, optimize=True),
        cell,
        np.ones(len(cell.topologies), np.float32),
        np.ones((cell.num_nodes, num_operations), np.float32),
        with_paths=True,
    )
    kept = [np.flatnonzero(part) for part in possible]
    if len(kept[-1]) > MAX_PATHS:
        kept[-1] = kept[-1][:0]
    options = [option_text(option) for option in space.choices[cell.labels[0]].options]
    labels = [*options, "input", "output"]
    names = (
        [f"count {a}" for a in options],
        [f"{a} at depth {depth}" for depth in range(2, cell.num_nodes + 1) for a in options],
        [f"{a}>{b}" for a in labels for b in labels],
        [f"{a}>{b}>{c}" for a in labels for b in labels for c in labels],
    )
    flat = [part[i] for part, index in zip(names, kept, strict=True) for i in index]
    kinds = np.repeat(["operations", "depths", "pairs", "paths"], [len(index) for index in kept])
    return _Layout(tuple(kept), tuple(flat), tuple(kinds.tolist()))


def _cell_of(space: Space) -> Cell:
    assert space.cell is not None
    return space.cell


def _num_operations(space: Space) -> int:
    return space.num_options[_cell_of(space).labels[0]]
