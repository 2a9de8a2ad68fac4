"""Learners that adapt by conditioning: no gradient within a task, and a distribution as answer."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta.adapt import Adaptation
from nmjax.meta.batch import Batch, everything, negative_log_density, query, support
from nmjax.meta.gradient import MAMLInfo, MAMLState
from nmjax.meta.learner import descend
from nmjax.tasks.episodes import Episode
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
    *,
    objective: Callable[[PyTree, Batch], Array] | None = None,
) -> ProbabilisticLearner:
    """Learns what to condition from, so that what is predicted of queries is likely.

    Its `hyper` is not read. `Adaptation.params` is what `condition` returns, `Adaptation.losses`
    float[2], on the data before and after conditioning on them.

    Args:
      condition: (params, batch) -> adapted, differentiable; padded and failed rows teach nothing.
      predict: (adapted, x float[M, D]) -> marginals of noisy scores.
      optimizer: of the outer loop.
      objective: (params, batch) -> float[], what is descended on all of a task's data, instead of
        the loss on its query.

    Returns:
      A learner with state `MAMLState` and info `MAMLInfo`.
    """
    loss_fn = negative_log_density(predict)

    def init(key: Array, params: PyTree) -> MAMLState:
        del key
        return MAMLState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def adapt_to(params: PyTree, batch: Batch, hyper: PyTree) -> Adaptation:
        del hyper
        nothing = batch._replace(mask=jnp.zeros_like(batch.mask))
        before, after = condition(params, nothing), condition(params, batch)
        return Adaptation(after, jnp.stack([loss_fn(before, batch), loss_fn(after, batch)]))

    losses = losses_after(adapt_to, loss_fn)

    def update(
        key: Array, state: MAMLState, tasks: Episode, hyper: PyTree
    ) -> tuple[MAMLState, MAMLInfo]:
        del key

        def descended(params: PyTree) -> tuple[Array, tuple[Array, Array]]:
            per_task = losses(params, tasks, hyper)
            if objective is None:
                return jnp.mean(per_task[0]), per_task
            of_tasks = jax.vmap(objective, in_axes=(None, 0))(params, everything(tasks))
            return jnp.mean(of_tasks), per_task

        gradient, (query_losses, support_losses) = jax.grad(descended, has_aux=True)(state.params)
        params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
        info = MAMLInfo(jnp.mean(query_losses), query_losses, support_losses, norm)
        return MAMLState(params, opt_state, state.step + 1), info

    def evaluate(params: PyTree, tasks: Episode, hyper: PyTree) -> Array:
        return losses(params, tasks, hyper)[0]

    return ProbabilisticLearner(init, update, adapt_to, evaluate, predict)


def losses_after(
    adapt_to: Callable[[PyTree, Batch, PyTree], Adaptation],
    loss_fn: Callable[[PyTree, Batch], Array],
) -> Callable[[PyTree, Episode, PyTree], tuple[Array, Array]]:
    """(params, tasks, hyper) -> losses float[T] on query data after adapting, and while adapting."""

    def losses(params: PyTree, tasks: Episode, hyper: PyTree) -> tuple[Array, Array]:
        def of_task(episode: Episode) -> tuple[Array, Array]:
            adapted = adapt_to(params, support(episode), hyper)
            return loss_fn(adapted.params, query(episode)), adapted.losses

        return jax.vmap(of_task)(tasks)

    return losses


def noisy(apply: Callable[[PyTree, Array], Array]) -> Callable[[NoisyParams, Array], Gaussian]:
    """The `predict` of a network with noise of one size.

    Args:
      apply: (network, x float[M, D]) -> float[M].
    """

    def predict(params: NoisyParams, x: Array) -> Gaussian:
        mean = apply(params.network, x)
        return Gaussian(mean, jnp.broadcast_to(jnp.exp(0.5 * params.log_noise), mean.shape))

    return predict


def with_noise(params: PyTree, variance: float = 0.1) -> NoisyParams:
    """Parameters for `noisy`, with that variance to begin with."""
    return NoisyParams(params, jnp.log(variance))
