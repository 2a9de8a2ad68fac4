"""From a history of past searches to what carries over."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge.features import (
    group_index,
    pool_features,
    predictor_network,
)
from nmjax.knowledge.kernel_fitting import fit_kernel, fit_sources
from nmjax.knowledge.prior_fitting import Layout, fit_priors, prior_log_weights, replay
from nmjax.knowledge.standardized_past import Past, best_options, standardize_past
from nmjax.knowledge.state import FeatureParams, MetaKnowledge, source_features
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
from nmjax.predictors import Pool, PoolPrior
from nmjax.spaces import Space
from nmjax.tasks import Episode, history_scores, refuse_leakage, sample_episode
from nmjax.types import Array, History, Metric, PyTree

EPISODES_A_TASK = 8
LEAST = 20
"""Evaluations of a source below which nothing is learned by default."""


@dataclass(frozen=True)
class LearnConfig:
    """What learning is built from; static.

    Attributes:
      kernel_rows: evaluations of each source that the kernel is fitted on, at the most.
      kernel_steps: of Adam on the kernel.
      meta_steps: meta-updates at the most.
      evaluate_every: meta-updates between looks at meta-validation.
      patience: looks without improvement before stopping.
      inner_steps: gradient steps of the inner loop.
      inner_rate: step size of the inner loop.
      outer_rate: step size of Adam on the initialization.
      support: evaluations that the inner loop adapts to.
      query: evaluations that an adapted network is judged on.
      replay_size: evaluations of each replay.
      prior_steps: of Adam on the priors.
      outcome_transform: what the search does to scores, a name of `predictors.normalize`.
    """

    kernel_rows: int = 128
    kernel_steps: int = 60
    meta_steps: int = 300
    evaluate_every: int = 20
    patience: int = 5
    inner_steps: int = 5
    inner_rate: float = 0.1
    outer_rate: float = 2e-3
    support: int = 20
    query: int = 60
    replay_size: int = 48
    prior_steps: int = 100
    outcome_transform: str = "log_lower_tail"


class LearnInfo(NamedTuple):
    """How learning went.

    Attributes:
      train_loss: float[meta_steps], of each meta-update; NaN after stopping.
      validation_loss: float[meta_steps / evaluate_every], on meta-validation; NaN after stopping.
      best_step: int32[], the meta-update whose parameters were kept.
      generalization_gap: float[], meta-validation less meta-train loss there.
      kernel_posterior: float[kernel_steps], log evidence of all observations and log prior of the
        kernel, together by the observation.
      prior_evidence: float[2, prior_steps], mean log evidence of a replay, of each prior.
    """

    train_loss: Array
    validation_loss: Array
    best_step: Array
    generalization_gap: Array
    kernel_posterior: Array
    prior_evidence: Array


def learn_from_history(
    key: Array,
    history: History,
    metric: Metric,
    validation: ArrayLike,
    *,
    space: Space,
    config: LearnConfig | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[MetaKnowledge, LearnInfo]:
    """Learns what past tasks have in common and what each is like.

    The kernel of the structure is fitted by evidence, the network is meta-trained by MAML on the
    sources that are not for validation and stopped early on those that are, every source becomes
    a predictor, and the priors are fitted on replays.

    Args:
      key: of everything random.
      history: S past tasks, raw metrics.
      metric: which metric is the score.
      validation: bool[S], which sources are for meta-validation: some of them, not all.
        `split_meta_validation` draws them.
      space: of the architectures.
      config: static choices; by default those of `config_for` this history.
      on_stage: told the name of each stage as it begins.

    Raises:
      NmjaxError: fewer than two sources, no source on either side of the split, the same source on
        both, or a source with fewer successful evaluations than an episode takes.
    """
    held_out = np.asarray(validation, bool)
    past = standardize_past(history, space=space, metric=metric)
    config = config or config_for(history, metric)
    _check(past, held_out, config)
    network_key, replay_key = jax.random.split(key)

    on_stage("fit the kernel")
    kernel, kernel_posterior = fit_kernel(
        past.x[:, : config.kernel_rows],
        past.y[:, : config.kernel_rows],
        groups=group_index(space),
        steps=config.kernel_steps,
    )

    on_stage("meta-train the network")
    state, curves = _meta_train(network_key, past, held_out, config)

    on_stage("learn the sources")
    params = FeatureParams(
        past.location,
        past.scale,
        kernel,
        state.best_params,
        *_network_spread(state.best_params, past, ~held_out),
    )
    sources = fit_sources(kernel, past.x, past.y)

    on_stage("replay searches")
    layout = Layout(len(held_out), params.network_location.shape[0])
    sampling, bounds = best_options(history.architecture, past.score, space=space)
    knowledge = MetaKnowledge(
        params,
        _no_prior(layout),
        sources,
        sampling,
        bounds,
        jnp.zeros(()),
        jnp.zeros(2),
        space=space,
        metric=metric,
        outcome_transform=config.outcome_transform,
    )
    pools, by_others = _features_of_past(knowledge, past)
    replays = replay(
        replay_key,
        pools,
        by_others,
        past.score,
        size=config.replay_size,
        outcome_transform=config.outcome_transform,
    )
    prior, wins, prior_evidence = fit_priors(
        replays, jnp.asarray(held_out), layout=layout, steps=config.prior_steps
    )
    info = LearnInfo(
        curves.train_loss,
        curves.validation_loss,
        state.best_step,
        state.best_validation_loss - state.best_train_loss,
        kernel_posterior,
        prior_evidence,
    )
    log_weights = prior_log_weights(wins, jnp.asarray(len(held_out), wins.dtype))
    return knowledge.replace(prior=prior, wins=wins, log_weights=log_weights), info


def config_for(history: History, metric: Metric) -> LearnConfig:
    """The default settings, with smaller episodes where a source has too few successes for them.

    They were chosen on HPOBench and TransNAS-Bench-101, with 300 evaluations of each source. Fewer
    than 20 successes of a source count as 20.

    Args:
      history: past tasks, raw metrics.
      metric: which metric is the score.
    """
    fewest = min(_successes(history_scores(history, metric)).tolist(), default=0)
    config, number = LearnConfig(), max(fewest, LEAST)
    support = min(config.support, number // 4)
    query = min(config.query, number - support)
    return replace(
        config, support=support, query=query, replay_size=min(config.replay_size, number)
    )


def _successes(score: Array) -> np.ndarray:
    """How many of each source's scores float[S, M] are known, int[S]."""
    return np.sum(~np.isnan(np.asarray(score)), axis=-1)


def _check(past: Past, validation: np.ndarray, config: LearnConfig) -> None:
    score, usable = past.score, _successes(past.score)
    if validation.shape != score.shape[:1]:
        raise NmjaxError(
            f"Got a validation mask {list(validation.shape)} for {score.shape[0]} past tasks; "
            "give one bool each."
        )
    if not validation.any() or validation.all():
        raise NmjaxError(
            f"Got {int(validation.sum())} of {len(validation)} past tasks for meta-validation; "
            "give at least one to each side of the split."
        )
    fewest = int(usable.min())
    episode = config.support + config.query
    taken = {"support + query": episode, "replay_size": config.replay_size}
    too_large = [name for name, number in taken.items() if number > fewest]
    if too_large:
        raise NmjaxError(
            f"Past task {int(usable.argmin())} has {fewest} successful evaluations; learning takes "
            f"{max(taken.values())} of each: leave it out, or lower {' and '.join(too_large)} "
            f"to {fewest}."
        )
    teaching, examining = (
        tuple(np.asarray(leaf)[side] for leaf in (past.encoding, score, past.mask))
        for side in (~validation, validation)
    )
    refuse_leakage(
        teaching,
        examining,
        training_names=np.flatnonzero(~validation).tolist(),
        evaluation_names=np.flatnonzero(validation).tolist(),
    )


@lru_cache
def _learner(config: LearnConfig) -> MetaLearner:
    loss = squared_error(predictor_network().apply)
    optimizer = optax.adam(config.outer_rate)
    return maml(loss, optimizer, inner_steps=config.inner_steps)


@lru_cache
def _sampler(config: LearnConfig) -> Callable[[Array, tuple[Array, Array, Array]], Episode]:
    def sample_tasks(key: Array, sources: tuple[Array, Array, Array]) -> Episode:
        return sample_episode(key, *sources, support=config.support, query=config.query)

    return sample_tasks


def _meta_train(
    key: Array, past: Past, held_out: np.ndarray, config: LearnConfig
) -> tuple[TrainState, Curves]:
    train_key, init_key, episode_key = jax.random.split(key, 3)
    data = (past.x, past.y, past.mask)
    sources = tuple(leaf[~held_out] for leaf in data)
    x, y, mask = (jnp.repeat(leaf[held_out], EPISODES_A_TASK, axis=0) for leaf in data)
    sample_tasks, learner = _sampler(config), _learner(config)
    params = predictor_network().init(init_key, past.x.shape[-1])
    return train_chunk(
        init_training(train_key, params, learner=learner),
        sources,
        sample_tasks(episode_key, (x, y, mask)),
        MAMLHyper(jnp.asarray(config.inner_rate)),
        learner=learner,
        sample_tasks=sample_tasks,
        steps=config.meta_steps,
        evaluate_every=config.evaluate_every,
        patience=config.patience,
    )


@jax.jit
def _network_spread(network: PyTree, past: Past, trained_on: Array) -> tuple[Array, Array]:
    """Mean float[h] and scale float[h] of the network's features over what it was trained on."""
    features = predictor_network().features(network, past.x)
    counts = (past.mask & trained_on[:, None]).astype(features.dtype)
    weight = counts / jnp.sum(counts)
    location = jnp.einsum("tm,tmh->h", weight, features)
    variance = jnp.einsum("tm,tmh->h", weight, jnp.square(features - location[None, None, :]))
    return location, jnp.sqrt(jnp.maximum(variance * features.shape[-1], 1e-12))


@jax.jit
def _features_of_past(knowledge: MetaKnowledge, past: Past) -> tuple[Pool, Array]:
    """The pools of the sources' own evaluations, and what other sources predict, float[S, M]."""
    pools = jax.lax.map(lambda encoding: pool_features(knowledge, encoding).pool, past.encoding)
    number = past.y.shape[0]
    predicted = pools.features[..., source_features(number)]
    itself = jnp.eye(number, dtype=bool)[:, None, :]
    return pools, jnp.sum(jnp.where(itself, 0, predicted), -1) / (number - 1)


def _no_prior(layout: Layout) -> PoolPrior:
    zeros = jnp.zeros((2, 1 + sum(layout)))
    return PoolPrior(zeros, zeros, *(zeros[:, 0] for _ in range(4)))
