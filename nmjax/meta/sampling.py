"""Sampling of meta-training tasks: difficult ones, related ones, and over several devices."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nmjax.errors import NmjaxError
from nmjax.meta.batch import Batch
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.probabilistic import AnyLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class FocusHyper(NamedTuple):
    """The traced numbers of a `focused` learner.

    Attributes:
      learner: those of the inner learner.
      temperature: float[], positive; infinite is uniform, values toward 0 choose only the hardest.

    Example:
      >>> from nmjax.meta import FocusHyper, MAMLHyper
      >>> FocusHyper(MAMLHyper(0.1), temperature=1.0).temperature
      1.0
    """

    learner: PyTree
    temperature: Array


class FocusInfo(NamedTuple):
    """Quantities of one meta-update of a `focused` learner, before its step.

    Attributes:
      loss: float[], mean query loss after adapting over all candidates, comparable with the loss of
        a learner that is not focused.
      losses: float[C], query loss of each candidate.
      chosen: int32[T], the selected candidates.
      learner: info of the inner learner on the selected tasks.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import FocusInfo
      >>> FocusInfo(jnp.zeros(()), jnp.zeros(4), jnp.array([1, 2]), None).chosen.shape
      (2,)
    """

    loss: Array
    losses: Array
    chosen: Array
    learner: PyTree


class WeightedSources(NamedTuple):
    """Sources for a `weighted` sampler.

    Attributes:
      sources: a pytree whose leaves have a leading axis of S source tasks.
      log_weights: float[S], need not be normalized; -inf excludes a source.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import WeightedSources
      >>> WeightedSources(jnp.zeros((3, 4)), jnp.array([0.0, 0.0, -jnp.inf])).log_weights.shape
      (3,)
    """

    sources: PyTree
    log_weights: Array


def focused(learner: AnyLearner, *, tasks: int) -> MetaLearner:
    """Learn from the most difficult of the tasks of each meta-update.

    Difficulty is the query loss after adapting, measured at each update for all candidates that the
    outer loop samples. `tasks` of them are drawn without replacement, with weights exp(z /
    temperature) of their standardized losses z; candidates with a non-finite loss come last. The
    objective is no longer the mean over the distribution of tasks. See Sun et al. (2019) for hard
    tasks in meta-training, and Collins, Mokhtari and Shakkottai (2020) for the worst case as
    objective.

    Args:
      learner: learner whose updates are focused.
      tasks: T, number of the C candidates to learn from, static.

    Returns:
      A learner with the state of `learner`, info `FocusInfo` and hyper `FocusHyper`.

    Raises:
      NmjaxError: `tasks` is not positive, or an update has fewer candidates.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import focused, maml, squared_error
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> focused(learner, tasks=2).init(jax.random.key(0), jnp.zeros(3)).params.shape
      (3,)
    """
    if tasks < 1:
        raise NmjaxError(f"Got tasks={tasks}, expected at least 1: give for instance 4.")

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
    """Create a `sample_tasks` for `train` that draws source tasks by weight.

    Args:
      sample_tasks: (key, sources with a leading axis of T tasks) -> episodes of these tasks.
      tasks: T, number of tasks to draw, with replacement.

    Returns:
      (key, `WeightedSources`) -> episodes. Changing the weights does not recompile.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import WeightedSources, weighted
      >>> sample = weighted(lambda key, sources: sources, tasks=4)
      >>> sample(jax.random.key(0), WeightedSources(jnp.array([1, 2]), jnp.array([0.0, -jnp.inf])))
      Array([1, 1, 1, 1], dtype=int32)
    """

    def sample(key: Array, sources: WeightedSources) -> Episode:
        task_key, episode_key = jax.random.split(key)
        row = jax.random.categorical(task_key, sources.log_weights, shape=(tasks,))
        return sample_tasks(episode_key, jax.tree.map(lambda leaf: leaf[row], sources.sources))

    return sample


@dataclass(frozen=True)
class ShardedSampler:
    """A `sample_tasks` for `train` whose tasks are laid over devices.

    Each device adapts to its part of the tasks of a meta-update. The devices communicate to average
    the meta-gradient; parameters and sources are on every device.

    Attributes:
      sample_tasks: (key, sources) -> episodes with a leading axis of T tasks.
      mesh: Devices, such as `nmjax.experiments.batch_mesh()`; their number should divide T.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.experiments import batch_mesh
      >>> from nmjax.meta import ShardedSampler
      >>> sample = ShardedSampler(lambda key, sources: sources, batch_mesh())
      >>> jax.jit(sample)(jax.random.key(0), jnp.arange(4)).tolist()
      [0, 1, 2, 3]
    """

    sample_tasks: Callable[[Array, PyTree], Episode]
    mesh: Mesh

    def __call__(self, key: Array, sources: PyTree) -> Episode:
        """Return episodes with a leading axis of T tasks, sharded."""
        layout = NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names))
        episodes: Episode = jax.lax.with_sharding_constraint(
            self.sample_tasks(key, sources), layout
        )
        return episodes


def affinity(
    params: PyTree, sources: Batch, target: Batch, hyper: PyTree, *, learner: AnyLearner
) -> Array:
    """Relative decrease float[S] of the target's loss by adapting to each source.

    Negative where a source harms. Inter-task affinity (Fifty et al., 2021): 1 - L(adapted to the
    source) / L(not adapted), with the loss on the target's few evaluations. Divided by a
    temperature, these are log-weights for `weighted`.

    Args:
      params: parameters that adaptation starts from.
      sources: evaluations with a leading axis of S source tasks.
      target: evaluations of the target.
      hyper: the learner's traced numbers.
      learner: the meta-learner.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, MAMLHyper, affinity, maml, squared_error
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> target = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> sources = Batch(target.x[None], target.y[None], target.mask[None])
      >>> hyper = MAMLHyper(jnp.float32(0.5))
      >>> affinity(jnp.zeros(1), sources, target, hyper, learner=learner)
      Array([1.], dtype=float32)
    """
    count = sources.y.shape[0]
    targets = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), target)

    def losses(mask: Array) -> Array:
        episodes = Episode(sources.x, sources.y, targets.x, targets.y, mask, targets.mask)
        return learner.evaluate(params, episodes, hyper)

    return 1 - losses(sources.mask) / losses(jnp.zeros_like(sources.mask))
