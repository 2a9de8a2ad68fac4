"""Learning from past searches.

The kernel over the structure is fitted by marginal likelihood, each past task becomes a model that
predicts scores, and the priors of a new task are fitted by leave-one-task-out replay. A network can
be meta-trained in addition; `LearnConfig(network=False)` leaves it out and saves the time of
meta-training.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError
from nmjax.knowledge.component_weights import prior_log_weights
from nmjax.knowledge.config import LearnConfig, bucket_above, config_for, count_successes
from nmjax.knowledge.default import default_knowledge
from nmjax.knowledge.features import group_index, pool_features
from nmjax.knowledge.kernel_fitting import fit_kernel, fit_sources
from nmjax.knowledge.network_training import TrainedNetwork, no_network, train_network
from nmjax.knowledge.prior_fitting import Layout, fit_priors, replay
from nmjax.knowledge.standardized_past import Past, best_options, standardize_past
from nmjax.knowledge.state import FeatureParams, MetaKnowledge, source_features
from nmjax.predictors import Pool, PoolPrior
from nmjax.spaces import Space
from nmjax.tasks import history_scores, refuse_leakage, select_tasks, split_meta_validation
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array, History, Metric

VALIDATION_SHARE = 0.2


class LearnInfo(NamedTuple):
    """Diagnostics of learning.

    Attributes:
      train_loss: float[meta_steps], loss of each meta-update; NaN after stopping.
      validation_loss: float[meta_steps / evaluate_every], loss on the validation tasks; NaN after
        stopping.
      best_step: int32[], meta-update whose parameters were kept.
      generalization_gap: float[], validation loss minus training loss at that update.
      kernel_posterior: float[kernel_steps], log posterior density of the kernel per observation.
      prior_evidence: float[2, prior_steps], mean log evidence of a replay under each prior.

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

    One past task with five evaluations is enough. The less the past predicts, the lower is the
    initial weight of the transferred prior. Tasks without a successful evaluation are left out;
    without any usable task the result is that of `default_knowledge`. A fifth of the tasks is drawn
    for meta-validation.

    Args:
      past: Past searches, as `read_history` returns them.
      seed: Seed of all random draws.
      config: Static settings; by default those of `config_for`.
      on_stage: Function that is called with the name of each stage as it begins.

    Returns:
      Knowledge for `Study` or `make_problem`.

    Raises:
      NmjaxError: The past names no metric to improve, or `config` asks for more evaluations than
        a task has.

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
    if past.metric is None:
        raise NmjaxError(
            f"Got past searches {past.name!r} without a metric to improve; name it by maximize= or "
            "minimize= when reading them."
        )
    enable_compilation_cache()
    history = _padded(past.history, past.metric)
    usable = np.flatnonzero(count_successes(history_scores(history, past.metric)))
    if not len(usable):
        return default_knowledge(past.space, past.metric)
    if len(usable) < len(past.tasks):
        history = select_tasks(history, usable)
    split_key, learn_key = jax.random.split(jax.random.key(seed))
    config = config or config_for(history, past.metric)
    validation = None
    if config.network and len(usable) > 1:
        names = [past.tasks[task] for task in usable]
        number = max(1, int(VALIDATION_SHARE * len(names)))
        validation = split_meta_validation(split_key, names, num_families=number)
    return learn_from_history(
        learn_key,
        history,
        past.metric,
        validation,
        space=past.space,
        config=config,
        on_stage=on_stage,
    )[0]


def learn_from_history(
    key: Array,
    history: History,
    metric: Metric,
    validation: ArrayLike | None,
    *,
    space: Space,
    config: LearnConfig | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[MetaKnowledge, LearnInfo]:
    """Learn from a history with a given split for meta-validation.

    `learn` draws the split. Arrays are padded to a few lengths (20, 30, 40, 60, 80, 100, 150, ...),
    so that a past that grows by one evaluation rarely triggers recompilation.

    Args:
      key: Random key of the network, its training and the replays.
      history: S past tasks with raw metrics, each with a successful evaluation.
      metric: Metric that defines the score.
      validation: bool[S], True for the tasks for meta-validation: at least one, not all. None
        without a network.
      space: Space of the architectures.
      config: Static settings; by default those of `config_for`.
      on_stage: Function that is called with the name of each stage as it begins.

    Raises:
      NmjaxError: A task has no successful evaluation; or, with a network, the split has no task on
        one side or the same task on both, or a task has fewer successful evaluations than an
        episode needs.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.knowledge import LearnConfig, learn_from_history
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> history = make_history(np.arange(4)[None, :, None], {"accuracy": [[0.1, 0.3, 0.2, 0.7]]})
      >>> config = LearnConfig(network=False, kernel_steps=2, prior_steps=2)
      >>> knowledge, info = learn_from_history(
      ...     jax.random.key(0), history, Metric("accuracy"), None,
      ...     space=Space(width=[8, 16, 32, 64]), config=config)
      >>> info.kernel_posterior.shape
      (2,)
    """
    history = _padded(history, metric)
    config = config or config_for(history, metric)
    past = standardize_past(history, space=space, metric=metric)
    held_out = _check(past, validation, config)
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
        network = train_network(network_key, past, held_out, config)

    on_stage("fit a model of each past task")
    sampling, bounds = best_options(history.architecture, past.score, space=space)
    knowledge = MetaKnowledge(
        FeatureParams(
            past.location, past.scale, kernel, network.params, network.location, network.scale
        ),
        _zero_prior(Layout(len(held_out), len(network.location))),
        fit_sources(kernel, past.x, past.y),
        sampling,
        bounds,
        jnp.zeros(()),
        jnp.zeros(2),
        space=space,
        metric=metric,
        outcome_transform=config.outcome_transform,
    )

    on_stage("replay past searches")
    knowledge, prior_evidence = _fit_priors(replay_key, knowledge, past, held_out, config)
    return knowledge, _info(network, kernel_posterior, prior_evidence)


def _padded(history: History, metric: Metric) -> History:
    """The history with only the metric of its score, padded to one of a few lengths."""
    missing = bucket_above(history.mask.shape[1]) - history.mask.shape[1]
    rows = [(0, 0), (0, missing)]
    values = np.pad(history.metrics[metric.name], rows, constant_values=np.nan)
    return History(
        jnp.asarray(np.pad(history.architecture, [*rows, (0, 0)])),
        jnp.asarray(np.pad(history.continuous, [*rows, (0, 0)])),
        {metric.name: jnp.asarray(values)},
        jnp.asarray(np.zeros((len(history.mask), 0), np.float32)),
        jnp.asarray(np.pad(history.mask, rows)),
    )


def _fit_priors(
    key: Array, knowledge: MetaKnowledge, past: Past, held_out: np.ndarray, config: LearnConfig
) -> tuple[MetaKnowledge, Array]:
    """The knowledge with its priors fitted by replay, and the evidence at each step."""
    pools, by_others = _features_of_past(knowledge, past)
    replays = replay(
        key,
        pools,
        by_others,
        past.score,
        size=min(config.replay_size, past.score.shape[1]),
        outcome_transform=config.outcome_transform,
    )
    layout = Layout(len(held_out), len(knowledge.params.network_location))
    prior, wins, evidence = fit_priors(
        replays, jnp.asarray(held_out), layout=layout, steps=config.prior_steps
    )
    log_weights = prior_log_weights(wins, jnp.asarray(len(held_out), wins.dtype))
    return knowledge.replace(prior=prior, wins=wins, log_weights=log_weights), evidence


def _info(network: TrainedNetwork, kernel_posterior: Array, prior_evidence: Array) -> LearnInfo:
    return LearnInfo(
        network.curves.train_loss,
        network.curves.validation_loss,
        network.best_step,
        network.generalization_gap,
        kernel_posterior,
        prior_evidence,
    )


def _check(past: Past, validation: ArrayLike | None, config: LearnConfig) -> np.ndarray:
    """Validate the past and the split; return the tasks for meta-validation, bool[S]."""
    usable = count_successes(past.score)
    if not usable.all():
        raise NmjaxError(
            f"Past task {int(usable.argmin())} has no successful evaluation; leave it out."
        )
    if not config.network:
        return np.zeros(len(usable), bool)
    held_out = np.zeros(len(usable), bool) if validation is None else np.asarray(validation, bool)
    if held_out.shape != usable.shape:
        raise NmjaxError(
            f"Got a validation mask {list(held_out.shape)} for {len(usable)} past tasks; "
            "give one bool each."
        )
    if not held_out.any() or held_out.all():
        raise NmjaxError(
            f"Got {int(held_out.sum())} of {len(held_out)} past tasks for meta-validation; "
            "give at least one to each side of the split, or LearnConfig(network=False)."
        )
    _check_sizes(usable, config)
    training, evaluation = (
        tuple(np.asarray(leaf)[side] for leaf in (past.encoding, past.score, past.mask))
        for side in (~held_out, held_out)
    )
    refuse_leakage(
        training,
        evaluation,
        training_names=np.flatnonzero(~held_out).tolist(),
        evaluation_names=np.flatnonzero(held_out).tolist(),
    )
    return held_out


def _check_sizes(usable: np.ndarray, config: LearnConfig) -> None:
    fewest = int(usable.min())
    taken = {"support + query": config.support + config.query, "replay_size": config.replay_size}
    too_large = [name for name, number in taken.items() if number > fewest]
    if too_large:
        raise NmjaxError(
            f"Past task {int(usable.argmin())} has {fewest} successful evaluations; learning needs "
            f"{max(taken.values())} of each: leave it out, or lower {' and '.join(too_large)} "
            f"to {fewest}."
        )


@jax.jit
def _features_of_past(knowledge: MetaKnowledge, past: Past) -> tuple[Pool, Array]:
    """Pools of the sources' evaluations, and the other sources' mean prediction there, [S, M]."""
    pools = jax.lax.map(lambda encoding: pool_features(knowledge, encoding).pool, past.encoding)
    number = past.y.shape[0]
    predicted = pools.features[..., source_features(number)]
    itself = jnp.eye(number, dtype=bool)[:, None, :]
    return pools, jnp.sum(jnp.where(itself, 0, predicted), -1) / max(number - 1, 1)


@partial(jax.jit, static_argnums=0)
def _zero_prior(layout: Layout) -> PoolPrior:
    zeros = jnp.zeros((2, 1 + sum(layout)))
    return PoolPrior(zeros, zeros, *(zeros[:, 0] for _ in range(4)))
