"""Incremental updates of knowledge by new past tasks, at a constant cost per task.

Quantities that are sums over sources are updated exactly: the sources' models, the options and
bounds of their best architectures, the wins of the components, and the gain of the portfolio.
Quantities that are fitted on all tasks jointly stay fixed: the location and scale of encodings, the
kernel, the network, the failure rates, and the parameters of the priors. With these fixed, the
result is independent of the order of updates up to rounding, except for the wins and the gain,
which are evaluated against the sources before each update. Learn from all tasks again if new tasks
differ from those that were learned from.
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
from nmjax.knowledge.transfer.portfolio import portfolio_gain
from nmjax.predictors import Pool, normal_scores
from nmjax.spaces import Space
from nmjax.tasks import encode_history, history_scores
from nmjax.types import Array, Categorical, History, Metric


def num_sources(knowledge: MetaKnowledge) -> Array:
    """Number of sources, int32[], without unused capacity.

    Args:
      knowledge: Knowledge of past tasks.

    Example:
      >>> from nmjax.knowledge import default_knowledge, num_sources, with_capacity
      >>> from nmjax.spaces import Space
      >>> int(num_sources(with_capacity(default_knowledge(Space(width=[8, 16])), 2)))
      0
    """
    return jnp.sum(is_source(knowledge.sources), dtype=jnp.int32)


def with_capacity(knowledge: MetaKnowledge, capacity: int) -> MetaKnowledge:
    """Resize knowledge to hold up to `capacity` sources.

    An unused place predicts 0 and has zero weight in the priors, so models do not change. Measures
    of similarity expect no unused places: remove them with `capacity=num_sources(knowledge)`.

    Args:
      knowledge: Knowledge of past tasks.
      capacity: Number of places for sources, used and unused.

    Raises:
      NmjaxError: The capacity is below the number of sources.

    Example:
      >>> from nmjax.knowledge import default_knowledge, with_capacity
      >>> from nmjax.spaces import Space
      >>> with_capacity(default_knowledge(Space(width=[8, 16])), 2).sources.constant.shape
      (2,)
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
        own_sources=None if knowledge.own_sources is None else fit(knowledge.own_sources, 0),
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
    """Add new past tasks to knowledge.

    One call with several tasks is equivalent to one call per task with the same key. Calls with the
    same number of tasks and capacity share a compiled program.

    Args:
      key: Random key of the replays; each task folds in the number of sources before it.
      knowledge: Knowledge with unused capacity for the new tasks (`with_capacity`).
      history: New tasks, each with at most as many evaluations as the sources have places for.
      metric: Metric that defines the score.
      space: Space of the architectures.
      replay_size: Number of evaluations of each replay, as in `LearnConfig`.

    Raises:
      NmjaxError: The space or the metric differs, sources are of other spaces, the capacity is too
        small, or a task has too many evaluations or fewer successful ones than `replay_size`.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.knowledge import LearnConfig, learn, num_sources, update, with_capacity
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import PastSearches, make_history
      >>> from nmjax.types import Metric
      >>> history = make_history(np.arange(4)[None, :, None], {"accuracy": [[0.1, 0.3, 0.2, 0.7]]})
      >>> past = PastSearches(Space(width=[8, 16, 32, 64]), history, ("a",), Metric("accuracy"))
      >>> config = LearnConfig(network=False, kernel_steps=2, prior_steps=2)
      >>> knowledge = update(
      ...     jax.random.key(0), with_capacity(learn(past, config=config), 2), history, past.metric,
      ...     space=past.space, replay_size=4)
      >>> int(num_sources(knowledge))
      2
    """
    require_space(knowledge, space)
    require_metric(knowledge, metric)
    if knowledge.own_sources is not None:
        raise NmjaxError(
            "Got knowledge of several spaces, whose weights are learned together; learn from all "
            "past searches again."
        )
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
        wins = knowledge.wins + _wins(replay_key, knowledge, pool, score, number, size=size)
        before = number.astype(wins.dtype)
        earlier = jnp.arange(len(knowledge.sources.constant)) < number
        predicted = pool.features[:, _at_sources(knowledge)]
        gain = portfolio_gain(predicted, earlier, normal_scores(score))
        mean = before * jnp.exp(knowledge.sampling.logits) + jnp.exp(sampling.logits)
        lowest = jnp.minimum(knowledge.bounds[:, 0], bounds[:, 0])
        highest = jnp.maximum(knowledge.bounds[:, 1], bounds[:, 1])
        capacity = knowledge.sources.constant.shape[0]
        share = (jnp.arange(capacity) <= number).astype(wins.dtype) / (before + 1)
        updated = knowledge.replace(
            prior=weight_sources(knowledge.prior, share),
            sampling=Categorical(jnp.log(mean / (before + 1))),
            bounds=jnp.stack([lowest, highest], axis=-1),
            wins=wins,
            log_weights=prior_log_weights(wins),
            portfolio_gain=(before * knowledge.portfolio_gain + gain) / (before + 1),
        )
        return updated, None

    return jax.lax.scan(append, knowledge, (architecture, encoding, score))[0]


def _add_source(
    knowledge: MetaKnowledge, encoding: Array, score: Array, number: Array
) -> tuple[Pool, MetaKnowledge]:
    """Fit the task in the first unused place, still without prior weight; return its pool too."""
    params = knowledge.params
    x = standardize_encoding(params.location, params.scale, encoding)
    fitted = fit_sources(params.kernel, x[None], normal_scores(score)[None])
    sources = jax.tree.map(lambda all, new: all.at[number].set(new[0]), knowledge.sources, fitted)
    knowledge = knowledge.replace(sources=sources)
    return pool_features(knowledge, encoding).pool, knowledge


def _wins(
    key: Array,
    knowledge: MetaKnowledge,
    pool: Pool,
    score: Array,
    number: Array,
    *,
    size: int,
) -> Array:
    """Mean posterior probabilities float[K] of the components in replays of a new task.

    The past of the task consists of the first `number` sources. A network without wins on them
    stays left out.
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
    place = jnp.arange(len(evidence))
    is_network = (place > 0) & (place < len(evidence) - 1)
    left_out = is_network & (knowledge.wins == 0)
    compared = jnp.where(left_out[:, None], -jnp.inf, evidence)
    return jnp.mean(jax.nn.softmax(compared, axis=0), axis=-1)


def _at_sources(knowledge: MetaKnowledge) -> slice:
    return source_features(knowledge.sources.constant.shape[0])


def _check(knowledge: MetaKnowledge, score: np.ndarray, replay_size: int) -> None:
    capacity, rows = knowledge.sources.weights.shape
    number = int(num_sources(knowledge))
    if number + len(score) > capacity:
        raise NmjaxError(
            f"Got {len(score)} new tasks for knowledge of {number} sources with a capacity of "
            f"{capacity}; increase it by with_capacity(knowledge, {number + len(score)})."
        )
    if score.shape[1] > rows:
        raise NmjaxError(
            f"Got tasks of {score.shape[1]} evaluations; sources hold at most {rows}: leave "
            "some out, or learn from all tasks again."
        )
    usable = (~np.isnan(score)).sum(axis=-1)
    if usable.min() < replay_size:
        raise NmjaxError(
            f"New task {int(usable.argmin())} has {int(usable.min())} successful evaluations; a "
            f"replay needs {replay_size}: leave it out, or lower replay_size."
        )
