"""Meta-train a Bayesian last layer and its features, cross-fitted over folds of tasks.

The network maximizes the evidence of past tasks (empirical Bayes). One is trained without each fold
of tasks, and one on all tasks. The former show how well the network predicts tasks that it was not
trained on, and after how many updates; the latter is kept.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from nmjax.knowledge.config import LearnConfig
from nmjax.knowledge.features import predictor_network
from nmjax.knowledge.standardized_past import Past
from nmjax.meta import Batch, LastLayerParams, init_last_layer, last_layer_evidence
from nmjax.optimize import descend
from nmjax.types import Array, PyTree

_WEIGHT_SCALE = 0.1
_log_evidence = last_layer_evidence(predictor_network().features)


class TrainedNetwork(NamedTuple):
    """A meta-trained network and the diagnostics of its training.

    Attributes:
      params: Network trained on all tasks; None without a network.
      held_out: Networks of S tasks, each trained without the task's fold, leaves [S, ...].
      train_loss: float[E], negative log evidence per evaluation of the tasks trained on, after each
        `evaluate_every` updates.
      validation_loss: float[E], the same of the tasks held out.
      best_step: int32[], number of updates, where the loss of the tasks held out is lowest.
      generalization_gap: float[], validation loss minus training loss there.
    """

    params: LastLayerParams | None
    held_out: LastLayerParams | None
    train_loss: Array
    validation_loss: Array
    best_step: Array
    generalization_gap: Array


def no_network(config: LearnConfig) -> TrainedNetwork:
    """Placeholder without parameters, for learning without a network."""
    nans = jnp.asarray(np.full(config.meta_steps // config.evaluate_every, np.nan, np.float32))
    return TrainedNetwork(
        None, None, nans, nans, jnp.asarray(np.int32(0)), jnp.asarray(np.float32(np.nan))
    )


def train_network(
    key: Array,
    past: Past,
    folds: np.ndarray,
    config: LearnConfig,
    meta_rate: ArrayLike | None = None,
) -> TrainedNetwork:
    """Meta-train a network on all tasks, and one without each fold int[S].

    A `meta_rate` float[], which may be traced, takes precedence over that of `config`.
    """
    names, fold = np.unique(folds, return_inverse=True)
    trained_on = np.concatenate(
        [fold[None] != np.arange(len(names))[:, None], np.ones((1, len(fold)), bool)]
    )
    rate = jnp.asarray(config.meta_rate if meta_rate is None else meta_rate, past.y.dtype)
    trained: TrainedNetwork = _train(
        key, past, fold.astype(np.int32), trained_on, rate, config=config
    )
    return trained


@partial(jax.jit, static_argnames="config")
def _train(
    key: Array, past: Past, fold: Array, trained_on: Array, rate: Array, *, config: LearnConfig
) -> TrainedNetwork:
    """Train G networks, each on the tasks of its row of `trained_on` bool[G, S], in lockstep."""
    init_key, validation_key, train_key = jax.random.split(key, 3)
    tasks, rows = past.y.shape
    drawn_tasks, drawn_rows = min(config.meta_tasks, tasks), min(config.meta_rows, rows)
    optimizer = optax.adam(rate)
    network = predictor_network()

    def draw(key: Array, task: Array) -> Batch:
        noise = jax.random.gumbel(key, (rows,), past.y.dtype)
        y = past.y[task]
        at = jax.lax.top_k(jnp.where(jnp.isnan(y), -jnp.inf, noise), drawn_rows)[1]
        return Batch(past.x[task, at], y[at], ~jnp.isnan(y[at]))

    def losses(params: LastLayerParams, batches: Batch) -> Array:
        number = jnp.sum(batches.mask, axis=-1).astype(batches.y.dtype)
        return -jax.vmap(_log_evidence, in_axes=(None, 0))(params, batches) / number

    everything = jax.vmap(draw)(
        jax.random.split(validation_key, tasks), jnp.arange(tasks, dtype=jnp.int32)
    )

    def evaluate(params: LastLayerParams, trained_on: Array) -> Array:
        """Mean losses float[2] of the tasks trained on and of those held out."""
        loss = losses(params, everything)
        return jnp.stack([_mean_where(loss, trained_on), _mean_where(loss, ~trained_on)])

    def update(
        carried: tuple[LastLayerParams, PyTree], trained_on: Array, key: Array
    ) -> tuple[LastLayerParams, PyTree]:
        params, opt_state = carried
        task_key, row_key = jax.random.split(key)
        allowed = jnp.where(trained_on, 0.0, -jnp.inf)
        chosen = jax.random.categorical(task_key, allowed, shape=(drawn_tasks,))
        batches = jax.vmap(draw)(jax.random.split(row_key, drawn_tasks), chosen)
        gradient = jax.grad(lambda params: jnp.mean(losses(params, batches)))(params)
        params, opt_state, _ = descend(optimizer, gradient, opt_state, params)
        return params, opt_state

    def chunk(carried: PyTree, keys: Array) -> tuple[PyTree, tuple[LastLayerParams, Array]]:
        def step(carried: PyTree, key: Array) -> tuple[PyTree, None]:
            return jax.vmap(update, in_axes=(0, 0, None))(carried, trained_on, key), None

        carried, _ = jax.lax.scan(step, carried, keys)
        return carried, (carried[0], jax.vmap(evaluate)(carried[0], trained_on))

    first = init_last_layer(
        network.init(init_key, past.x.shape[-1]), network.hidden[-1], _WEIGHT_SCALE
    )
    start = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(trained_on)), first)
    chunks = config.meta_steps // config.evaluate_every
    keys = jax.random.split(train_key, (chunks, config.evaluate_every))
    _, (params, loss) = jax.lax.scan(chunk, (start, jax.vmap(optimizer.init)(start)), keys)

    # The last network has no task held out.
    train_loss, validation_loss = jnp.mean(loss[:, :-1], axis=1).T
    best = jnp.argmin(validation_loss)
    at_best = jax.tree.map(lambda leaf: leaf[best], params)
    return TrainedNetwork(
        jax.tree.map(lambda leaf: leaf[-1], at_best),
        jax.tree.map(lambda leaf: leaf[fold], at_best),
        train_loss,
        validation_loss,
        (1 + best.astype(jnp.int32)) * config.evaluate_every,
        validation_loss[best] - train_loss[best],
    )


def _mean_where(values: Array, where: Array) -> Array:
    """Mean of the values where a mask is True; 0 if it is nowhere."""
    number = jnp.maximum(jnp.sum(where), 1).astype(values.dtype)
    return jnp.sum(jnp.where(where, values, 0)) / number
