"""Random rows for children, and the reference: one network trained alone in plain Flax."""

import jax
import jax.numpy as jnp

from benchmarks.live.equivalence import train_alone
from nmjax.live import Dataset, Rows, batch_order


def small_data(features=4, classes=3, rows=24, seed=0):
    """Rows of random features, whose class depends on them."""
    keys = jax.random.split(jax.random.key(seed), 4)
    weights = jax.random.normal(keys[3], (features, classes))
    parts = [jax.random.normal(key, (rows, features)) for key in keys[:3]]
    return Dataset(*(Rows(x, jnp.argmax(x @ weights, axis=-1).astype(jnp.int32)) for x in parts))


def train_plainly(module, variables, data, order_key, hyper, config):
    """The trained variables, and the accuracy on the selection rows after each epoch."""
    order = batch_order(order_key, len(data.train.y), config)
    return train_alone(module, variables, data, order, hyper, config)
