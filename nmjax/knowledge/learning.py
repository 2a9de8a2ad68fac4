"""Learning from past searches.

The kernel over the structure is fitted by marginal likelihood, each past task becomes a model that
predicts scores, a network is meta-trained unless `LearnConfig(network=False)` is given, and the
priors of a new task are fitted by leave-one-task-out replay.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError, check_seed
from nmjax.knowledge.component_weights import prior_log_weights
from nmjax.knowledge.config import LearnConfig, config_for, count_successes
from nmjax.knowledge.default import default_knowledge
from nmjax.knowledge.failures import learn_failures
from nmjax.knowledge.features import group_index, num_network_features, pool_features
from nmjax.knowledge.kernel_fitting import check_sources, fit_kernel, fit_sources
from nmjax.knowledge.learning_inputs import check_past, limit_history, pad_history
from nmjax.knowledge.network_training import TrainedNetwork, no_network, train_network
from nmjax.knowledge.prior_fitting import (
    Layout,
    draw_targets,
    fit_priors,
    other_sources,
    replay,
)
from nmjax.knowledge.standardized_past import Past, best_options, standardize_past
from nmjax.knowledge.state import FeatureParams, MetaKnowledge, source_features
from nmjax.knowledge.transfer.portfolio import portfolio_gain
from nmjax.meta import LastLayerParams
from nmjax.predictors import Pool, PoolPrior
from nmjax.spaces import Space
from nmjax.tasks import fold_tasks, history_scores, select_tasks
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array, History, Metric


class LearnInfo(NamedTuple):
    """Diagnostics of learning.

    Attributes:
      train_loss: float[E], negative log evidence per evaluation of the tasks that networks were
        trained on, after each `evaluate_every` meta-updates; NaN without a network.
      validation_loss: float[E], the same of the tasks held out.
      best_step: int32[], number of meta-updates of the network that was kept.
      generalization_gap: float[], validation loss minus training loss there.
      kernel_posterior: float[kernel_steps], log posterior density of the kernel per observation.
      prior_evidence: float[K, prior_steps], mean log evidence of a replay under each prior.

    Example:
      >>> from nmjax.knowledge import LearnInfo
      >>> LearnInfo._fields[:2]
      ('train_loss', 'validation_loss')
    """

    train_loss: Array
    validation_loss: Array
    best_step: Array
    generalization_gap: Array
    kernel_posterior: Array
    prior_evidence: Array


def learn(
    past: PastSearches,
    *,
    seed: int = 0,
    config: LearnConfig | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> MetaKnowledge:
    """Learn knowledge for a new search from past searches of the same space and metric.

    One past task with five evaluations is enough. The worse past tasks predict one another, the
    lower is the initial weight of the transferred prior. Tasks without a successful evaluation are
    left out; without any usable task the result is that of `default_knowledge`. If there are more
    evaluations than `config` allows, a random sample of each task is learned from.

    Args:
      past: Past searches, as `read_history` returns them.
      seed: Seed of all random draws.
      config: Static settings; by default those of `config_for`.
      on_stage: Function that is called with the name of each stage as it begins.

    Returns:
      Knowledge for `Study` or `make_problem`.

    Raises:
      NmjaxError: `past` is no `PastSearches` or names no metric to improve, the seed is negative or
        not an integer, there are more than `max_tasks` tasks, `config` asks for more evaluations
        than a task has, or scores of a task cannot be factorized in single precision.

    Example:
      >>> import numpy as np
      >>> from nmjax.knowledge import LearnConfig, learn
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import PastSearches, make_history
      >>> from nmjax.types import Metric
      >>> history = make_history(np.arange(4)[None, :, None], {"accuracy": [[0.1, 0.3, 0.2, 0.7]]})
      >>> past = PastSearches(Space(width=[8, 16, 32, 64]), history, ("a",), Metric("accuracy"))
      >>> config = LearnConfig(network=False, kernel_steps=2, prior_steps=2)
      >>> learn(past, config=config).metric.name
      'accuracy'
    """
    if not isinstance(past, PastSearches):
        raise NmjaxError(
            f"Expected past searches, as read_history returns them, got a {type(past).__name__}."
        )
    check_seed(seed)
    if past.metric is None:
        raise NmjaxError(
            f"Got past searches {past.name!r} without a metric to improve; name it by maximize= or "
            "minimize= when reading them."
        )
    enable_compilation_cache()
    history = pad_history(past.history, past.metric)
    usable = np.flatnonzero(count_successes(history_scores(history, past.metric)))
    if not len(usable):
        return default_knowledge(past.space, past.metric)
    if len(usable) < len(past.tasks):
        history = select_tasks(history, usable)
    fold_key, learn_key = jax.random.split(jax.random.key(seed))
    config = config or config_for(history, past.metric)
    folds = None
    if config.network and len(usable) > 1:
        folds = fold_tasks(fold_key, [past.tasks[task] for task in usable])
    return learn_from_history(
        learn_key,
        history,
        past.metric,
        folds,
        space=past.space,
        config=config,
        on_stage=on_stage,
    )[0]


def learn_from_history(
    key: Array,
    history: History,
    metric: Metric,
    folds: ArrayLike | None = None,
    *,
    space: Space,
    config: LearnConfig | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[MetaKnowledge, LearnInfo]:
    """Learn from a history with given folds for cross-fitting the network.

    `learn` draws the folds. Arrays are padded to a few lengths (20, 30, 40, 60, 80, 100, 150, ...),
    so that a past that grows by one evaluation rarely triggers recompilation.

    Args:
      key: Random key of the network, its training and the replays.
      history: S past tasks with raw metrics, each with a successful evaluation.
      metric: Metric that defines the score.
      folds: int[S], fold of each task, at least two different ones, as from `tasks.fold_tasks`.
        Not read without a network.
      space: Space of the architectures.
      config: Static settings; by default those of `config_for`.
      on_stage: Function that is called with the name of each stage as it begins.

    Raises:
      NmjaxError: There are more than `max_tasks` tasks; a task has no successful evaluation, or
        scores that cannot be factorized in single precision; or, with a network, a task has fewer
        than `replay_size`, there are fewer than two folds, or two folds have the same task.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.knowledge import LearnConfig, learn_from_history
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> history = make_history(np.arange(4)[None, :, None], {"accuracy": [[0.1, 0.3, 0.2, 0.7]]})
      >>> config = LearnConfig(network=False, kernel_steps=2, prior_steps=2)
      >>> knowledge, info = learn_from_history(
      ...     jax.random.key(0), history, Metric("accuracy"),
      ...     space=Space(width=[8, 16, 32, 64]), config=config)
      >>> info.kernel_posterior.shape
      (2,)
    """
    history = pad_history(history, metric)
    config = config or config_for(history, metric)
    history = limit_history(jax.random.fold_in(key, 2), history, metric, config)
    past = standardize_past(history, space=space, metric=metric)
    folds = check_past(past, folds, config)
    network_key, replay_key = jax.random.split(key)

    on_stage("fit the kernel")
    kernel, kernel_posterior = fit_kernel(
        past.x[:, : config.kernel_rows],
        past.y[:, : config.kernel_rows],
        groups=group_index(space),
        steps=config.kernel_steps,
    )

    network = no_network(config)
    if config.network:
        on_stage("meta-train the network")
        network = train_network(network_key, past, folds, config)

    on_stage("fit a model of each past task")
    sources = fit_sources(kernel, past.x, past.y)
    check_sources(sources)
    sampling, bounds = best_options(history.architecture, past.score, space=space)
    knowledge = MetaKnowledge(
        FeatureParams(past.location, past.scale, kernel, network.params),
        _zero_prior(Layout(len(past.y), num_network_features(network.params))),
        sources,
        sampling,
        bounds,
        jnp.zeros(2),
        jnp.zeros(2),
        jnp.zeros(()),
        space=space,
        metric=metric,
        outcome_transform=config.outcome_transform,
        failures=learn_failures(past, space=space),
    )

    on_stage("replay past searches")
    targets = draw_targets(jax.random.fold_in(key, 3), len(past.y), config.replay_tasks)
    knowledge, prior_evidence = _fit_priors(replay_key, knowledge, past, targets, network, config)
    return knowledge, _info(network, kernel_posterior, prior_evidence)


def _fit_priors(
    key: Array,
    knowledge: MetaKnowledge,
    past: Past,
    targets: Array | None,
    network: TrainedNetwork,
    config: LearnConfig,
) -> tuple[MetaKnowledge, Array]:
    """Fit the priors by replay; return the new knowledge and the evidence at each step."""
    pools, by_others, gain = _features_of_past(knowledge, past, network.held_out, targets)
    replays = replay(
        key,
        pools,
        by_others,
        past.score if targets is None else past.score[targets],
        size=min(config.replay_size, past.score.shape[1]),
        outcome_transform=config.outcome_transform,
    )
    layout = Layout(len(past.y), num_network_features(network.params))
    prior, wins, evidence = fit_priors(replays, targets, layout=layout, steps=config.prior_steps)
    learned = knowledge.replace(
        prior=prior, wins=wins, log_weights=prior_log_weights(wins), portfolio_gain=gain
    )
    return learned, evidence


def _info(network: TrainedNetwork, kernel_posterior: Array, prior_evidence: Array) -> LearnInfo:
    return LearnInfo(
        network.train_loss,
        network.validation_loss,
        network.best_step,
        network.generalization_gap,
        kernel_posterior,
        prior_evidence,
    )


@jax.jit
def _features_of_past(
    knowledge: MetaKnowledge, past: Past, held_out: LastLayerParams | None, targets: Array | None
) -> tuple[Pool, Array, Array]:
    """Pools of the evaluations of R `targets`, all S sources by default, and their predictions.

    The predictions are the mean [R, M] of the other sources, and the mean gain [] of the portfolio
    that they choose. Network features are those of each source's own network in `held_out`, leaves
    [S, ...].
    """
    number = past.y.shape[0]
    others = other_sources(number, targets)
    own = past.encoding, past.y, held_out
    encoding, y, held_out = own if targets is None else jax.tree.map(lambda x: x[targets], own)

    def features(args: tuple[Array, LastLayerParams | None]) -> Pool:
        encoding, network = args
        own = knowledge.replace(params=knowledge.params._replace(network=network))
        return pool_features(own, encoding).pool

    pools = jax.lax.map(features, (encoding, held_out))
    predicted = pools.features[..., source_features(number)]
    by_others = jnp.sum(jnp.where(others[:, None, :], predicted, 0), -1) / max(number - 1, 1)
    return pools, by_others, jnp.mean(jax.vmap(portfolio_gain)(predicted, others, y))


@partial(jax.jit, static_argnums=0)
def _zero_prior(layout: Layout) -> PoolPrior:
    zeros = jnp.zeros((2, 1 + sum(layout)))
    return PoolPrior(zeros, zeros, *(zeros[:, 0] for _ in range(4)))
