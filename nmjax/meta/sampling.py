"""Which tasks to meta-train on: the difficult ones, or the kin of a target."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta.batch import Batch
from nmjax.meta.learner import MetaLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class FocusHyper(NamedTuple):
    """The traced numbers of a `focused` learner.

    Attributes:
      learner: those of the learner within.
      temperature: float[], positive; infinite is uniform, toward 0 only the hardest are chosen.
    """

    learner: PyTree
    temperature: Array


class FocusInfo(NamedTuple):
    """What one meta-update of a `focused` learner saw, before it moved.

    Attributes:
      loss: float[], mean query loss after adapting over all candidates, so it is comparable with
        the loss of a learner that is not focused.
      losses: float[C], that of each candidate.
      chosen: int32[T], the candidates that were learned from.
      learner: the info of the learner within, on the chosen tasks.
    """

    loss: Array
    losses: Array
    chosen: Array
    learner: PyTree


class WeightedSources(NamedTuple):
    """Sources for a `weighted` sampler.

    Attributes:
      sources: a pytree whose leaves have a leading axis of S source tasks.
      log_weights: float[S], need not be normalized; -inf bars a source.
    """

    sources: PyTree
    log_weights: Array


def focused(learner: MetaLearner, *, tasks: int) -> MetaLearner:
    """Learns from the difficult ones among the tasks of each meta-update.

    Difficulty is the query loss after adapting, measured anew at each update for all candidates
    that the outer loop samples. `tasks` of them are drawn without replacement, with weights
    exp(z / temperature) of their standardized losses z; candidates whose loss is not finite come
    last. Hard tasks in meta-training: Sun et al. (2019); their worst case as the aim: Collins,
    Mokhtari and Shakkottai (2020). The objective is no longer the mean over the tasks' own
    distribution.

    Args:
      learner: whose updates are focused.
      tasks: T, how many of the C candidates to learn from, static.

    Returns:
      A learner with the state of `learner`, info `FocusInfo` and hyper `FocusHyper`.

    Raises:
      NmjaxError: `tasks` is not positive, or at the first update fewer candidates come.
    """
    if tasks < 1:
        raise NmjaxError(f"Got tasks={tasks}, expected at least 1 to learn from.")

    def update(
        key: Array, state: PyTree, candidates: Episode, hyper: FocusHyper
    ) -> tuple[PyTree, FocusInfo]:
        if (count := candidates.support_y.shape[0]) < tasks:
            raise NmjaxError(
                f"Got {count} candidates to choose {tasks} tasks from: sample more or choose fewer."
            )
        choice_key, update_key = jax.random.split(key)
        losses = learner.evaluate(state.params, candidates, hyper.learner)
        finite = jnp.isfinite(losses)
        centered = losses - jnp.mean(losses, where=finite)
        spread = jnp.std(losses, where=finite)
        standard = centered / jnp.where(spread > 0, spread, 1)
        logits = jnp.where(finite, standard / hyper.temperature, -jnp.inf)
        # The largest of logits with Gumbel noise are draws without replacement (Kool et al., 2019).
        noise = jax.random.gumbel(choice_key, logits.shape, logits.dtype)
        chosen = jax.lax.top_k(logits + noise, tasks)[1]
        drawn = jax.tree.map(lambda leaf: leaf[chosen], candidates)
        state, info = learner.update(update_key, state, drawn, hyper.learner)
        return state, FocusInfo(jnp.mean(losses), losses, chosen, info)

    def adapt_to(params: PyTree, batch: Batch, hyper: FocusHyper) -> PyTree:
        return learner.adapt(params, batch, hyper.learner)

    def evaluate(params: PyTree, episodes: Episode, hyper: FocusHyper) -> Array:
        return learner.evaluate(params, episodes, hyper.learner)

    return MetaLearner(learner.init, update, adapt_to, evaluate)


def weighted(
    sample_tasks: Callable[[Array, PyTree], Episode], *, tasks: int
) -> Callable[[Array, WeightedSources], Episode]:
    """A `sample_tasks` for `train` that draws source tasks by weight.

    Args:
      sample_tasks: (key, sources with a leading axis of T tasks) -> episodes of these tasks.
      tasks: T, how many to draw, with replacement.

    Returns:
      (key, `WeightedSources`) -> episodes. Other weights compile nothing anew.
    """

    def sample(key: Array, sources: WeightedSources) -> Episode:
        task_key, episode_key = jax.random.split(key)
        row = jax.random.categorical(task_key, sources.log_weights, shape=(tasks,))
        return sample_tasks(episode_key, jax.tree.map(lambda leaf: leaf[row], sources.sources))

    return sample


def affinity(
    params: PyTree, sources: Batch, target: Batch, hyper: PyTree, *, learner: MetaLearner
) -> Array:
    """How much adapting to each source helps on a target, float[S]; below 0 it harms.

    Inter-task affinity (Fifty et al., 2021): 1 - L(adapted to the source) / L(not
    adapted), with the loss on the target's few evaluations. Over a temperature, these are
    log-weights for `weighted`.

    Args:
      params: where adapting begins.
      sources: evaluations with a leading axis of S source tasks.
      target: evaluations of the target.
      hyper: the learner's traced numbers.
      learner: the meta-learner.
    """
    count = sources.y.shape[0]
    asked = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), target)

    def losses(mask: Array) -> Array:
        episodes = Episode(sources.x, sources.y, asked.x, asked.y, mask, asked.mask)
        return learner.evaluate(params, episodes, hyper)

    return 1 - losses(sources.mask) / losses(jnp.zeros_like(sources.mask))
