"""Groups of children of similar size: each computes its own largest network, not the family's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.live.family import Family, TrainableFamily
from nmjax.types import Array, PyTree

_SAMPLE = 256


@dataclass(frozen=True)
class CroppedFamily:
    """A family whose arrays are only as large as those of `group`, which holds all its children.

    Attributes:
      family: Family of the children, by whose choices architectures are given.
      group: Family of the same kind with smaller options.
    """

    family: Family
    group: Family

    def init(self, key: Array, architecture: Array) -> PyTree:
        """The initial weights that the whole family draws, without those beyond the group."""
        return _crop(self.family.init(key, architecture), _shapes(self.group))

    def apply(self, params: PyTree, architecture: Array, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""
        return self.family.apply(params, architecture, x)

    def pad(self, params: PyTree) -> PyTree:
        """Weights of the family's shapes, zero beyond the group, from weights float[N, ...]."""
        count = len(jax.tree.leaves(params)[0])
        return _pad(params, _shapes(self.family), count)


def split_by_size(
    family: Family, architectures: np.ndarray, count: int
) -> list[tuple[TrainableFamily, np.ndarray]]:
    """Sort children into groups of similar size.

    The groups depend only on the family and on `count`, so other children reuse the compiled
    programs.

    Args:
      family: Family of the children.
      architectures: int32[N, C].
      count: Largest number of groups.

    Returns:
      For each group, which may be empty, its family and the positions int[n] of its children.
    """
    groups = _choose_groups(family, count)
    own = [_first_that_holds(groups, family.enclosing(child)) for child in architectures]
    return [
        (CroppedFamily(family, group), np.flatnonzero(np.array(own) == number))
        for number, group in enumerate(groups)
    ]


@lru_cache
def _choose_groups(family: Family, count: int) -> tuple[Family, ...]:
    """Families by increasing size, chosen one by one to lower the mean size of random children."""
    sizes = [len(choice.options) for choice in family.space.choices]
    random = np.random.default_rng(0)
    children = [family.enclosing(row) for row in random.integers(0, sizes, (_SAMPLE, len(sizes)))]
    chosen = {family}
    candidates = sorted(set(children), key=_size)

    def mean_size(groups: Iterable[Family]) -> float:
        ordered = sorted(groups, key=_size)
        return float(np.mean([_size(ordered[_first_that_holds(ordered, c)]) for c in children]))

    while len(chosen) < count:
        best = min(candidates, key=lambda group: mean_size(chosen | {group}))
        if mean_size(chosen | {best}) >= mean_size(chosen):
            break
        chosen.add(best)
    return tuple(sorted(chosen, key=_size))


def _first_that_holds(groups: Iterable[Family], enclosing: Family) -> int:
    """The number of the first group whose arrays are as large as those of a child's family."""
    inner = _shapes(enclosing)
    return next(n for n, group in enumerate(groups) if _is_within(inner, _shapes(group)))


@lru_cache
def _shapes(family: Family) -> PyTree:
    child = jnp.zeros((family.space.num_choices,), jnp.int32)
    return jax.eval_shape(family.init, jax.random.key(0), child)


def _size(family: Family) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(_shapes(family)))


def _is_within(inner: PyTree, outer: PyTree) -> bool:
    if isinstance(inner, Mapping):
        return all(name in outer and _is_within(inner[name], outer[name]) for name in inner)
    return all(small <= large for small, large in zip(inner.shape, outer.shape, strict=True))


def _crop(params: PyTree, shapes: PyTree) -> PyTree:
    if isinstance(shapes, Mapping):
        return {name: _crop(params[name], own) for name, own in shapes.items()}
    return params[tuple(slice(size) for size in shapes.shape)]


def _pad(params: PyTree, shapes: PyTree, count: int) -> PyTree:
    """The inverse of `_crop` for leaves with a leading axis of this length."""
    if isinstance(shapes, Mapping):
        return {name: _pad(params.get(name, {}), own, count) for name, own in shapes.items()}
    padded = jnp.zeros((count, *shapes.shape), shapes.dtype)
    if isinstance(params, Mapping):
        return padded
    return padded.at[tuple(slice(size) for size in params.shape)].set(params)
