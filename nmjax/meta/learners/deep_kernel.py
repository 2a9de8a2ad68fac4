"""A Gaussian process on meta-learned features (FSBO).

Network, kernel, mean and noise are meta-learned; a task conditions the process on its evaluations.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta.batch import (
    Batch,
    known_scores,
    negative_log_density,
    query,
    support,
    support_and_query,
    valid_rows,
)
from nmjax.meta.learners.adaptation_gradient import MAMLInfo, MetaState
from nmjax.meta.learners.probabilistic import (
    ProbabilisticLearner,
    TaskPosterior,
    add_noise,
    conditioning,
)
from nmjax.optimize import descend
from nmjax.predictors import (
    GaussianProcess,
    KernelParams,
    default_kernel,
    gaussian_process,
    kernel_noise,
    log_normal_density,
    noisy_covariance,
    update_many,
)
from nmjax.tasks.episodes import Episode
from nmjax.types import ApplyFn, Array, Gaussian, PyTree


class DeepKernelParams(NamedTuple):
    """Parameters of `deep_kernel`.

    Attributes:
      network: parameters of the features.
      mean: float[], mean of scores.
      kernel: hyperparameters of the kernel over the features, which share one relevance.

    Example:
      >>> from nmjax.meta import init_deep_kernel
      >>> init_deep_kernel(None, size=8).kernel.log_relevance.shape
      (1,)
    """

    network: PyTree
    mean: Array
    kernel: KernelParams


def deep_kernel(features: ApplyFn, optimizer: optax.GradientTransformation) -> ProbabilisticLearner:
    """Learn a Gaussian process on a network's features (FSBO, Wistuba and Grabocka, 2021).

    Network, kernel, mean and noise maximize the marginal likelihood of all of a task's evaluations,
    as in HyperBO (Wang et al., 2022), per evaluation; adapting is conditioning. The kernel is
    Matern-5/2. Adapting to S evaluations takes O(S^3). Parameters are initialized by
    `init_deep_kernel`.

    Args:
      features: (params, x float[M, D]) -> float[M, F], for instance `network.features`.
      optimizer: optimizer of the outer loop.

    Returns:
      A learner as from `conditioning`, over `DeepKernelParams`; it adapts to a `TaskPosterior`.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, deep_kernel, init_deep_kernel
      >>> learner = deep_kernel(lambda params, x: x, optax.sgd(0.1))
      >>> batch = Batch(jnp.eye(2), jnp.ones(2), jnp.ones(2, bool))
      >>> adapted = learner.adapt(init_deep_kernel(None, size=2), batch, None).params
      >>> learner.predict(adapted, jnp.eye(2)).std.shape
      (2,)
    """

    def process(embedded: Array, capacity: int) -> GaussianProcess:
        return gaussian_process(embedded.shape[-1], capacity=capacity)

    def condition(params: DeepKernelParams, batch: Batch) -> TaskPosterior:
        embedded = features(params.network, batch.x)
        surrogate = process(embedded, batch.y.shape[-1])
        start, centered = surrogate.init(params.kernel), known_scores(batch) - params.mean
        return TaskPosterior(params, update_many(surrogate, start, embedded, centered))

    def predict(posterior: TaskPosterior, x: Array) -> Gaussian:
        params, state = posterior
        embedded = features(params.network, x)
        mean, std = process(embedded, state.white.shape[-1]).predict(state, embedded)
        return add_noise(Gaussian(mean + params.mean, std), kernel_noise(params.kernel))

    base = conditioning(condition, predict, optimizer)
    loss_fn = negative_log_density(predict)

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: PyTree
    ) -> tuple[MetaState, MAMLInfo]:
        del key

        def negative_log_likelihood(params: DeepKernelParams, batch: Batch) -> Array:
            embedded = features(params.network, batch.x)
            covariance = noisy_covariance(params.kernel, embedded)
            density = log_normal_density(covariance, known_scores(batch) - params.mean)
            return -density / jnp.maximum(jnp.sum(valid_rows(batch)), 1).astype(density.dtype)

        def objective(params: DeepKernelParams) -> Array:
            return jnp.mean(
                jax.vmap(negative_log_likelihood, in_axes=(None, 0))(
                    params, support_and_query(tasks)
                )
            )

        gradient = jax.grad(objective)(state.params)
        params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
        adapted = jax.vmap(base.adapt, in_axes=(None, 0, None))(state.params, support(tasks), hyper)
        query_losses = jax.vmap(loss_fn)(adapted.params, query(tasks))
        info = MAMLInfo(jnp.mean(query_losses), query_losses, adapted.losses, norm)
        return MetaState(params, opt_state, state.step + 1), info

    return base._replace(update=update)


def init_deep_kernel(network: PyTree, size: int) -> DeepKernelParams:
    """Initialize the parameters of `deep_kernel` on `size` features F, of length scale sqrt(F).

    Example:
      >>> from nmjax.meta import init_deep_kernel
      >>> float(init_deep_kernel(None, size=1).kernel.log_relevance[0])
      0.0
    """
    return DeepKernelParams(network, jnp.zeros(()), default_kernel(1, num_groups=size))
