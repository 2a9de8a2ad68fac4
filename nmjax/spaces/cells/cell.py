"""Cells: families of labeled directed acyclic graphs, and constructors for common ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nmjax.errors import NmjaxError

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Cell:
    """A labeled directed acyclic graph: node 0 is the input, 1..n compute, n + 1 is the output.

    Attributes:
      labels: For each computing node, the index of the choice that is its operation.
      topologies: L edge lists of pairs (tail, head) with tail < head, one for each option of the
        topology choice.
      topology: Index of the choice that selects the topology; None if there is only one.

    Raises:
      NmjaxError: Edges do not fit, a node has no incoming edge, a choice is used twice, or there
        are several topologies without a choice among them.

    Example:
      >>> from nmjax.spaces import Cell, Choice, Space
      >>> chain = Cell(labels=(0, 1), topologies=(((0, 1), (1, 2), (2, 3)),))
      >>> operations = ("conv", "skip")
      >>> Space.build("chain", [Choice("a", operations), Choice("b", operations)], cell=chain).size
      4
    """

    labels: tuple[int, ...]
    topologies: tuple[Edges, ...]
    topology: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        topologies = tuple(tuple((int(a), int(b)) for a, b in edges) for edges in self.topologies)
        object.__setattr__(self, "topologies", topologies)
        used = [*self.labels, *([] if self.topology is None else [self.topology])]
        if not self.labels or len(set(used)) != len(used):
            raise NmjaxError(
                f"A cell got the choices {used} for its nodes and topology; "
                "give each computing node, and the topology, a choice of its own."
            )
        if not topologies or (self.topology is None and len(topologies) != 1):
            raise NmjaxError(
                f"A cell without a topology choice got {len(topologies)} topologies; "
                "give exactly one, or name the choice that picks among them."
            )
        for edges in topologies:
            self._check(edges)

    def _check(self, edges: Edges) -> None:
        output = len(self.labels) + 1
        wrong = [edge for edge in edges if not 0 <= edge[0] < edge[1] <= output]
        if wrong or len(set(edges)) != len(edges):
            raise NmjaxError(
                f"A cell of {output - 1} computing nodes got the edges {wrong or list(edges)}; "
                f"give distinct pairs (tail, head) with 0 <= tail < head <= {output}."
            )
        lonely = sorted(set(range(1, output + 1)) - {head for _, head in edges})
        if lonely:
            raise NmjaxError(f"Nothing feeds the nodes {lonely} of a cell; add an edge to each.")

    @property
    def num_nodes(self) -> int:
        """Number n of computing nodes."""
        return len(self.labels)

    @property
    def adjacency(self) -> np.ndarray:
        """Whether the row's node feeds the column's, in each topology: bool[L, n + 2, n + 2]."""
        size = self.num_nodes + 2
        adjacency = np.zeros((len(self.topologies), size, size), bool)
        for matrix, edges in zip(adjacency, self.topologies, strict=True):
            matrix[tuple(np.transpose(edges))] = True
        return adjacency

    @property
    def depths(self) -> np.ndarray:
        """Distance of each computing node from the input, in each topology: int[L, n]."""
        depths = np.zeros((len(self.topologies), self.num_nodes + 2), int)
        for row, matrix in zip(depths, self.adjacency, strict=True):
            for node in range(1, self.num_nodes + 2):
                row[node] = 1 + row[:node][matrix[:node, node]].min()
        return depths[:, 1:-1]


def rooted_tree(parents: Sequence[int]) -> Edges:
    """The edges of a tree in which node i + 1 is fed by `parents[i]`; leaves feed the output.

    Example:
      >>> from nmjax.spaces import rooted_tree
      >>> rooted_tree((0, 1, 1))
      ((0, 1), (1, 2), (1, 3), (2, 4), (3, 4))
    """
    output = len(parents) + 1
    leaves = sorted(set(range(output)) - set(parents))
    return (
        *((parent, node) for node, parent in enumerate(parents, start=1)),
        *((leaf, output) for leaf in leaves),
    )


def line_graph(edges: Iterable[tuple[int, int]]) -> Edges:
    """The node-labeled form of a DAG whose operations sit on its edges.

    Edge e becomes computing node e + 1; it feeds the edges that start where it ends. Edges from the
    first node of the DAG are fed by the input, edges to the last feed the output.

    Example:
      >>> from nmjax.spaces import line_graph
      >>> line_graph([(0, 1), (1, 2)])
      ((0, 1), (1, 2), (2, 3))
    """
    edges = list(edges)
    first, last = min(tail for tail, _ in edges), max(head for _, head in edges)
    numbered = list(enumerate(edges, start=1))
    return (
        *((0, i) for i, (tail, _) in numbered if tail == first),
        *((i, j) for i, (_, head) in numbered for j, (tail, _) in numbered if head == tail),
        *((i, len(edges) + 1) for i, (_, head) in numbered if head == last),
    )
