"""Learners that adapt by conditioning, without gradients, and predict distributions."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation
from nmjax.meta.batch import Batch, negative_log_density
from nmjax.meta.learner import AdaptFn, EvaluateFn, InitFn, MetaLearner, UpdateFn
from nmjax.meta.learners.adaptation_gradient import through_adaptation
from nmjax.types import Array, Gaussian, PyTree


class ProbabilisticLearner(NamedTuple):
    """A `MetaLearner` that predicts with uncertainty; accepted wherever a `MetaLearner` is.

    Losses are mean negative log predictive densities over valid rows, in nats. Any `MetaLearner`
    becomes one by `ProbabilisticLearner(*learner, predict)`.

    Attributes:
      init: as in `MetaLearner`.
      update: as in `MetaLearner`.
      adapt: as in `MetaLearner`.
      evaluate: as in `MetaLearner`.
      predict: (adapted, x float[M, D]) -> `Gaussian`, marginals of scores, noise included;
        `adapted` is `Adaptation.params`.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import ProbabilisticLearner, init_noise, maml, negative_log_density, noisy
      >>> predict = noisy(lambda w, x: x @ w)
      >>> base = maml(negative_log_density(predict), optax.sgd(0.1), inner_steps=1)
      >>> learner = ProbabilisticLearner(*base, predict)
      >>> learner.predict(init_noise(jnp.zeros(1)), jnp.ones((4, 1))).std.shape
      (4,)
    """

    init: InitFn
    update: UpdateFn
    adapt: AdaptFn
    evaluate: EvaluateFn
    predict: Callable[[PyTree, Array], Gaussian]


AnyLearner = MetaLearner | ProbabilisticLearner


class NoisyParams(NamedTuple):
    """Parameters of a network, and the noise of scores around its output.

    Attributes:
      network: parameters of the network.
      log_noise: float[], logarithm of the variance of an observation's noise.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import NoisyParams
      >>> NoisyParams(jnp.zeros(3), jnp.zeros(())).network.shape
      (3,)
    """

    network: PyTree
    log_noise: Array


class TaskPosterior(NamedTuple):
    """A task's posterior in `alpaca` and `deep_kernel`.

    Attributes:
      params: the meta-learned parameters.
      state: state of the surrogate, `LinearState` or `GPState`, after the task's evaluations.

    Example:
      >>> from nmjax.meta import TaskPosterior, init_last_layer
      >>> TaskPosterior(init_last_layer(None, size=8), None).params.mean.shape
      (9,)
    """

    params: PyTree
    state: PyTree


def conditioning(
    condition: Callable[[PyTree, Batch], PyTree],
    predict: Callable[[PyTree, Array], Gaussian],
    optimizer: optax.GradientTransformation,
) -> ProbabilisticLearner:
    """Create a learner that adapts by conditioning and maximizes the density of the query.

    Its `hyper` is not read. `Adaptation.params` is the result of `condition`, and
    `Adaptation.losses` float[2] are the losses on the data before and after conditioning on them.

    Args:
      condition: (params, batch) -> adapted, differentiable; padded and failed rows have no effect.
      predict: (adapted, x float[M, D]) -> marginals of noisy scores.
      optimizer: optimizer of the outer loop.

    Returns:
      A learner with state `MetaState` and info `MAMLInfo`.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, conditioning
      >>> from nmjax.types import Gaussian
      >>> condition = lambda mean, batch: mean + jnp.sum(batch.y, where=batch.mask) / 10
      >>> predict = lambda mean, x: Gaussian(jnp.broadcast_to(mean, len(x)), jnp.ones(len(x)))
      >>> learner = conditioning(condition, predict, optax.sgd(0.1))
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> round(float(learner.adapt(jnp.zeros(()), batch, None).params), 2)
      0.4
    """
    loss_fn = negative_log_density(predict)

    def adapt_to(params: PyTree, batch: Batch, hyper: PyTree) -> Adaptation:
        del hyper
        no_rows = batch._replace(mask=jnp.zeros_like(batch.mask))
        before, after = condition(params, no_rows), condition(params, batch)
        return Adaptation(after, jnp.stack([loss_fn(before, batch), loss_fn(after, batch)]))

    return ProbabilisticLearner(*through_adaptation(adapt_to, loss_fn, optimizer), predict=predict)


def noisy(apply: Callable[[PyTree, Array], Array]) -> Callable[[NoisyParams, Array], Gaussian]:
    """Create the `predict` of a network with homoscedastic noise.

    Args:
      apply: (network, x float[M, D]) -> float[M].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_noise, noisy
      >>> predict = noisy(lambda w, x: x @ w)
      >>> predict(init_noise(jnp.ones(1), variance=0.25), jnp.ones((2, 1))).std
      Array([0.5, 0.5], dtype=float32)
    """

    def predict(params: NoisyParams, x: Array) -> Gaussian:
        mean = apply(params.network, x)
        return Gaussian(mean, jnp.broadcast_to(jnp.exp(0.5 * params.log_noise), mean.shape))

    return predict


def init_noise(params: PyTree, variance: float = 0.1) -> NoisyParams:
    """Initialize the parameters of `noisy`, with a given variance of the noise.

    Raises:
      NmjaxError: the variance is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_noise
      >>> round(float(jnp.exp(init_noise(jnp.ones(1), variance=0.25).log_noise)), 3)
      0.25
    """
    if variance <= 0:
        raise NmjaxError(
            f"Got variance={variance}, expected a positive one: give for instance 0.1."
        )
    return NoisyParams(params, jnp.zeros(()) + math.log(variance))


def add_noise(clean: Gaussian, noise: Array) -> Gaussian:
    """Add the variance of the noise to marginals of the function."""
    return Gaussian(clean.mean, jnp.sqrt(jnp.square(clean.std) + noise))
