"""TransNAS-Bench-101 micro: the cell of NAS-Bench-201, four operations (Duan et al. 2021, CVPR)."""

from functools import lru_cache

import numpy as np

from nmjax.spaces.catalog.nas_bench_201 import EDGES
from nmjax.spaces.cells.cell import Cell, line_graph
from nmjax.spaces.cells.isomorphism import expression_codes, look_up, representatives
from nmjax.spaces.description.choices import Choice
from nmjax.spaces.description.space import Space
from nmjax.types import Array

OPERATIONS = ("none", "skip", "conv1x1", "conv3x3")


@lru_cache
def _representatives() -> np.ndarray:
    return representatives(expression_codes(EDGES, OPERATIONS, "none", "skip"))


def _canonical(architecture: Array) -> Array:
    return look_up(_representatives(), [len(OPERATIONS)] * len(EDGES), architecture)


TRANSNAS101_MICRO = Space.build(
    name="transnas101-micro",
    choices=tuple(Choice(f"op{edge}", OPERATIONS) for edge in range(len(EDGES))),
    cell=Cell(labels=tuple(range(len(EDGES))), topologies=(line_graph(EDGES),)),
    canonical=_canonical,
)
