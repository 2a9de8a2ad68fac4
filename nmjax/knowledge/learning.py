"""Learning from past searches.

The kernel over the structure is fitted by marginal likelihood, each past task becomes a model that
predicts scores, and the priors of a new task are fitted by leave-one-task-out replay. A network
and a neural process are meta-trained on request.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import check_seed
from nmjax.knowledge.component_weights import without_wins
from nmjax.knowledge.config import LearnConfig, config_for, count_successes
from nmjax.knowledge.default import default_knowledge
from nmjax.knowledge.failures import learn_failures
from nmjax.knowledge.features import group_index, num_network_features
from nmjax.knowledge.kernel_fitting import check_sources, fit_kernel, fit_sources
from nmjax.knowledge.learn_info import LearnInfo
from nmjax.knowledge.learning_inputs import (
    check_meta_rate,
    check_past,
    check_pasts,
    limit_history,
    pad_history,
)
from nmjax.knowledge.network_training import no_network, train_network
from nmjax.knowledge.prior_fitting import Layout, draw_targets
from nmjax.knowledge.process_training import train_process
from nmjax.knowledge.replayed_past import learn_from_replays, zero_prior
from nmjax.knowledge.standardized_past import best_options, standardize_past
from nmjax.knowledge.state import FeatureParams, MetaKnowledge, encodes_alike
from nmjax.knowledge.transfer.joined_past import JoinedPast, join_pasts
from nmjax.spaces import Space
from nmjax.tasks import fold_tasks, history_scores, select_tasks
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array, History, Metric


def learn(
    past: PastSearches | Sequence[PastSearches],
    *,
    space: Space | None = None,
    synonyms: Mapping[str, str] | None = None,
    seed: int = 0,
    config: LearnConfig | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> MetaKnowledge:
    """Learn knowledge for a new search from past searches, of the same space or of several.

    One past task with five evaluations is enough. The worse past tasks predict one another, the
    lower is the initial weight of the transferred prior. Tasks without a successful evaluation are
    left out; without any usable task the result is that of `default_knowledge`. If there are more
    evaluations than `config` allows, a random sample of each task is learned from.

    Past searches of other spaces are mapped to the space by `map_history`, and become sources like
    the others. Only their order of scores counts, so metrics and units may differ. How much they
    count is learned by replaying the tasks of the space itself. With two such tasks or more, the
    others are left out unless they predict these tasks significantly better. Without such tasks,
    the prior that uses the past begins with its smallest weight.

    Args:
      past: Past searches, as `read_history` returns them, or several of them.
      space: Space of the new search; by default that of the first past.
      synonyms: The space's names of choices and options, by the name in another space, as in
        `match_choices`. For several other spaces with conflicting names, `rename` them.
      seed: Seed of all random draws.
      config: Static settings; by default those of `config_for`.
      on_stage: Function that is called with the name of each stage as it begins.

    Returns:
      Knowledge for `Study` or `make_problem`. Its metric is that of the first past of the space,
      or else of the first past; give `knowledge.replace(metric=...)` to a search by another one.

    Raises:
      NmjaxError: `past` is no `PastSearches` or names no metric to improve, the seed is negative or
        not an integer, there are more than `max_tasks` tasks, `config` asks for more evaluations
        than a task has, scores of a task cannot be factorized in single precision, a past cannot be
        mapped to the space, or a task occurs twice.

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
    pasts = check_pasts(past)
    check_seed(seed)
    enable_compilation_cache()
    space = pasts[0].space if space is None else space
    own = [past for past in pasts if encodes_alike(past.space, space)]
    metric = (own or pasts)[0].required_metric
    joined = join_pasts(pasts, space, synonyms)
    joined = joined._replace(history=pad_history(joined.history, joined.metric))
    usable = np.flatnonzero(count_successes(history_scores(joined.history, joined.metric)))
    if not len(usable):
        return default_knowledge(space, metric)
    if len(usable) < len(joined.tasks):
        joined = joined.select(usable)
    knowledge, gain = _learn_joined(joined, space, seed, config, on_stage)
    if gain is not None and not _is_significant(np.asarray(gain)):
        return learn(own, space=space, seed=seed, config=config, on_stage=on_stage)
    return knowledge.replace(metric=metric)


def _is_significant(gain: np.ndarray) -> bool:
    """Whether the mean of gains float[T] exceeds two standard errors; True for a single one."""
    number = len(gain)
    return number < 2 or bool(gain.mean() > 2 * gain.std(ddof=1) / number**0.5)


def _learn_joined(
    joined: JoinedPast,
    space: Space,
    seed: int,
    config: LearnConfig | None,
    on_stage: Callable[[str], None],
) -> tuple[MetaKnowledge, Array | None]:
    fold_key, learn_key = jax.random.split(jax.random.key(seed))
    replay_sources = joined.replay_sources()
    if config is None:
        replayed = len(joined.tasks) if replay_sources is None else len(replay_sources)
        config = config_for(select_tasks(joined.history, np.arange(replayed)), joined.metric)
    folds = None
    if config.network and len(joined.tasks) > 1:
        folds = fold_tasks(fold_key, joined.tasks)
    knowledge, info = learn_from_history(
        learn_key,
        joined.history,
        joined.metric,
        folds,
        space=space,
        config=config,
        replay_sources=replay_sources,
        on_stage=on_stage,
    )
    return knowledge if joined.own else without_wins(knowledge), info.mapped_gain


def learn_from_history(
    key: Array,
    history: History,
    metric: Metric,
    folds: ArrayLike | None = None,
    *,
    space: Space,
    config: LearnConfig | None = None,
    replay_sources: ArrayLike | None = None,
    meta_rate: ArrayLike | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[MetaKnowledge, LearnInfo]:
    """Learn from a history with given folds for cross-fitting the network.

    `learn` draws the folds. Arrays are padded to a few lengths (20, 30, 40, 60, 80, 100, 150, ...),
    so that a past that grows by one evaluation rarely triggers recompilation.

    The function works under `jit` and `vmap`, over keys, over histories of many pasts and over
    `meta_rate`; folds must be concrete. Traced values are not checked: a task without a successful
    evaluation is no source, one whose scores cannot be factorized gives NaN, and tasks that occur
    twice are not found.

    Args:
      key: Random key of the network, its training and the replays.
      history: S past tasks with raw metrics, each with a successful evaluation.
      metric: Metric that defines the score.
      folds: int[S], fold of each task, at least two different ones, as from `tasks.fold_tasks`.
        Not read without a network.
      space: Space of the architectures.
      config: Static settings; by default those of `config_for`.
      replay_sources: bool[T, S], the sources of each replay. The first T tasks are replayed as new
        ones. The others, which are only sources, get a weight of their own. By default, all tasks
        are replayed, each with all others as sources.
      meta_rate: float[], step size of Adam on the network, instead of the one in `config`.
      on_stage: Function that is called with the name of each stage as it begins.

    Raises:
      NmjaxError: There are more than `max_tasks` tasks; a task has no successful evaluation, or
        scores that cannot be factorized in single precision; `meta_rate` is not positive; or, with
        a network, a task has fewer than `replay_size` successful evaluations, there are fewer than
        two folds, or two folds have the same task.

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
    check_meta_rate(meta_rate)
    history = pad_history(history, metric)
    config = config or config_for(history, metric)
    history = limit_history(jax.random.fold_in(key, 2), history, metric, config)
    past = standardize_past(history, space=space, metric=metric)
    replayed = len(past.y) if replay_sources is None else len(np.asarray(replay_sources))
    folds = check_past(past, folds, config, replayed=replayed)
    replayed_by = None if replay_sources is None else jnp.asarray(replay_sources, bool)
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
        network = train_network(network_key, past, folds, config, meta_rate)

    on_stage("fit a model of each past task")
    sources = fit_sources(kernel, past.x, past.y)
    check_sources(sources)
    sampling, bounds = best_options(history.architecture, past.score, space=space)
    knowledge = MetaKnowledge(
        FeatureParams(past.location, past.scale, kernel, network.params),
        zero_prior(Layout(len(past.y), num_network_features(network.params))),
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
    targets = draw_targets(jax.random.fold_in(key, 3), replayed, config.replay_tasks)
    knowledge, evidence, gain = learn_from_replays(
        replay_key, knowledge, past, network, config, targets, replayed_by
    )
    process_loss = None
    if config.process:
        on_stage("meta-train a neural process")
        own = past._replace(x=past.x[:replayed], y=past.y[:replayed])
        process = train_process(jax.random.fold_in(key, 4), own, steps=config.process_steps)
        knowledge, process_loss = knowledge.replace(process=process.params), process.loss
    return knowledge, LearnInfo(
        network.train_loss,
        network.validation_loss,
        network.best_step,
        network.generalization_gap,
        kernel_posterior,
        evidence,
        gain,
        process_loss,
    )
