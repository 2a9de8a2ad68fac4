"""NAS-Bench-201: six operations on the edges of a four-node DAG (Dong and Yang 2020, ICLR)."""

from functools import lru_cache

import numpy as np

from nmjax.spaces.cells.cell import Cell, line_graph
from nmjax.spaces.cells.isomorphism import expression_codes, look_up, representatives
from nmjax.spaces.description.choices import Choice
from nmjax.spaces.description.space import Space
from nmjax.types import Array

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


@lru_cache
def _representatives() -> np.ndarray:
    return representatives(expression_codes(EDGES, OPERATIONS, "none", "skip_connect"))


def _canonical(architecture: Array) -> Array:
    return look_up(_representatives(), [len(OPERATIONS)] * len(EDGES), architecture)


NAS_BENCH_201 = Space.build(
    name="nas-bench-201",
    choices=tuple(Choice(f"Op{edge}", OPERATIONS) for edge in range(len(EDGES))),
    cell=Cell(labels=tuple(range(len(EDGES))), topologies=(line_graph(EDGES),)),
    canonical=_canonical,
)
