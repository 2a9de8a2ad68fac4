"""An independent reference: one network at its own size, trained alone in plain Flax and Optax."""

import jax
import jax.numpy as jnp
import optax

from nmjax.live import batch_order


def small_data(features=4, classes=3, rows=24, seed=0):
    """Rows of random features, whose class depends on them."""
    from nmjax.live import Dataset, Rows

    keys = jax.random.split(jax.random.key(seed), 4)
    weights = jax.random.normal(keys[3], (features, classes))
    parts = [jax.random.normal(key, (rows, features)) for key in keys[:3]]
    return Dataset(*(Rows(x, jnp.argmax(x @ weights, axis=-1).astype(jnp.int32)) for x in parts))


def train_plainly(module, variables, data, order_key, hyper, config):
    """The trained variables, and the accuracy on the selection rows after each epoch."""
    order = batch_order(order_key, len(data.train.y), config)
    steps = order.shape[0] * order.shape[1]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rate = optax.cosine_decay_schedule(hyper.learning_rate, steps)
        if config.optimizer == "adamw":
            optimizer = optax.adamw(rate, b1=hyper.momentum, weight_decay=hyper.weight_decay)
        else:
            optimizer = optax.sgd(rate, momentum=hyper.momentum)
        opt_state = optimizer.init(variables)

        @jax.jit
        def step(variables, opt_state, x, y):
            def loss(variables):
                logits = module.apply(variables, x)
                return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

            updates, opt_state = optimizer.update(jax.grad(loss)(variables), opt_state, variables)
            return optax.apply_updates(variables, updates), opt_state

        predict = jax.jit(module.apply)
        curve = []
        for batches in order:
            for rows in batches:
                x, y = data.train.x[rows], data.train.y[rows]
                variables, opt_state = step(variables, opt_state, x, y)
            right = jnp.argmax(predict(variables, data.selection.x), -1) == data.selection.y
            curve.append(float(right.mean()))
    return variables, curve
