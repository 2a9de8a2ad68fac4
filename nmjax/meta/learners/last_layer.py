"""ALPaCA: a Bayesian last layer on meta-learned features.

Network, prior and noise are meta-learned; a task conditions the last layer's weights on its
evaluations.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import optax

from nmjax.meta.batch import Batch, known_scores
from nmjax.meta.learners.probabilistic import (
    ProbabilisticLearner,
    TaskPosterior,
    add_noise,
    conditioning,
)
from nmjax.meta.multitask import with_intercept
from nmjax.predictors import LinearPrior, bayesian_linear, log_normal_density, update_many
from nmjax.predictors.kernel import NOISE_FLOOR
from nmjax.types import ApplyFn, Array, Gaussian, PyTree

_KNOWN = 1e12  # Shape and rate of an inverse gamma concentrated at 1, so that the scale is known.


class LastLayerParams(NamedTuple):
    """Parameters of `alpaca`.

    The weights of F features and of an intercept are factor @ (mean + e) with e standard normal, of
    covariance factor @ factor.T.

    Attributes:
      network: parameters of the features.
      mean: float[F + 1].
      factor: float[F + 1, F + 1].
      log_noise: float[], logarithm of the variance of an observation's noise.

    Example:
      >>> from nmjax.meta import init_last_layer
      >>> init_last_layer(None, size=8).factor.shape
      (9, 9)
    """

    network: PyTree
    mean: Array
    factor: Array
    log_noise: Array


def alpaca(features: ApplyFn, optimizer: optax.GradientTransformation) -> ProbabilisticLearner:
    """Learn features and a prior of the last layer's weights (Harrison, Sharma and Pavone, 2018).

    Bayesian linear regression within a task; the outer loop maximizes the density of its query
    (algorithm 1 of "Meta-learning priors for efficient online Bayesian regression"). Adapting to S
    evaluations takes O(S F^2). Parameters are initialized by `init_last_layer`.

    Args:
      features: (params, x float[M, D]) -> float[M, F], for instance `network.features`.
      optimizer: optimizer of the outer loop.

    Returns:
      A learner as from `conditioning`, over `LastLayerParams`; it adapts to a `TaskPosterior`.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, alpaca, init_last_layer
      >>> learner = alpaca(lambda params, x: x, optax.sgd(0.1))
      >>> batch = Batch(jnp.eye(2), jnp.ones(2), jnp.ones(2, bool))
      >>> adapted = learner.adapt(init_last_layer(None, size=2), batch, None).params
      >>> learner.predict(adapted, jnp.eye(2)).std.shape
      (2,)
    """
    surrogate = bayesian_linear()
    embed = last_layer_features(features)

    def condition(params: LastLayerParams, batch: Batch) -> TaskPosterior:
        prior = LinearPrior(
            mean=params.mean,
            variance=jnp.ones_like(params.mean),
            noise=jnp.exp(params.log_noise) + NOISE_FLOOR,
            shape=jnp.full_like(params.log_noise, _KNOWN),
            rate=jnp.full_like(params.log_noise, _KNOWN),
        )
        start, embedded = surrogate.init(prior), embed(params, batch.x)
        return TaskPosterior(params, update_many(surrogate, start, embedded, known_scores(batch)))

    def predict(posterior: TaskPosterior, x: Array) -> Gaussian:
        params, state = posterior
        return add_noise(surrogate.predict(state, embed(params, x)), state.prior.noise)

    return conditioning(condition, predict, optimizer)


def init_last_layer(network: PyTree, size: int, scale: float = 1.0) -> LastLayerParams:
    """Initialize the parameters of `alpaca` on `size` features F, with normal weights of mean 0.

    Args:
      network: parameters of the features.
      size: number F of features.
      scale: standard deviation of the weights.

    Example:
      >>> from nmjax.meta import init_last_layer
      >>> init_last_layer(None, size=2).mean
      Array([0., 0., 0.], dtype=float32)
    """
    mean, factor = jnp.zeros((size + 1,)), scale * jnp.eye(size + 1)
    return LastLayerParams(network, mean, factor, jnp.zeros(()) - 2.0)


def last_layer_features(features: ApplyFn) -> Callable[[LastLayerParams, Array], Array]:
    """Create the features on which the weights of `alpaca` are standard normal around their mean.

    Args:
      features: (params, x float[M, D]) -> float[M, F].

    Returns:
      (params, x float[M, D]) -> float[M, F + 1].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_last_layer, last_layer_features
      >>> embed = last_layer_features(lambda params, x: x)
      >>> embed(init_last_layer(None, size=1, scale=0.5), jnp.ones((1, 1))).tolist()
      [[0.5, 0.5]]
    """
    extended = with_intercept(features)

    def embed(params: LastLayerParams, x: Array) -> Array:
        return extended(params.network, x) @ params.factor

    return embed


def last_layer_evidence(features: ApplyFn) -> Callable[[LastLayerParams, Batch], Array]:
    """Create the log marginal likelihood of a task's scores under the prior of `alpaca`.

    Maximized over tasks, it is a meta-training objective that needs no split into support and query
    (empirical Bayes, as in HyperBO; Wang et al., 2022).

    Args:
      features: (params, x float[M, D]) -> float[M, F].

    Returns:
      (params, batch) -> float[]; padded and failed rows have no effect.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Batch, init_last_layer, last_layer_evidence
      >>> evidence = last_layer_evidence(lambda params, x: x)
      >>> batch = Batch(jnp.eye(2), jnp.ones(2), jnp.ones(2, bool))
      >>> evidence(init_last_layer(None, size=2), batch).shape
      ()
    """
    embed = last_layer_features(features)

    def log_evidence(params: LastLayerParams, batch: Batch) -> Array:
        embedded = embed(params, batch.x)
        noise = (jnp.exp(params.log_noise) + NOISE_FLOOR) * jnp.eye(len(embedded))
        residual = known_scores(batch) - embedded @ params.mean
        return log_normal_density(embedded @ embedded.T + noise, residual)

    return log_evidence
