"""Closed forms on learned features: a Bayesian last layer, and a Gaussian process.

Network, prior and noise are meta-learned; a task conditions a surrogate over what the network makes
of encodings, one evaluation after another.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta.batch import (
    Batch,
    counted,
    everything,
    known_scores,
    negative_log_density,
    query,
    support,
)
from nmjax.meta.learners.gradient import MAMLInfo, MetaState
from nmjax.meta.learners.probabilistic import ProbabilisticLearner, conditioning
from nmjax.meta.multitask import with_intercept
from nmjax.optimize import descend
from nmjax.predictors import (
    GaussianProcess,
    KernelParams,
    LinearPrior,
    bayesian_linear,
    default_kernel,
    gaussian_process,
    kernel_noise,
    log_normal_density,
    noisy_covariance,
    update_many,
)
from nmjax.predictors.kernel import NOISE_FLOOR
from nmjax.tasks.episodes import Episode
from nmjax.types import ApplyFn, Array, Gaussian, PyTree

_KNOWN = 1e12  # Shape and rate of an inverse gamma that no data move away from 1.


class LastLayerParams(NamedTuple):
    """What `alpaca` learns.

    The weights of F features and of an intercept are factor @ (mean + e) with e standard normal:
    of covariance factor @ factor.T.

    Attributes:
      network: parameters of the features.
      mean: float[F + 1].
      factor: float[F + 1, F + 1].
      log_noise: float[], log of the variance of an observation's noise.
    """

    network: PyTree
    mean: Array
    factor: Array
    log_noise: Array


class DeepKernelParams(NamedTuple):
    """What `deep_kernel` learns.

    Attributes:
      network: parameters of the features.
      mean: float[], of scores.
      kernel: hyperparameters over the features, all in one group.
    """

    network: PyTree
    mean: Array
    kernel: KernelParams


class Posterior(NamedTuple):
    """What `alpaca` and `deep_kernel` know of a task.

    Attributes:
      params: what was meta-learned.
      state: of the surrogate, `LinearState` or `GPState`, after the task's evaluations.
    """

    params: PyTree
    state: PyTree


def alpaca(features: ApplyFn, optimizer: optax.GradientTransformation) -> ProbabilisticLearner:
    """Learns features and a prior over the last layer's weights (Harrison, Sharma, Pavone, 2018).

    Bayesian linear regression within a task, through which the density of its query is ascended
    (algorithm 1 of "Meta-learning priors for efficient online Bayesian regression"). Adapting to S
    evaluations takes O(S F^2). Begin from `init_last_layer`.

    Args:
      features: (params, x float[M, D]) -> float[M, F], for instance `network.features`.
      optimizer: of the outer loop.

    Returns:
      A learner as of `conditioning`, over `LastLayerParams`; a task's is a `Posterior`.
    """
    surrogate = bayesian_linear()

    def embed(params: LastLayerParams, x: Array) -> Array:
        return with_intercept(features)(params.network, x) @ params.factor

    def learn(params: LastLayerParams, batch: Batch) -> Posterior:
        prior = LinearPrior(
            mean=params.mean,
            variance=jnp.ones_like(params.mean),
            noise=jnp.exp(params.log_noise) + NOISE_FLOOR,
            shape=jnp.full_like(params.log_noise, _KNOWN),
            rate=jnp.full_like(params.log_noise, _KNOWN),
        )
        start, embedded = surrogate.init(prior), embed(params, batch.x)
        return Posterior(params, update_many(surrogate, start, embedded, known_scores(batch)))

    def predict(posterior: Posterior, x: Array) -> Gaussian:
        params, state = posterior
        return _add_noise(surrogate.predict(state, embed(params, x)), state.prior.noise)

    return conditioning(learn, predict, optimizer)


def init_last_layer(network: PyTree, size: int) -> LastLayerParams:
    """Parameters for `alpaca` on `size` features F, all weights standard normal to begin with."""
    mean, factor = jnp.zeros((size + 1,)), jnp.eye(size + 1)
    return LastLayerParams(network, mean, factor, jnp.zeros(()) - 2.0)


def deep_kernel(features: ApplyFn, optimizer: optax.GradientTransformation) -> ProbabilisticLearner:
    """Learns a Gaussian process on a network's features (FSBO, Wistuba and Grabocka, 2021).

    Network, kernel, mean and noise ascend the marginal likelihood of all of a task's evaluations,
    as in HyperBO (Wang et al., 2022), in nats an evaluation; adapting is conditioning. Matern-5/2.
    Adapting to S evaluations takes O(S^3). Begin from `init_deep_kernel`.

    Args:
      features: (params, x float[M, D]) -> float[M, F], for instance `network.features`.
      optimizer: of the outer loop.

    Returns:
      A learner as of `conditioning`, over `DeepKernelParams`; a task's is a `Posterior`.
    """

    def process(embedded: Array, capacity: int) -> GaussianProcess:
        return gaussian_process(embedded.shape[-1], capacity=capacity)

    def learn(params: DeepKernelParams, batch: Batch) -> Posterior:
        embedded = features(params.network, batch.x)
        surrogate = process(embedded, batch.y.shape[-1])
        start, centered = surrogate.init(params.kernel), known_scores(batch) - params.mean
        return Posterior(params, update_many(surrogate, start, embedded, centered))

    def predict(posterior: Posterior, x: Array) -> Gaussian:
        params, state = posterior
        embedded = features(params.network, x)
        mean, std = process(embedded, state.white.shape[-1]).predict(state, embedded)
        return _add_noise(Gaussian(mean + params.mean, std), kernel_noise(params.kernel))

    base = conditioning(learn, predict, optimizer)
    loss_fn = negative_log_density(predict)

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: PyTree
    ) -> tuple[MetaState, MAMLInfo]:
        del key

        def surprise(params: DeepKernelParams, batch: Batch) -> Array:
            embedded = features(params.network, batch.x)
            covariance = noisy_covariance(params.kernel, embedded)
            density = log_normal_density(covariance, known_scores(batch) - params.mean)
            return -density / jnp.maximum(jnp.sum(counted(batch)), 1).astype(density.dtype)

        def objective(params: DeepKernelParams) -> Array:
            return jnp.mean(jax.vmap(surprise, in_axes=(None, 0))(params, everything(tasks)))

        gradient = jax.grad(objective)(state.params)
        params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
        adapted = jax.vmap(base.adapt, in_axes=(None, 0, None))(state.params, support(tasks), hyper)
        query_losses = jax.vmap(loss_fn)(adapted.params, query(tasks))
        info = MAMLInfo(jnp.mean(query_losses), query_losses, adapted.losses, norm)
        return MetaState(params, opt_state, state.step + 1), info

    return base._replace(update=update)


def init_deep_kernel(network: PyTree, size: int) -> DeepKernelParams:
    """Parameters for `deep_kernel` on `size` features F, of unit variance and length sqrt(F)."""
    return DeepKernelParams(network, jnp.zeros(()), default_kernel(1, num_groups=size))


def _add_noise(clean: Gaussian, noise: Array) -> Gaussian:
    """Marginals of scores, given those of the function and the variance of the noise."""
    return Gaussian(clean.mean, jnp.sqrt(jnp.square(clean.std) + noise))
