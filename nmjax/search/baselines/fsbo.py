"""Bayesian optimization by a deep kernel that is meta-learned, and fine-tuned as one goes: FSBO."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import optax

from nmjax.knowledge import source_features, source_scores
from nmjax.meta import DeepKernelParams, deep_kernel, init_deep_kernel, transform_targets
from nmjax.meta.learners.adaptation_gradient import MetaState
from nmjax.predictors import KernelParams, Network
from nmjax.search.baselines.refitted_process import RefittedProcessSearch, unit_inputs
from nmjax.search.problem import Problem, known_past
from nmjax.tasks import Episode, sample_episode
from nmjax.types import Array, PyTree

NETWORK = Network((32,) * 4, activation="relu")


@dataclass(frozen=True, kw_only=True)
class FSBOSearch(RefittedProcessSearch):
    """Expected improvement under a deep kernel, learned on the past and fine-tuned on the target.

    Wistuba and Grabocka, 2021, "Few-shot Bayesian optimization with deep kernel surrogates".

    From the paper: the parameters of a network and of a Gaussian process on its features ascend the
    marginal likelihood of batches of the sources' evaluations, whose scores are scaled at random;
    from there they are fine-tuned on all of the target's evaluations before each suggestion; and
    the first rows are those that would have left the least regret on the sources.

    From the authors' code for HPO-B (machinelearningnuremberg/FSBO): 4 layers of 32 with
    rectifiers, Matern-5/2 with one length, batches of 64, Adam, and 0.001 as the rate of
    fine-tuning. It begins with the 5 random evaluations that HPO-B gives, so the number is theirs
    and not which ones.

    Ours: features are rectified too, which in that code the last layer's are not; 1000 updates at
    0.001, each on all sources at once, where that code makes 100,000 on every source in turn at
    0.0001, falling to 0 by a cosine; normal scores that are moved as well as scaled, by
    `transform_targets`, where that code has scores on [0, 1]; 30 steps of fine-tuning, where it
    takes up to 100 and keeps the best; improvement of the noise-free score, where its own is of a
    noisy one; and first rows that are chosen greedily, where the paper evolves them, by what the
    sources' models predict, as sources are not evaluated at the same architectures. The kernel is
    learned in `init`, the same for all keys, so that a batch of seeds shares it.

    Attributes:
      capacity: B, the largest budget.
      evaluate: as in `SearchAlgorithm`.
      initial: number of rows evaluated first.
      updates: number of updates of meta-learning.
      rows: number of rows of each source in an update; all of them if there are fewer.
      meta_rate: learning rate of Adam while meta-learning.
      steps: number of Adam steps after each evaluation.
      rate: learning rate of Adam while fine-tuning.
      outcome_transform: name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: capacity or initial are not positive, or no outcome transform has that name; when
        searching, the problem has no knowledge.
    """

    warm: ClassVar[bool] = False

    updates: int = 1000
    rows: int = 64
    meta_rate: float = 1e-3
    steps: int = 30
    rate: float = 1e-3

    def begin(self, key: Array, problem: Problem) -> tuple[DeepKernelParams, Array]:
        """Return the kernel learned on the past, and rows that leave little regret there."""
        del key
        learned = learn_deep_kernel(
            problem, updates=self.updates, rows=self.rows, rate=self.meta_rate
        )
        return learned, warm_start(problem, number=self.initial)

    def features(self, network: PyTree, x: Array) -> Array:
        """Return the last hidden activations of the network."""
        return NETWORK.features(network, x)

    def log_prior(self, kernel: KernelParams) -> Array:
        """Return 0: the kernel has no prior but its start."""
        return jnp.zeros_like(kernel.log_noise)


def learn_deep_kernel(
    problem: Problem, *, updates: int, rows: int, rate: float
) -> DeepKernelParams:
    """The deep kernel of the sources, over inputs as `unit_inputs` makes them.

    Args:
      problem: with knowledge.
      updates: of Adam, each on all sources.
      rows: of each source in an update.
      rate: of Adam.
    """
    knowledge = known_past(problem)
    x, y = unit_inputs(problem, knowledge.sources.position), source_scores(knowledge)
    learner = deep_kernel(NETWORK.features, optax.adam(rate))
    half = min(rows, y.shape[1]) // 2

    def draw(key: Array) -> Episode:
        rows_key, scores_key = jax.random.split(key)
        tasks = sample_episode(rows_key, x, y, ~jnp.isnan(y), support=half, query=half)
        return transform_targets(scores_key, tasks, shift=0.5, log_scale=0.5)

    start_key, learner_key, update_key = jax.random.split(jax.random.key(0), 3)
    start = init_deep_kernel(NETWORK.init(start_key, x.shape[-1]), 32)

    def update(state: MetaState, number: Array) -> tuple[MetaState, None]:
        draw_key, own_key = jax.random.split(jax.random.fold_in(update_key, number))
        return learner.update(own_key, state, draw(draw_key), None)[0], None

    numbers = jnp.arange(updates, dtype=jnp.int32)
    return jax.lax.scan(update, learner.init(learner_key, start), numbers)[0].params


def warm_start(problem: Problem, *, number: int) -> Array:
    """Rows int32[number] that together leave little regret on the sources, by their models.

    Each in turn raises the mean over sources of the best score that is predicted of any the most.
    """
    knowledge = known_past(problem)
    of_sources = source_features(knowledge.sources.constant.shape[0])
    predicted = problem.pool.features[:, of_sources]

    def choose(best: Array, _: None) -> tuple[Array, Array]:
        reached = jnp.maximum(best[None, :], predicted)
        row = jnp.argmax(jnp.mean(reached, axis=-1)).astype(jnp.int32)
        return reached[row], row

    lowest = jnp.min(predicted, axis=0)
    return jax.lax.scan(choose, lowest, None, length=min(number, len(predicted)))[1]
