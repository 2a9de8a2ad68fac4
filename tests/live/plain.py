"""Random rows for children, and the reference: one network trained alone in plain Flax."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.live.equivalence import train_alone
from nmjax.live import Dataset, Rows, batch_order, make_graph, split_nodes


def small_data(features=4, classes=3, rows=24, seed=0):
    """Rows of random features, whose class depends on them."""
    keys = jax.random.split(jax.random.key(seed), 4)
    weights = jax.random.normal(keys[3], (features, classes))
    parts = [jax.random.normal(key, (rows, features)) for key in keys[:3]]
    return Dataset(*(Rows(x, jnp.argmax(x @ weights, axis=-1).astype(jnp.int32)) for x in parts))


def small_graph(features=4, nodes=12, edges=14, seed=0):
    """A random graph, whose last node has no neighbors."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(nodes, features))
    return make_graph(x, generator.integers(0, nodes - 1, (edges, 2)))


def small_nodes(features=4, classes=3, **sizes):
    """Nodes of a random graph, whose class depends on their features."""
    graph = small_graph(features, nodes=60, edges=90)
    y = np.argsort(np.argsort(np.asarray(graph.features[:, 0]))) * classes // 60
    return split_nodes(graph, y, **{"train_per_class": 8, "selection": 12, "test": 12, **sizes})


def train_plainly(module, variables, data, order_key, hyper, config):
    """The trained variables, and the accuracy on the selection rows after each epoch."""
    order = batch_order(order_key, len(data.train.y), config)
    return train_alone(module, variables, data, order, hyper, config)
