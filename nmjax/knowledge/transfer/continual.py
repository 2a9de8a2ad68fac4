"""Knowledge that takes in one past task after another, at a cost that does not grow with them.

What is a sum over sources is carried on exactly: the models of the sources, the options and bounds
of their best architectures, and how often the transferred prior was the better one. What is fitted
on all of them together stays as it was learned: location and scale of encodings, the kernel, the
network, and the few numbers of the priors. So updates equal, to rounding, what would be learned at
once with those held fixed, whatever the order; only the transferred prior's wins are each counted
against the sources there were by then. Learn anew where tasks have come to differ from those that
were learned from.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge.component_weights import prior_log_weights, weight_sources
from nmjax.knowledge.features import pool_features, standardize_encoding
from nmjax.knowledge.kernel_fitting import fit_sources
from nmjax.knowledge.prior_fitting import log_evidence, replay
from nmjax.knowledge.standardized_past import best_options
from nmjax.knowledge.state import (
    MetaKnowledge,
    SourceModels,
    is_source,
    require_metric,
    require_space,
    source_features,
)
from nmjax.predictors import Pool, normal_scores
from nmjax.spaces import Space
from nmjax.tasks import encode_history, history_scores
from nmjax.types import Array, Categorical, History, Metric


def num_sources(knowledge: MetaKnowledge) -> Array:
    """int32[]: the sources there are, room for more not counted."""
    return jnp.sum(is_source(knowledge.sources), dtype=jnp.int32)


def with_capacity(knowledge: MetaKnowledge, capacity: int) -> MetaKnowledge:
    """The same knowledge with room for `capacity` sources in all.

    Where there is none yet, a source predicts 0 and the priors bar it, so that all models stay the
    same; the mean over sources keeps its order. `num_sources` as the capacity leaves no room, which
    is what measures of similarity to each source want.

    Raises:
      NmjaxError: the capacity is below the number of sources.
    """
    number = int(num_sources(knowledge))
    if capacity < number:
        raise NmjaxError(
            f"Got a capacity of {capacity} for {number} sources; give at least {number}."
        )

    def fit(leaf: Array, axis: int) -> Array:
        kept = jax.lax.slice_in_dim(leaf, 0, number, axis=axis)
        widths = [(0, capacity - number if a == axis else 0) for a in range(leaf.ndim)]
        return jnp.pad(kept, widths)

    def features(leaf: Array) -> Array:
        at = _at_sources(knowledge)
        constant, sources, network = jnp.split(leaf, (at.start, at.stop), axis=-1)
        return jnp.concatenate([constant, fit(sources, 1), network], axis=-1)

    prior = knowledge.prior
    return knowledge.replace(
        prior=prior._replace(mean=features(prior.mean), variance=features(prior.variance)),
        sources=SourceModels(*(fit(leaf, 0) for leaf in knowledge.sources)),
    )


def update(
    key: Array,
    knowledge: MetaKnowledge,
    history: History,
    metric: Metric,
    *,
    space: Space,
    replay_size: int = 48,
) -> MetaKnowledge:
    """Knowledge of the past tasks so far and of new ones, each added to what was there.

    One call with several tasks is the same as one a task with the same key. For tasks of one number
    of evaluations all calls are one program, up to the capacity.

    Args:
      key: of the replays; that of a task is folded with the number of sources before it.
      knowledge: with room for the new tasks (`with_capacity`).
      history: past tasks that are not among the sources yet, of no more evaluations each than the
        sources had.
      metric: which metric is the score.
      space: of the architectures.
      replay_size: as when it was learned.

    Raises:
      NmjaxError: the space or the metric is another one, there is not enough room, a task has more
        evaluations than there is room for, or fewer successful ones than a replay takes.
    """
    require_space(knowledge, space)
    require_metric(knowledge, metric)
    score = history_scores(history, metric)
    _check(knowledge, np.asarray(score), replay_size)
    missing = knowledge.sources.weights.shape[1] - score.shape[1]
    rows = [(0, 0), (0, missing)]
    updated: MetaKnowledge = _append_all(
        key,
        knowledge,
        jnp.pad(history.architecture, [*rows, (0, 0)]),
        jnp.pad(encode_history(space, history), [*rows, (0, 0)]),
        jnp.pad(score, rows, constant_values=jnp.nan),
        size=replay_size,
    )
    return updated


@partial(jax.jit, static_argnames=("size",))
def _append_all(
    key: Array,
    knowledge: MetaKnowledge,
    architecture: Array,
    encoding: Array,
    score: Array,
    *,
    size: int,
) -> MetaKnowledge:
    def append(
        knowledge: MetaKnowledge, task: tuple[Array, Array, Array]
    ) -> tuple[MetaKnowledge, None]:
        architecture, encoding, score = task
        number = num_sources(knowledge)
        pool, knowledge = _add_source(knowledge, encoding, score, number)
        sampling, bounds = best_options(architecture[None], score[None], space=knowledge.space)
        replay_key = jax.random.fold_in(key, number)
        win = _win(replay_key, knowledge, pool, score, number, size=size)
        before = number.astype(win.dtype)
        mean = before * jnp.exp(knowledge.sampling.logits) + jnp.exp(sampling.logits)
        lowest = jnp.minimum(knowledge.bounds[:, 0], bounds[:, 0])
        highest = jnp.maximum(knowledge.bounds[:, 1], bounds[:, 1])
        wins = knowledge.wins + win
        capacity = knowledge.sources.constant.shape[0]
        share = (jnp.arange(capacity) <= number).astype(win.dtype) / (before + 1)
        updated = knowledge.replace(
            prior=weight_sources(knowledge.prior, share),
            sampling=Categorical(jnp.log(mean / (before + 1))),
            bounds=jnp.stack([lowest, highest], axis=-1),
            wins=wins,
            log_weights=prior_log_weights(wins, before + 1),
        )
        return updated, None

    return jax.lax.scan(append, knowledge, (architecture, encoding, score))[0]


def _add_source(
    knowledge: MetaKnowledge, encoding: Array, score: Array, number: Array
) -> tuple[Pool, MetaKnowledge]:
    """A model of the task in the first free place, which the priors still bar; and its pool."""
    params = knowledge.params
    x = standardize_encoding(params.location, params.scale, encoding)
    fitted = fit_sources(params.kernel, x[None], normal_scores(score)[None])
    sources = jax.tree.map(lambda all, new: all.at[number].set(new[0]), knowledge.sources, fitted)
    knowledge = knowledge.replace(sources=sources)
    return pool_features(knowledge, encoding).pool, knowledge


def _win(
    key: Array,
    knowledge: MetaKnowledge,
    pool: Pool,
    score: Array,
    number: Array,
    *,
    size: int,
) -> Array:
    """How far replays of a new task are for the transferred prior, float[] in [0, 1].

    The past of the task is the `number` sources before it.
    """
    known = (jnp.arange(len(knowledge.sources.constant)) < number).astype(score.dtype)
    predicted = pool.features[:, _at_sources(knowledge)] @ known / jnp.sum(known)
    pools = jax.tree.map(lambda leaf: leaf[None], pool)
    replays = replay(
        key,
        pools,
        predicted[None],
        score[None],
        size=size,
        outcome_transform=knowledge.outcome_transform,
    )
    drawn = jax.tree.map(lambda leaf: leaf[0], replays)
    over_replays = jax.vmap(log_evidence, in_axes=(None, 0, 0, 0))
    evidence = jax.vmap(over_replays, in_axes=(0, None, None, None))(knowledge.prior, *drawn)
    return jnp.mean(jax.nn.softmax(evidence, axis=0)[0])


def _at_sources(knowledge: MetaKnowledge) -> slice:
    return source_features(knowledge.sources.constant.shape[0])


def _check(knowledge: MetaKnowledge, score: np.ndarray, replay_size: int) -> None:
    capacity, rows = knowledge.sources.weights.shape
    number = int(num_sources(knowledge))
    if number + len(score) > capacity:
        raise NmjaxError(
            f"Got {len(score)} new tasks for knowledge of {number} sources with room for "
            f"{capacity}; make room by with_capacity(knowledge, {number + len(score)})."
        )
    if score.shape[1] > rows:
        raise NmjaxError(
            f"Got tasks of {score.shape[1]} evaluations; the sources have room for {rows}: leave "
            "some out, or learn anew."
        )
    usable = (~np.isnan(score)).sum(axis=-1)
    if usable.min() < replay_size:
        raise NmjaxError(
            f"New task {int(usable.argmin())} has {int(usable.min())} successful evaluations; a "
            f"replay takes {replay_size}: leave it out, or lower replay_size."
        )
