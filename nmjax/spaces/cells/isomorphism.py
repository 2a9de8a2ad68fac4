"""Isomorphic architectures, which are the same computation, and a representative of each class.

A *code* is an array over the flat indices of a whole space; equal codes mean isomorphic. From it a
table of representatives is made, with which a canonical form is one gather.
"""

from collections.abc import Sequence
from itertools import product

import jax.numpy as jnp
import numpy as np

from nmjax.spaces import indexing
from nmjax.types import Array


def representatives(codes: np.ndarray) -> np.ndarray:
    """The lowest flat index with the same code as each: int32[size] of codes [size]."""
    _, first, label = np.unique(codes, return_index=True, return_inverse=True)
    return first[label].astype(np.int32)


def look_up(table: np.ndarray, num_options: Sequence[int], architecture: Array) -> Array:
    """The representative int32[..., C] of architecture int32[..., C]; table int32[size]."""
    index = jnp.asarray(table)[indexing.to_flat(architecture, num_options)]
    found: Array = indexing.from_flat(index, num_options)
    return found


def tree_codes(trees: Sequence[Sequence[int]], num_operations: int, identity: int) -> np.ndarray:
    """Codes int64[L * num_operations**n] of rooted trees of n operations with a pass-through.

    The choices are the tree, then the operation of each node; `trees[l][i]` is the parent of node
    i + 1, and 0 is the input. An identity with children is contracted. A childless one adds its
    parent's value to the output: it is kept if the parent has other children, and removed if it is
    the only child (the parent takes its place) or if the parent is the raw input. Sibling order
    does not matter. The code is 0 if no node is left (Qin et al. 2022, NAS-Bench-Graph).
    """
    operations = np.indices((num_operations,) * len(trees[0])).reshape(len(trees[0]), -1)
    codes = np.empty((len(trees), operations.shape[1]), np.int64)
    for row, parents in zip(codes, trees, strict=True):
        for pattern in product((False, True), repeat=len(parents)):
            here = np.all((operations == identity) == np.array(pattern)[:, None], axis=0)
            row[here] = _tree_code(parents, pattern, operations[:, here], num_operations + 1)
    return codes.reshape(-1)


def _tree_code(
    parents: Sequence[int], is_identity: Sequence[bool], operations: np.ndarray, base: int
) -> np.ndarray:
    """int64[B] of operations int[n, B]: preorder digits, 0 closing a node, least subtree first."""

    def fed_by(node: int) -> list[int]:
        found: list[int] = []
        for child in (i for i, parent in enumerate(parents, start=1) if parent == node):
            found += (fed_by(child) or [child]) if is_identity[child - 1] else [child]
        passing = [child for child in found if is_identity[child - 1]]
        if node == 0:
            return [child for child in found if child not in passing]
        return [] if len(passing) == len(found) == 1 else found

    def below(node: int) -> tuple[np.ndarray, int]:
        subtrees = [closed(child) for child in fed_by(node)]
        code, width = np.zeros(operations.shape[1], np.int64), 0
        for size in sorted({size for _, size in subtrees}):
            for subtree in np.sort([code for code, other in subtrees if other == size], axis=0):
                code, width = code * base**size + subtree, width + size
        return code, width

    def closed(node: int) -> tuple[np.ndarray, int]:
        code, width = below(node)
        return ((operations[node - 1] + 1) * base**width + code) * base, width + 2

    return below(0)[0]


def expression_codes(
    edges: Sequence[tuple[int, int]], operations: Sequence[str], zero: str, identity: str
) -> np.ndarray:
    """Codes int64[len(operations)**len(edges)] of DAGs with an operation on each edge.

    Nodes are sums over their incoming edges, written as sorted expressions in which the identity
    copies its input and the zero, or any edge from a zero node, is `#`. This is the published rule
    of NAS-Bench-201 (Dong and Yang 2020, 6,466 of 15,625 cells). It never merges two different
    computations, but separates some equal ones, because the zeros of a sum are counted.
    """
    last = max(head for _, head in edges)

    def expression(choice: tuple[str, ...]) -> str:
        nodes = {0: "0"}
        for node in range(1, last + 1):
            terms = []
            for (tail, head), operation in zip(edges, choice, strict=True):
                if head != node:
                    continue
                if operation == zero or nodes[tail] == "#":
                    terms.append("#")
                else:
                    value = nodes[tail]
                    terms.append(value if operation == identity else f"({value})@{operation}")
            nodes[node] = "+".join(sorted(terms))
        return nodes[last]

    expressions = [expression(choice) for choice in product(operations, repeat=len(edges))]
    return np.unique(expressions, return_inverse=True)[1]
