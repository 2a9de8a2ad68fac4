"""Meta-train the network on past tasks, with early stopping on held-out ones."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nmjax.knowledge.config import LearnConfig
from nmjax.knowledge.features import predictor_network
from nmjax.knowledge.standardized_past import Past
from nmjax.meta import (
    Curves,
    MAMLHyper,
    MetaLearner,
    TrainState,
    init_training,
    maml,
    squared_error,
    train_chunk,
)
from nmjax.tasks import Episode, sample_episode
from nmjax.types import Array, PyTree

EPISODES_A_TASK = 8

Rows = tuple[Array, Array, Array]
"""Standardized encodings, normal scores and masks of tasks."""


class TrainedNetwork(NamedTuple):
    """A meta-trained network and the diagnostics of its training.

    Attributes:
      params: Parameters with the lowest loss on the held-out tasks; None without a network.
      location: float[h], mean of the network's features over the tasks it was trained on.
      scale: float[h], their standard deviation, times sqrt(h).
      curves: Losses of the training.
      best_step: int32[], meta-update whose parameters were kept.
      generalization_gap: float[], validation loss minus training loss at that update.
    """

    params: PyTree
    location: Array
    scale: Array
    curves: Curves
    best_step: Array
    generalization_gap: Array


def train_network(
    key: Array, past: Past, held_out: np.ndarray, config: LearnConfig
) -> TrainedNetwork:
    """Meta-train on the tasks that are not in `held_out` bool[S]; validate on the others."""
    state, tasks, validation = _prepare(
        key,
        past,
        np.flatnonzero(~held_out),
        np.repeat(np.flatnonzero(held_out), EPISODES_A_TASK),
        config=config,
    )
    state, curves = train_chunk(
        state,
        tasks,
        validation,
        MAMLHyper(jnp.asarray(config.inner_rate)),
        learner=_learner(config),
        sample_tasks=_sampler(config),
        steps=config.meta_steps,
        evaluate_every=config.evaluate_every,
        patience=config.patience,
    )
    params = state.best_params
    location, scale = _network_spread(params, past, jnp.asarray(~held_out))
    return TrainedNetwork(
        params,
        location,
        scale,
        curves,
        state.best_step,
        state.best_validation_loss - state.best_train_loss,
    )


def no_network(config: LearnConfig) -> TrainedNetwork:
    """Placeholder without parameters and features, for learning without a network."""
    rounds = config.meta_steps // config.evaluate_every
    lengths = {"train": config.meta_steps, "validation": rounds, "none": 0}
    nans = {name: jnp.asarray(np.full(n, np.nan, np.float32)) for name, n in lengths.items()}
    return TrainedNetwork(
        None,
        nans["none"],
        nans["none"],
        Curves(nans["train"], nans["validation"]),
        jnp.asarray(np.int32(0)),
        jnp.asarray(np.float32(np.nan)),
    )


@partial(jax.jit, static_argnames="config")
def _prepare(
    key: Array, past: Past, training: np.ndarray, validation: np.ndarray, *, config: LearnConfig
) -> tuple[TrainState, Rows, Episode]:
    """The initial training state, the training rows, and the validation episodes."""
    train_key, init_key, episode_key = jax.random.split(key, 3)
    data = (past.x, past.y, past.mask)
    params = predictor_network().init(init_key, past.x.shape[-1])
    x, y, mask = (leaf[validation] for leaf in data)
    return (
        init_training(train_key, params, learner=_learner(config)),
        (data[0][training], data[1][training], data[2][training]),
        _sampler(config)(episode_key, (x, y, mask)),
    )


@lru_cache
def _learner(config: LearnConfig) -> MetaLearner:
    loss = squared_error(predictor_network().apply)
    optimizer = optax.adam(config.outer_rate)
    return maml(loss, optimizer, inner_steps=config.inner_steps)


@lru_cache
def _sampler(config: LearnConfig) -> Callable[[Array, Rows], Episode]:
    def sample_tasks(key: Array, tasks: Rows) -> Episode:
        return sample_episode(key, *tasks, support=config.support, query=config.query)

    return sample_tasks


@jax.jit
def _network_spread(network: PyTree, past: Past, trained_on: Array) -> tuple[Array, Array]:
    """Mean float[h] and scale float[h] of the network's features over its training tasks."""
    features = predictor_network().features(network, past.x)
    counts = (past.mask & trained_on[:, None]).astype(features.dtype)
    weight = counts / jnp.sum(counts)
    location = jnp.einsum("tm,tmh->h", weight, features)
    variance = jnp.einsum("tm,tmh->h", weight, jnp.square(features - location[None, None, :]))
    return location, jnp.sqrt(jnp.maximum(variance * features.shape[-1], 1e-12))
