"""NAS-Bench-Graph: trees of four graph neural network layers (Qin et al. 2022, NeurIPS D&B)."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np

from nmjax.spaces.cells.cell import Cell, rooted_tree
from nmjax.spaces.cells.isomorphism import look_up, representatives, tree_codes
from nmjax.spaces.description.choices import Choice
from nmjax.spaces.description.space import Space
from nmjax.types import Array

LINKS = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
PROTEINS_OPERATIONS = ("gcn", "sage", "arma", "fc", "skip")
_PARENTS = tuple(tuple(int(digit) for digit in link) for link in LINKS)


@lru_cache
def _representatives(num_operations: int) -> np.ndarray:
    return representatives(tree_codes(_PARENTS, num_operations, identity=num_operations - 1))


def _space(name: str, operations: tuple[str, ...]) -> Space:
    skip = len(operations) - 1
    num_options = (len(LINKS), *[len(operations)] * 4)

    def valid(architecture: Array) -> Array:
        return jnp.any(architecture[..., 1:] != skip, axis=-1)

    def canonical(architecture: Array) -> Array:
        return look_up(_representatives(len(operations)), num_options, architecture)

    return Space.build(
        name=name,
        choices=(
            Choice("link", LINKS),
            *(Choice(f"op{node}", operations) for node in range(1, 5)),
        ),
        cell=Cell(
            labels=(1, 2, 3, 4),
            topologies=tuple(rooted_tree(parents) for parents in _PARENTS),
            topology=0,
        ),
        valid=valid,
        canonical=canonical,
    )


NAS_BENCH_GRAPH = _space("nas-bench-graph", OPERATIONS)
NAS_BENCH_GRAPH_PROTEINS = _space("nas-bench-graph-proteins", PROTEINS_OPERATIONS)
