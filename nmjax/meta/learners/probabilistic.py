"""Learners that adapt by conditioning: no gradient within a task, and a distribution as answer."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from nmjax.meta.adapt import Adaptation
from nmjax.meta.batch import Batch, negative_log_density
from nmjax.meta.learners.gradient import through_adaptation
from nmjax.types import Array, Gaussian, PyTree


class ProbabilisticLearner(NamedTuple):
    """A `MetaLearner` that says how sure it is; taken wherever one is.

    Losses are mean negative log predictive densities, in nats, over rows that count. Any
    `MetaLearner` becomes one by `ProbabilisticLearner(*learner, predict)`.

    Attributes:
      init: as of a `MetaLearner`.
      update: as of a `MetaLearner`.
      adapt: as of a `MetaLearner`.
      evaluate: as of a `MetaLearner`.
      predict: (adapted, x float[M, D]) -> Gaussian, marginals of the scores that evaluations would
        return, their noise included; `adapted` is `Adaptation.params`.
    """

    init: Callable[..., Any]
    update: Callable[..., Any]
    adapt: Callable[..., Any]
    evaluate: Callable[..., Any]
    predict: Callable[[PyTree, Array], Gaussian]


class NoisyParams(NamedTuple):
    """A network and how far scores are from it.

    Attributes:
      network: parameters.
      log_noise: float[], log of the variance of an observation's noise.
    """

    network: PyTree
    log_noise: Array


def conditioning(
    condition: Callable[[PyTree, Batch], PyTree],
    predict: Callable[[PyTree, Array], Gaussian],
    optimizer: optax.GradientTransformation,
) -> ProbabilisticLearner:
    """Learns what to condition from, so that what is predicted of queries is likely.

    Its `hyper` is not read. `Adaptation.params` is what `condition` returns, `Adaptation.losses`
    float[2], on the data before and after conditioning on them.

    Args:
      condition: (params, batch) -> adapted, differentiable; padded and failed rows teach nothing.
      predict: (adapted, x float[M, D]) -> marginals of noisy scores.
      optimizer: of the outer loop.

    Returns:
      A learner with state `MetaState` and info `MAMLInfo`.
    """
    loss_fn = negative_log_density(predict)

    def adapt_to(params: PyTree, batch: Batch, hyper: PyTree) -> Adaptation:
        del hyper
        nothing = batch._replace(mask=jnp.zeros_like(batch.mask))
        before, after = condition(params, nothing), condition(params, batch)
        return Adaptation(after, jnp.stack([loss_fn(before, batch), loss_fn(after, batch)]))

    return ProbabilisticLearner(*through_adaptation(adapt_to, loss_fn, optimizer), predict=predict)


def noisy(apply: Callable[[PyTree, Array], Array]) -> Callable[[NoisyParams, Array], Gaussian]:
    """The `predict` of a network with noise of one size.

    Args:
      apply: (network, x float[M, D]) -> float[M].
    """

    def predict(params: NoisyParams, x: Array) -> Gaussian:
        mean = apply(params.network, x)
        return Gaussian(mean, jnp.broadcast_to(jnp.exp(0.5 * params.log_noise), mean.shape))

    return predict


def init_noise(params: PyTree, variance: float = 0.1) -> NoisyParams:
    """Parameters for `noisy`, with that variance to begin with."""
    return NoisyParams(params, jnp.zeros(()) + math.log(variance))
