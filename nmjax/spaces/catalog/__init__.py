"""Spaces of benchmarks, by name."""

from nmjax.errors import unknown_name
from nmjax.spaces.catalog.dataset2vec import DATASET2VEC_A, DATASET2VEC_B, DATASET2VEC_C
from nmjax.spaces.catalog.fbnet import FBNET
from nmjax.spaces.catalog.hpobench import HPOBENCH
from nmjax.spaces.catalog.hpolib import HPOLIB
from nmjax.spaces.catalog.live_mlp import LIVE_MLP
from nmjax.spaces.catalog.mdesign import MDESIGN_GRAPH, MDESIGN_LINK, MDESIGN_NODE
from nmjax.spaces.catalog.nas_bench_201 import NAS_BENCH_201
from nmjax.spaces.catalog.nas_bench_graph import NAS_BENCH_GRAPH, NAS_BENCH_GRAPH_PROTEINS
from nmjax.spaces.catalog.transnas101_micro import TRANSNAS101_MICRO
from nmjax.spaces.description.space import Space

_SPACES = {
    space.name: space
    for space in (
        DATASET2VEC_A,
        DATASET2VEC_B,
        DATASET2VEC_C,
        FBNET,
        HPOBENCH,
        HPOLIB,
        LIVE_MLP,
        MDESIGN_GRAPH,
        MDESIGN_LINK,
        MDESIGN_NODE,
        NAS_BENCH_201,
        NAS_BENCH_GRAPH,
        NAS_BENCH_GRAPH_PROTEINS,
        TRANSNAS101_MICRO,
    )
}


def names() -> tuple[str, ...]:
    """Names of the spaces that `get_space` returns.

    Example:
      >>> from nmjax.spaces import catalog
      >>> "nas-bench-201" in catalog.names()
      True
    """
    return tuple(_SPACES)


def get_space(name: str) -> Space:
    """The space of a public benchmark.

    Args:
      name: One of `nmjax.spaces.catalog.names()`.

    Raises:
      NmjaxError: The name is unknown; the message suggests the nearest ones.

    Example:
      >>> from nmjax.spaces import get_space
      >>> get_space("nas-bench-201").size
      15625
    """
    if name not in _SPACES:
        raise unknown_name("space", name, _SPACES)
    return _SPACES[name]


__all__ = ["get_space", "names"]
