"""Nodes of a graph as the inputs of children, in place of rows of features."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError, check_seed
from nmjax.live.data import Dataset, Rows
from nmjax.types import Array


class Graph(NamedTuple):
    """An undirected graph without self-loops, as `make_graph` makes it.

    Attributes:
      features: float32[n, D], features of each node.
      senders: int32[E], the node at which each directed edge begins; edges go both ways.
      receivers: int32[E], the node at which it ends, increasing.
      degree: float32[n], number of neighbors of each node.

    Example:
      >>> from nmjax.live import make_graph
      >>> make_graph([[1.0], [2.0], [3.0]], [[0, 1], [1, 2]]).degree.tolist()
      [1.0, 2.0, 1.0]
    """

    features: Array
    senders: Array
    receivers: Array
    degree: Array


@partial(jax.tree_util.register_dataclass, data_fields=["graph", "index"], meta_fields=[])
@dataclass(frozen=True)
class Nodes:
    """Some nodes of a graph: the inputs of a `GraphFamily`. Indexing takes some of them.

    Attributes:
      graph: The whole graph, which a network reads.
      index: int32[B], the nodes to classify.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.live import Nodes, make_graph
      >>> nodes = Nodes(make_graph([[1.0], [2.0], [3.0]], [[0, 1], [1, 2]]), jnp.array([0, 2]))
      >>> nodes.shape, nodes[jnp.array([1])].index.tolist()
      ((2, 1), [2])
    """

    graph: Graph
    index: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Number of nodes, and of features of each."""
        return self.index.shape[0], self.graph.features.shape[1]

    def __len__(self) -> int:
        return int(self.index.shape[0])

    def __getitem__(self, rows: Array) -> "Nodes":
        return Nodes(self.graph, self.index[rows])


def make_graph(features: ArrayLike, edges: ArrayLike) -> Graph:
    """Return the undirected graph with these edges, without self-loops and repeated edges.

    Args:
      features: float[n, D], features of each node.
      edges: int[M, 2], pairs of nodes numbered from 0, each in either direction.

    Raises:
      NmjaxError: Shapes do not fit, a feature is not finite, or an edge has no such node.

    Example:
      >>> from nmjax.live import make_graph
      >>> graph = make_graph([[1.0], [2.0], [3.0]], [[0, 1], [1, 0], [2, 2]])
      >>> graph.senders.tolist(), graph.receivers.tolist()
      ([1, 0], [0, 1])
    """
    rows, pairs = np.asarray(features, np.float32), np.asarray(edges)
    if rows.ndim != 2 or pairs.ndim != 2 or pairs.shape[1] != 2:
        raise NmjaxError(
            f"Got features {list(rows.shape)} and edges {list(pairs.shape)}, expected float[n, D] "
            "and int[M, 2]: give one row of features a node, and one pair of nodes an edge."
        )
    if not np.isfinite(rows).all():
        raise NmjaxError("Got features that are not all finite: leave out or fill those nodes.")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(rows)):
        raise NmjaxError(
            f"Got edges between nodes {pairs.min()} to {pairs.max()}, expected 0 to "
            f"{len(rows) - 1}: number the nodes as the rows of features."
        )
    both = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    receivers, senders = both[both[:, 0] != both[:, 1]].T.astype(np.int32)
    degree = np.bincount(receivers, minlength=len(rows)).astype(np.float32)
    return Graph(*map(jnp.asarray, (rows, senders, receivers, degree)))


def split_nodes(
    graph: Graph,
    y: ArrayLike,
    *,
    train_per_class: int = 20,
    selection: int = 500,
    test: int = 1000,
    seed: int = 0,
) -> Dataset:
    """Split the labeled nodes of a graph at random for transductive classification.

    A network reads the features of all nodes and all edges, and the labels of the training nodes.
    The defaults are the sizes of Planetoid's splits (Yang et al., 2016).

    Args:
      graph: Graph of the nodes.
      y: int[n], class of each node from 0, or -1 where it is unknown.
      train_per_class: Number of training nodes of each class.
      selection: Number of selection nodes.
      test: Number of test nodes.
      seed: Seed of the split.

    Raises:
      NmjaxError: The classes are not one for each node, a number is not positive, or there are too
        few labeled nodes.

    Example:
      >>> import numpy as np
      >>> from nmjax.live import make_graph, split_nodes
      >>> graph = make_graph(np.eye(12), [[0, 1]])
      >>> data = split_nodes(graph, np.arange(12) % 2, train_per_class=2, selection=3, test=4)
      >>> [len(rows.y) for rows in data]
      [4, 3, 4]
    """
    classes = np.asarray(y)
    check_seed(seed)
    if classes.shape != (len(graph.degree),) or not np.issubdtype(classes.dtype, np.integer):
        raise NmjaxError(
            f"Got classes {classes.dtype}{list(classes.shape)}, expected int[{len(graph.degree)}]: "
            "give one class for each node, or -1."
        )
    if min(train_per_class, selection, test) < 1:
        raise NmjaxError(
            f"Got train_per_class={train_per_class}, selection={selection}, test={test}; give 1 or "
            "more of each."
        )
    counts = np.bincount(classes[classes >= 0])
    if len(counts) < 2 or counts.min() < train_per_class:
        raise NmjaxError(
            f"Got classes with {counts.tolist()} nodes, expected two or more classes of at least "
            f"{train_per_class} nodes: lower train_per_class."
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(np.flatnonzero(classes >= 0))
    chosen = [order[classes[order] == label][:train_per_class] for label in range(len(counts))]
    train = generator.permutation(np.concatenate(chosen))
    others = order[~np.isin(order, train)]
    if len(others) < selection + test:
        raise NmjaxError(
            f"Got {len(others)} labeled nodes beside those to train on, fewer than "
            f"selection={selection} and test={test} together: lower them."
        )
    parts = (train, *np.split(others[: selection + test], [selection]))
    return Dataset(
        *(
            Rows(
                Nodes(graph, jnp.asarray(part.astype(np.int32))),
                jnp.asarray(classes[part].astype(np.int32)),
            )
            for part in parts
        )
    )
