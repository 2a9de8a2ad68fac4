"""The weights of the past, learned by replaying each past task as if it were new."""

from functools import partial

import jax
import jax.numpy as jnp

from nmjax.knowledge.component_weights import prior_log_weights
from nmjax.knowledge.config import LearnConfig
from nmjax.knowledge.features import num_network_features, pool_features
from nmjax.knowledge.network_training import TrainedNetwork
from nmjax.knowledge.prior_fitting import (
    Layout,
    PriorParams,
    Replays,
    default_prior_params,
    fit_priors,
    log_evidence,
    make_prior,
    replay,
)
from nmjax.knowledge.standardized_past import Past
from nmjax.knowledge.state import MetaKnowledge, source_features
from nmjax.knowledge.transfer.portfolio import portfolio_gain
from nmjax.meta import LastLayerParams
from nmjax.optimize import maximize
from nmjax.predictors import Pool, PoolPrior
from nmjax.types import Array


def learn_from_replays(
    key: Array,
    knowledge: MetaKnowledge,
    past: Past,
    network: TrainedNetwork,
    config: LearnConfig,
    replay_sources: Array | None = None,
) -> tuple[MetaKnowledge, Array, Array | None]:
    """Fit the priors by replay.

    Args:
      key: Random key of the replays.
      knowledge: Knowledge of S sources, with any priors.
      past: Evaluations of the sources.
      network: Networks of the sources.
      config: Static settings.
      replay_sources: bool[T, S], as in `learn_from_history`.

    Returns:
      The new knowledge; the mean log evidence of a replay at each step; and the `mapped_gain` of
      each replayed task, None without sources of other spaces.
    """
    tasks = len(past.y) if replay_sources is None else len(replay_sources)
    pools, by_others, gain = _features_of_past(
        knowledge, past, network.held_out, replay_sources, tasks=tasks
    )
    replays = replay(
        key,
        pools,
        by_others,
        past.score[:tasks],
        size=min(config.replay_size, past.score.shape[1]),
        outcome_transform=config.outcome_transform,
    )
    layout = Layout(len(past.y), num_network_features(network.params), len(past.y) - tasks)
    prior, wins, evidence = fit_priors(
        replays, replay_sources, layout=layout, steps=config.prior_steps
    )
    log_weights = prior_log_weights(wins)
    gain_of_others = own = None
    if replay_sources is not None and layout.mapped:
        own = jnp.arange(layout.sources) < tasks
        gain_of_others = mapped_gain(
            replays, replay_sources, layout=layout, steps=config.prior_steps
        )
    learned = knowledge.replace(
        prior=prior, wins=wins, log_weights=log_weights, portfolio_gain=gain, own_sources=own
    )
    return learned, evidence, gain_of_others


@partial(jax.jit, static_argnames="tasks")
def _features_of_past(
    knowledge: MetaKnowledge,
    past: Past,
    held_out: LastLayerParams | None,
    replay_sources: Array | None,
    *,
    tasks: int,
) -> tuple[Pool, Array, Array]:
    """Pools of the first T tasks' evaluations, and what their sources predict there.

    The predictions are the mean [T, M] of the sources of a replay, and the mean gain [] of the
    portfolio that those of the space itself choose: with those of other spaces, portfolios were
    worse. Network features are those of each source's own network in
    `held_out`, leaves [S, ...].
    """

    def features(args: tuple[Array, LastLayerParams | None]) -> Pool:
        encoding, network = args
        own = knowledge.replace(params=knowledge.params._replace(network=network))
        return pool_features(own, encoding).pool

    number = past.y.shape[0]
    replayed, networks, y = jax.tree.map(
        lambda leaf: leaf[:tasks], (past.encoding, held_out, past.y)
    )
    pools = jax.lax.map(features, (replayed, networks))
    predicted = pools.features[..., source_features(number)]
    if replay_sources is None:
        others = ~jnp.eye(number, dtype=bool)
        counts = jnp.full((number, 1), max(number - 1, 1), predicted.dtype)
    else:
        others = replay_sources
        counts = jnp.maximum(jnp.sum(others, axis=-1, keepdims=True), 1).astype(predicted.dtype)
    by_others = jnp.sum(jnp.where(others[:, None, :], predicted, 0), -1) / counts
    own = others if replay_sources is None else others & (jnp.arange(number) < tasks)[None]
    return pools, by_others, jnp.mean(jax.vmap(portfolio_gain)(predicted, own, y))


@partial(jax.jit, static_argnames=("layout", "steps"))
def mapped_gain(replays: Replays, replay_sources: Array, *, layout: Layout, steps: int) -> Array:
    """Gain float[T] in mean log evidence of each task's replays by sources of other spaces.

    The transferred prior is fitted with these sources and without them.

    Args:
      replays: Replays of T past tasks of the space itself.
      replay_sources: bool[T, S], sources of each replay.
      layout: Numbers of features; the last `layout.mapped` sources are of other spaces.
      steps: Number of Adam steps.
    """
    own = jnp.arange(layout.sources) < layout.sources - layout.mapped

    def fitted(active: Array) -> Array:
        def evidences(params: PriorParams) -> Array:
            priors = jax.vmap(partial(make_prior, params, layout), in_axes=(0, None))(
                active, jnp.zeros((), bool)
            )
            over_replays = jax.vmap(log_evidence, in_axes=(None, 0, 0, 0))
            return jnp.mean(jax.vmap(over_replays)(priors, *replays), axis=-1)

        start = default_prior_params(layout.mapped)
        return evidences(maximize(lambda at: jnp.mean(evidences(at)), start, steps=steps)[0])

    with_mapped, without = jax.vmap(fitted)(jnp.stack([replay_sources, replay_sources & own[None]]))
    gain: Array = with_mapped - without
    return gain


@partial(jax.jit, static_argnums=0)
def zero_prior(layout: Layout) -> PoolPrior:
    """Two components of zeros, in place of priors that are fitted later."""
    zeros = jnp.zeros((2, 1 + layout.sources + layout.network))
    return PoolPrior(zeros, zeros, *(zeros[:, 0] for _ in range(4)))
