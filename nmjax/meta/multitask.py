"""Multi-task learning: one body for all tasks, a linear head for each (Caruana, 1997).

What tasks share are features; what is a task's own is a head over them, which for a new task has a
closed form.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.batch import Batch, known_scores, squared_error
from nmjax.optimize import descend
from nmjax.predictors import BayesianLinear, LinearPrior, LinearState, update_many
from nmjax.types import ApplyFn, Array, PyTree


class MultiTaskParams(NamedTuple):
    """A meta-model of T tasks.

    Attributes:
      body: parameters of the features that all tasks share.
      heads: float[T, F], each task's weights of the features.
    """

    body: PyTree
    heads: Array


class MultiTaskState(NamedTuple):
    """What multi-task training carries from one update to the next.

    Attributes:
      params: the meta-model.
      opt_state: of the optimizer.
      step: int32[], updates so far.
    """

    params: MultiTaskParams
    opt_state: PyTree
    step: Array


class MultiTaskInfo(NamedTuple):
    """What one update saw, before it moved.

    Attributes:
      loss: float[], mean over tasks.
      losses: float[T], mean squared error of each task.
      gradient_norm: float[].
    """

    loss: Array
    losses: Array
    gradient_norm: Array


def with_intercept(features: ApplyFn) -> ApplyFn:
    """Features float[..., M, F + 1], the last of them 1, of features float[..., M, F]."""

    def extended(params: PyTree, x: Array) -> Array:
        phi = features(params, x)
        return jnp.concatenate([phi, jnp.ones_like(phi[..., :1])], axis=-1)

    return extended


def init_meta_model(
    body: PyTree,
    x: Array,
    *,
    features: ApplyFn,
    optimizer: optax.GradientTransformation,
) -> MultiTaskState:
    """The state before any update, with heads of 0.

    Args:
      body: parameters of `features`.
      x: float[T, M, D], encodings of T tasks, for their number.
      features: (body, x float[..., M, D]) -> float[..., M, F], for instance
        `with_intercept(network.features)`.
      optimizer: of body and heads.

    Raises:
      NmjaxError: `x` has no axis of tasks.
    """
    if jnp.ndim(x) != 3:
        raise NmjaxError(
            f"Got encodings of shape {jnp.shape(x)}, expected [T, M, D]: give one row of "
            "evaluations for each task."
        )
    phi = jax.eval_shape(features, body, x)
    params = MultiTaskParams(body, jnp.zeros((x.shape[0], phi.shape[-1]), phi.dtype))
    return MultiTaskState(params, optimizer.init(params), jnp.zeros((), jnp.int32))


def update_meta_model(
    state: MultiTaskState,
    tasks: Batch,
    *,
    features: ApplyFn,
    optimizer: optax.GradientTransformation,
) -> tuple[MultiTaskState, MultiTaskInfo]:
    """One step down the mean squared error over all tasks, of the body and every head.

    Args:
      state: from `init_meta_model` or an earlier update.
      tasks: evaluations with a leading axis of T tasks, in the order of the heads: x
        float[T, M, D], y float[T, M], mask bool[T, M]. A task with no row that counts moves
        nothing.
      features: as for `init_meta_model`.
      optimizer: as for `init_meta_model`.

    Raises:
      NmjaxError: there are not as many tasks as heads.
    """
    heads = state.params.heads
    if tasks.y.shape[:1] != heads.shape[:1]:
        raise NmjaxError(
            f"Got {tasks.y.shape[:1]} tasks for {heads.shape[0]} heads, expected as many, in the "
            "order the model began with: mask out what a task has not."
        )

    def objective(params: MultiTaskParams) -> tuple[Array, Array]:
        def of_task(head: Array, batch: Batch) -> Array:
            return squared_error(lambda body, x: features(body, x) @ head)(params.body, batch)

        losses = jax.vmap(of_task)(params.heads, tasks)
        return jnp.mean(losses), losses

    (loss, losses), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
    params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
    return MultiTaskState(params, opt_state, state.step + 1), MultiTaskInfo(loss, losses, norm)


def extract_shared_features(params: MultiTaskParams, x: Array, *, features: ApplyFn) -> Array:
    """What tasks share: features float[..., M, F] of encodings x float[..., M, D]."""
    return features(params.body, x)


def extract_task_specific(
    params: MultiTaskParams, batch: Batch, prior: LinearPrior, *, features: ApplyFn
) -> LinearState:
    """What is one task's own, new or known: the posterior of its head over the shared features.

    Predict with `BayesianLinear().predict(state, extract_shared_features(params, x, ...))`.

    Args:
      params: the meta-model.
      batch: evaluations of one task, x float[M, D], y and mask [M]; rows that are padding or failed
        teach nothing. `vmap` over tasks.
      prior: of the head, F weights, for instance `head_prior(params, noise)`.
      features: as for `init_meta_model`.
    """
    model = BayesianLinear()
    phi = features(params.body, batch.x)
    return update_many(model, model.init(prior), phi, known_scores(batch))


def head_prior(params: MultiTaskParams, noise: Array) -> LinearPrior:
    """The prior of a new task's head: mean and spread of the heads that were learned.

    Empirical Bayes over the T tasks, each weight on its own. The scale is that of the noise, as
    surely as two observations would tell it.

    Args:
      params: the meta-model, of at least two tasks.
      noise: float[], positive, the variance of a score around what the features explain, for
        instance the mean of `MultiTaskInfo.losses` at the end of training.

    Raises:
      NmjaxError: there is one head, which has no spread.
    """
    if params.heads.shape[0] < 2:
        raise NmjaxError(
            f"Got {params.heads.shape[0]} head, expected at least 2 to know how heads differ: give "
            "extract_task_specific a LinearPrior of your own."
        )
    one = jnp.ones((), params.heads.dtype)
    variance = jnp.var(params.heads, axis=0, ddof=1) / noise
    return LinearPrior(jnp.mean(params.heads, axis=0), variance, one, one, noise * one)
