"""FSBO: Bayesian optimization under a meta-learned deep kernel, fine-tuned during the search."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import optax

from nmjax.knowledge import source_features, source_scores
from nmjax.meta import DeepKernelParams, deep_kernel, init_deep_kernel, transform_targets
from nmjax.meta.learners.adaptation_gradient import MetaState
from nmjax.predictors import KernelParams, Network
from nmjax.search.baselines.refitted_process import RefittedProcessSearch
from nmjax.search.problem import Problem, unit_inputs
from nmjax.search.problem.kinds import known_past
from nmjax.setting_checks import check_rates, check_sizes
from nmjax.tasks import Episode, sample_episode
from nmjax.types import Array, PyTree

NETWORK = Network((32,) * 4, activation="relu")


@dataclass(frozen=True, kw_only=True)
class FSBOSearch(RefittedProcessSearch):
    """Few-shot Bayesian optimization (FSBO): expected improvement under a meta-learned deep kernel.

    Wistuba and Grabocka, 2021, "Few-shot Bayesian optimization with deep kernel surrogates". The
    parameters of a network and of a Gaussian process on its features maximize the marginal
    likelihood of batches of the sources' evaluations, with randomly scaled scores. They are
    fine-tuned on all evaluations of the target before each suggestion. The first rows are those
    that would have left the least regret on the sources.

    The settings are those of the authors' code for HPO-B (machinelearningnuremberg/FSBO): 4 layers
    of 32 rectified units, a Matern-5/2 kernel with one length scale, batches of 64, Adam, a rate of
    0.001 for fine-tuning, and 5 initial evaluations, which are random there.

    The implementation differs from that code and from the paper as follows:

    - The features are rectified; there, the last layer is not.
    - Meta-learning takes 1000 updates at a rate of 0.001, each on all sources; there, 100,000 on
      one source at a time, at 0.0001 with cosine decay.
    - Scores are normal scores that are shifted and scaled by `transform_targets`; there, they are
      in [0, 1].
    - Fine-tuning takes 30 steps; there, up to 100, of which the best is kept.
    - Improvement is that of the noise-free score; there, of the noisy one.
    - The first rows are selected greedily from the predictions of the source models, because the
      sources are not evaluated at the same architectures; the paper uses an evolutionary algorithm.

    The kernel is learned in `init`, with the same result for all keys, so that a batch of seeds
    shares it.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      initial: Number of rows evaluated first.
      updates: Number of updates of meta-learning.
      rows: Number of rows of each source in an update; all of them if there are fewer.
      meta_rate: Learning rate of Adam for meta-learning.
      steps: Number of Adam steps after each evaluation.
      rate: Learning rate of Adam for fine-tuning.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: `capacity` or `initial` is not positive, or the outcome transform is unknown;
        during the search, the problem has no knowledge.

    Example:
      >>> from nmjax.search import FSBOSearch
      >>> FSBOSearch(capacity=16, updates=100).steps
      30
    """

    warm: ClassVar[bool] = False

    updates: int = 1000
    rows: int = 64
    meta_rate: float = 1e-3
    steps: int = 30
    rate: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(updates=self.updates, rows=self.rows)
        check_rates(meta_rate=self.meta_rate)

    def begin(self, key: Array, problem: Problem) -> tuple[DeepKernelParams, Array]:
        """Return the kernel learned on the past, and rows with little regret there."""
        del key
        learned = learn_deep_kernel(
            problem, updates=self.updates, rows=self.rows, rate=self.meta_rate
        )
        return learned, warm_start(problem, number=self.initial)

    def features(self, network: PyTree, x: Array) -> Array:
        """Return the last hidden activations of the network."""
        return NETWORK.features(network, x)

    def log_prior(self, kernel: KernelParams) -> Array:
        """Return 0: only the start of the fit regularizes the kernel."""
        return jnp.zeros_like(kernel.log_noise)


def learn_deep_kernel(
    problem: Problem, *, updates: int, rows: int, rate: float
) -> DeepKernelParams:
    """Learn a deep kernel on the sources, over inputs from `unit_inputs`.

    Args:
      problem: Problem with knowledge.
      updates: Number of Adam updates, each on all sources.
      rows: Number of rows of each source in an update.
      rate: Learning rate of Adam.
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
    learned: DeepKernelParams
    learned = jax.lax.scan(update, learner.init(learner_key, start), numbers)[0].params
    return learned


def warm_start(problem: Problem, *, number: int) -> Array:
    """Select rows int32[number] that together have little predicted regret on the sources.

    Each row in turn maximizes the mean over sources of the best predicted score of the selected
    rows.
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
