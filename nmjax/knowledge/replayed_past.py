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
    targets: Array | None,
    replay_sources: Array | None,
) -> tuple[MetaKnowledge, Array, Array | None]:
    """Fit the priors by replay.

    Args:
      key: Random key of the replays.
      knowledge: Knowledge of S sources, with any priors.
      past: Evaluations of the sources.
      network: Networks of the sources.
      config: Static settings.
      targets: int[R], tasks that are replayed; all that may be if None.
      replay_sources: bool[T, S], as in `learn_from_history`; None for the default.

    Returns:
      The new knowledge; the mean log evidence of a replay at each step; and the `mapped_gain` of
      each replayed task, None without sources of other spaces.
    """
    number = len(past.y)
    tasks = number if replay_sources is None else len(replay_sources)
    if targets is None:
        targets = jnp.arange(tasks, dtype=jnp.int32)
    mapped = number - tasks
    others = ~jnp.eye(number, dtype=bool) if replay_sources is None else replay_sources
    active = others[targets]
    pools, by_others, gain = _features_of_past(
        knowledge, past, network.held_out, targets, active, mapped=mapped
    )
    replays = replay(
        key,
        pools,
        by_others,
        past.score[targets],
        size=min(config.replay_size, past.score.shape[1]),
        outcome_transform=config.outcome_transform,
    )
    layout = Layout(number, num_network_features(network.params), mapped)
    prior, wins, evidence = fit_priors(replays, active, layout=layout, steps=config.prior_steps)
    gain_of_others = own = None
    if mapped:
        own = jnp.arange(number) < tasks
        gain_of_others = mapped_gain(replays, active, layout=layout, steps=config.prior_steps)
    learned = knowledge.replace(
        prior=prior,
        wins=wins,
        log_weights=prior_log_weights(wins),
        portfolio_gain=gain,
        own_sources=own,
    )
    return learned, evidence, gain_of_others


@partial(jax.jit, static_argnames="mapped")
def _features_of_past(
    knowledge: MetaKnowledge,
    past: Past,
    held_out: LastLayerParams | None,
    targets: Array,
    active: Array,
    *,
    mapped: int,
) -> tuple[Pool, Array, Array]:
    """Pools of the evaluations of R targets, and what their active sources predict there.

    The predictions are the mean [R, M] of the active sources, and the mean gain [] of the portfolio
    that those of the space itself choose: with the `mapped` ones, portfolios were worse. Network
    features are those of each source's own network in `held_out`, leaves [S, ...].
    """

    def features(args: tuple[Array, LastLayerParams | None]) -> Pool:
        encoding, network = args
        own = knowledge.replace(params=knowledge.params._replace(network=network))
        return pool_features(own, encoding).pool

    number = past.y.shape[0]
    encoding, networks, y = jax.tree.map(
        lambda leaf: leaf[targets], (past.encoding, held_out, past.y)
    )
    pools = jax.lax.map(features, (encoding, networks))
    predicted = pools.features[..., source_features(number)]
    counts = jnp.maximum(jnp.sum(active, axis=-1, keepdims=True), 1).astype(predicted.dtype)
    by_others = jnp.sum(jnp.where(active[:, None, :], predicted, 0), -1) / counts
    own = active & (jnp.arange(number) < number - mapped)[None, :]
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
