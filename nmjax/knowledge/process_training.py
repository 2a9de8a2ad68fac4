"""Meta-train a neural process on past tasks.

Two processes are trained side by side: one on all tasks, which is kept, and one without a fifth of
them, which shows how well tasks are predicted that a process was not trained on.
"""

import math
from functools import cache, partial
from operator import itemgetter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.knowledge.standardized_past import Past
from nmjax.meta import (
    ProbabilisticLearner,
    ProcessParams,
    init_process,
    neural_process,
    transform_targets,
)
from nmjax.meta.learners.adaptation_gradient import MetaState
from nmjax.predictors import Network
from nmjax.tasks import Episode, sample_episode
from nmjax.types import Array

_BODY = Network((64, 64))
_ATTENTION = Network((32, 32))
_RATE = 1e-3
_TASKS = 16
"""Number of tasks in a meta-update."""
_SUPPORT, _QUERY = 40, 32
"""Largest numbers of evaluations that a process adapts to, and predicts, in a meta-update."""
_HELD_OUT = 0.2
_SHIFT, _LOG_SCALE = 0.5, 0.3
"""Spread of random shifts and scales of a task's scores, because a search does not know them."""


class TrainedProcess(NamedTuple):
    """A meta-trained neural process and the diagnostics of its training.

    Attributes:
      params: Parameters of the process trained on all tasks.
      loss: float[2], mean negative log density of scores after adapting to others of the same task,
        in nats: of tasks trained on, and of tasks held out.
    """

    params: ProcessParams
    loss: Array


@cache
def process_learner(steps: int = 3000) -> ProbabilisticLearner:
    """The neural process of a new task, with attention, for a number of meta-updates.

    Its inputs are standardized encodings, and its scores are roughly standard normal.
    """
    schedule = optax.cosine_decay_schedule(_RATE, steps)
    return neural_process(
        _BODY.features, _BODY.features, optax.adam(schedule), attend=_ATTENTION.features
    )


def draw_episodes(keys: Array, x: Array, y: Array, *, support: int, query: int) -> Episode:
    """Draw an episode of each task, with a support of log-uniform size, shifted and scaled.

    Args:
      keys: key[3], random keys of rows, sizes and scores.
      x: float[T, M, D], encodings.
      y: float[T, M], normal scores; NaN is not drawn.
      support: Largest number of evaluations to adapt to.
      query: Number of evaluations to predict.
    """
    row_key, size_key, score_key = keys
    episode = sample_episode(row_key, x, y, ~jnp.isnan(y), support=support, query=query)
    exponent = jax.random.uniform(size_key, (len(y), 1), maxval=math.log(support + 1))
    size = jnp.floor(jnp.exp(exponent)).astype(jnp.int32)
    used = jnp.arange(support, dtype=jnp.int32)[None] < size
    episode = episode._replace(support_mask=episode.support_mask & used)
    return transform_targets(score_key, episode, shift=_SHIFT, log_scale=_LOG_SCALE)


@partial(jax.jit, static_argnames="steps")
def train_process(key: Array, past: Past, *, steps: int) -> TrainedProcess:
    """Meta-train a neural process on past tasks.

    Args:
      key: Random key.
      past: Evaluations of S tasks.
      steps: Number of meta-updates.
    """
    learner = process_learner(steps)
    tasks, rows = past.y.shape
    query = min(_QUERY, rows // 2)
    support = min(_SUPPORT, rows - query)
    fold_key, init_key, evaluate_key, update_key = jax.random.split(key, 4)
    order = jax.random.permutation(fold_key, tasks)
    held_out = order < max(1, round(_HELD_OUT * tasks))
    trained_on = jnp.stack([jnp.ones_like(held_out), ~held_out])

    def draw(key: Array, chosen: Array) -> Episode:
        keys = jax.random.split(key, 3)
        return draw_episodes(keys, past.x[chosen], past.y[chosen], support=support, query=query)

    def update(states: MetaState, number: Array) -> tuple[MetaState, None]:
        task_key, draw_key, own_key = jax.random.split(jax.random.fold_in(update_key, number), 3)

        def one(state: MetaState, allowed: Array) -> MetaState:
            noise = jax.random.gumbel(task_key, (tasks,))
            chosen = jax.lax.top_k(jnp.where(allowed, noise, -jnp.inf), min(_TASKS, tasks))[1]
            updated: MetaState = learner.update(own_key, state, draw(draw_key, chosen), None)[0]
            return updated

        return jax.vmap(one)(states, trained_on), None

    start = learner.init(init_key, _initial_params(init_key, past.x.shape[-1]))
    both = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), start)
    states, _ = jax.lax.scan(update, both, jnp.arange(steps, dtype=jnp.int32))

    everything = draw(evaluate_key, jnp.arange(tasks, dtype=jnp.int32))
    kept, tested = (jax.tree.map(itemgetter(place), states.params) for place in range(2))
    losses = learner.evaluate(tested, everything, None)
    means = [jnp.mean(losses, where=where) for where in (~held_out, held_out)]
    return TrainedProcess(kept, jnp.stack(means))


def _initial_params(key: Array, size: int) -> ProcessParams:
    width = _BODY.hidden[-1]
    keys = jax.random.split(key, 4)
    encoder, decoder = _BODY.init(keys[0], size + 1), _BODY.init(keys[1], size + width)
    return init_process(keys[2], encoder, decoder, width, _ATTENTION.init(keys[3], size))
