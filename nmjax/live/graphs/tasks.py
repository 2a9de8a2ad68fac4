"""Real graphs whose nodes have classes, from data that a package ships; nothing is downloaded."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.live.data import Dataset
from nmjax.live.graphs.nodes import make_graph, split_nodes

_PACKAGE = "graphdatascience"
_Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


class GraphTask(NamedTuple):
    """A graph whose nodes children classify.

    Attributes:
      name: Name that `load_graph_task` takes.
      data: Its nodes.
      inputs: Number D of features of a node.
      classes: Number of classes.

    Example:
      >>> from nmjax.live import GraphTask
      >>> GraphTask._fields
      ('name', 'data', 'inputs', 'classes')
    """

    name: str
    data: Dataset
    inputs: int
    classes: int


def _read(file: str) -> Any:
    """A table of the package's files, which are read without importing the package."""
    spec = find_spec(_PACKAGE)
    path = Path(spec.origin or "").parent / "resources" / file if spec else None
    if path is None or not path.exists():
        raise NmjaxError(
            f"The graphs are data of {_PACKAGE}, which is not installed or has no {file}: "
            'pip install "nmjax[graphs]".'
        )
    from pyarrow import parquet

    return parquet.read_table(path)


def _lists(column: Any) -> np.ndarray:
    """A column of lists of equal length as float32[n, D]."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(column), -1)


def _cora() -> _Arrays:
    nodes = _read("cora/cora_nodes.parquet.gzip")
    links = _read("cora/cora_rels.parquet.gzip")
    ids = nodes["nodeId"].to_numpy()
    order = np.argsort(ids)
    ends = [links[name].to_numpy() for name in ("sourceNodeId", "targetNodeId")]
    edges = order[np.searchsorted(ids[order], np.stack(ends, axis=1))]
    return _lists(nodes["features"]), edges, nodes["subject"].to_numpy()


def _imdb(relation: str) -> Callable[[], _Arrays]:
    """Movies, with an edge between two that share a person of a relation."""

    def read() -> _Arrays:
        labeled = _read("imdb/imdb_movies_with_genre.parquet.gzip")
        others = _read("imdb/imdb_movies_without_genre.parquet.gzip")
        ids = np.concatenate([part["nodeId"].to_numpy() for part in (labeled, others)])
        x = np.concatenate([_lists(part["plot_keywords"]) for part in (labeled, others)])
        y = np.concatenate([labeled["genre"].to_numpy(), np.full(len(others), -1)])
        order = np.argsort(ids)
        links = _read(f"imdb/imdb_{relation}.parquet.gzip")
        people, movies = links["sourceNodeId"].to_numpy(), links["targetNodeId"].to_numpy()
        movies = movies[np.argsort(people, kind="stable")]
        groups = np.split(movies, np.cumsum(np.unique(people, return_counts=True)[1])[:-1])
        pairs = [np.stack(np.meshgrid(own, own), axis=-1).reshape(-1, 2) for own in groups]
        return x[order], np.searchsorted(ids[order], np.concatenate(pairs)), y[order]

    return read


class _Source(NamedTuple):
    read: Callable[[], _Arrays]
    train_per_class: int


_SOURCES = {
    "cora": _Source(_cora, 20),
    "imdb-directors": _Source(_imdb("directed_in"), 100),
    "imdb-actors": _Source(_imdb("acted_in"), 100),
}


def list_graph_tasks() -> tuple[tuple[str, ...], ...]:
    """Return the names of all graph tasks, grouped by the nodes that they are made from.

    Example:
      >>> from nmjax.live import list_graph_tasks
      >>> list_graph_tasks()
      (('cora',), ('imdb-directors', 'imdb-actors'))
    """
    return ("cora",), ("imdb-directors", "imdb-actors")


def load_graph_task(name: str, *, seed: int = 0) -> GraphTask:
    """Return a task of node classification, with 500 selection and 1,000 test nodes.

    "cora" has 2,708 papers with 1,433 words, seven subjects and 5,278 pairs of which one cites the
    other. "imdb-directors" and "imdb-actors" have the same 4,661 movies with 1,256 words of their
    plots, of which 2,939 have one of three genres, and edges between movies that share a director
    or an actor. There are 20 training nodes of each subject, and 100 of each genre. Features are
    scaled to a mean square of 1 for each node.

    The data are those of the Python client of Neo4j's graph data science library; movies come from
    Yun et al. (2019).

    Args:
      name: Name of a task, as in `list_graph_tasks`.
      seed: Seed of the split.

    Raises:
      NmjaxError: The task is unknown, the package is not installed, or the seed is negative or not
        an integer.

    Example:
      >>> from nmjax.live import load_graph_task
      >>> task = load_graph_task("cora")
      >>> task.data.train.x.shape, task.classes
      ((140, 1433), 7)
    """
    if name not in _SOURCES:
        raise unknown_name("graph task", name, _SOURCES)
    source = _SOURCES[name]
    x, edges, y = source.read()
    power = np.mean(np.square(x), axis=1, keepdims=True)
    scaled = x / np.sqrt(np.where(power > 0, power, 1))
    graph = make_graph(scaled, edges)
    data = split_nodes(graph, y, train_per_class=source.train_per_class, seed=seed)
    return GraphTask(name, data, x.shape[1], int(y.max()) + 1)
