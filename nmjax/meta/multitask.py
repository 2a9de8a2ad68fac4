"""Multi-task learning: one body for all tasks, a linear head for each (Caruana, 1997).

Tasks share features; a task's own part is a head over them, which has a closed form for a new task.
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

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import MultiTaskParams
      >>> MultiTaskParams(None, jnp.zeros((3, 8))).heads.shape
      (3, 8)
    """

    body: PyTree
    heads: Array


class MultiTaskState(NamedTuple):
    """State of multi-task training.

    Attributes:
      params: the meta-model.
      opt_state: state of the optimizer.
      step: int32[], number of updates so far.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import init_meta_model
      >>> features, optimizer = (lambda body, x: x * body), optax.sgd(0.1)
      >>> x = jnp.ones((2, 4, 3))
      >>> state = init_meta_model(jnp.ones(3), x, features=features, optimizer=optimizer)
      >>> state.params.heads.shape
      (2, 3)
    """

    params: MultiTaskParams
    opt_state: PyTree
    step: Array


class MultiTaskInfo(NamedTuple):
    """Quantities of one update, before its step.

    Attributes:
      loss: float[], mean over tasks.
      losses: float[T], mean squared error of each task.
      gradient_norm: float[], norm of the gradient.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import MultiTaskInfo
      >>> MultiTaskInfo(jnp.zeros(()), jnp.zeros(3), jnp.zeros(())).losses.shape
      (3,)
    """

    loss: Array
    losses: Array
    gradient_norm: Array


def with_intercept(features: ApplyFn) -> ApplyFn:
    """Append a constant feature of 1: float[..., M, F + 1], given features float[..., M, F].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import with_intercept
      >>> with_intercept(lambda params, x: x)(None, jnp.zeros((2, 1)))
      Array([[0., 1.],
             [0., 1.]], dtype=float32)
    """

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
    """Return the state before any update, with zero heads.

    Args:
      body: parameters of `features`.
      x: float[T, M, D], encodings of T tasks, of which only the shape is read.
      features: (body, x float[..., M, D]) -> float[..., M, F], for instance
        `with_intercept(network.features)`.
      optimizer: optimizer of body and heads.

    Raises:
      NmjaxError: `x` has no axis of tasks.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import init_meta_model
      >>> features, optimizer = (lambda body, x: x * body), optax.sgd(0.1)
      >>> x = jnp.ones((2, 4, 3))
      >>> state = init_meta_model(jnp.ones(3), x, features=features, optimizer=optimizer)
      >>> state.params.heads.shape
      (2, 3)
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
    """Take one step down the mean squared error over all tasks, of the body and every head.

    Args:
      state: state from `init_meta_model` or an earlier update.
      tasks: evaluations with a leading axis of T tasks, in the order of the heads: x
        float[T, M, D], y float[T, M], mask bool[T, M]. A task without valid rows has no effect.
      features: as for `init_meta_model`.
      optimizer: as for `init_meta_model`.

    Raises:
      NmjaxError: the number of tasks differs from that of heads.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, init_meta_model, update_meta_model
      >>> features, optimizer = (lambda body, x: x * body), optax.sgd(0.1)
      >>> tasks = Batch(jnp.ones((2, 4, 3)), jnp.ones((2, 4)), jnp.ones((2, 4), bool))
      >>> state = init_meta_model(jnp.ones(3), tasks.x, features=features, optimizer=optimizer)
      >>> state, info = update_meta_model(state, tasks, features=features, optimizer=optimizer)
      >>> info.losses
      Array([1., 1.], dtype=float32)
    """
    heads = state.params.heads
    if tasks.y.shape[:1] != heads.shape[:1]:
        raise NmjaxError(
            f"Got {tasks.y.shape[:1]} tasks for {heads.shape[0]} heads, expected as many, in the "
            "order that the model was initialized with: mask out missing rows."
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
    """Features float[..., M, F] that tasks share, of encodings x float[..., M, D].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import MultiTaskParams, extract_shared_features
      >>> params = MultiTaskParams(jnp.ones(3), jnp.zeros((2, 3)))
      >>> extract_shared_features(params, jnp.ones((4, 3)), features=lambda body, x: x * body).shape
      (4, 3)
    """
    return features(params.body, x)


def extract_task_specific(
    params: MultiTaskParams, batch: Batch, prior: LinearPrior, *, features: ApplyFn
) -> LinearState:
    """Posterior of a task's head over the shared features, for a new or a known task.

    Predict with `BayesianLinear().predict(state, extract_shared_features(params, x, ...))`.

    Args:
      params: the meta-model.
      batch: evaluations of one task, x float[M, D], y and mask [M]; padded and failed rows are left
        out. Use `vmap` over tasks.
      prior: prior of the head's F weights, for instance `head_prior(params, noise)`.
      features: as for `init_meta_model`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Batch, MultiTaskParams, extract_task_specific, head_prior
      >>> params = MultiTaskParams(jnp.ones(2), jnp.array([[0.0, 1.0], [1.0, 0.0]]))
      >>> batch = Batch(jnp.eye(2), jnp.ones(2), jnp.ones(2, bool))
      >>> prior = head_prior(params, jnp.array(0.1))
      >>> state = extract_task_specific(params, batch, prior, features=lambda body, x: x * body)
      >>> state.mean.shape
      (2,)
    """
    model = BayesianLinear()
    phi = features(params.body, batch.x)
    state: LinearState = update_many(model, model.init(prior), phi, known_scores(batch))
    return state


def head_prior(params: MultiTaskParams, noise: Array) -> LinearPrior:
    """Prior of a new task's head, with the mean and variance of the learned heads.

    Empirical Bayes over the T tasks, for each weight separately. The scale is that of the noise,
    with the weight of two observations.

    Args:
      params: the meta-model, of at least two tasks.
      noise: float[], positive, variance of a score around the prediction, for instance the mean of
        `MultiTaskInfo.losses` at the end of training.

    Raises:
      NmjaxError: there is one head, which has no variance.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import MultiTaskParams, head_prior
      >>> params = MultiTaskParams(None, jnp.array([[0.0, 1.0], [2.0, 1.0]]))
      >>> head_prior(params, jnp.array(0.5)).mean
      Array([1., 1.], dtype=float32)
    """
    if params.heads.shape[0] < 2:
        raise NmjaxError(
            f"Got {params.heads.shape[0]} head, expected at least 2 to know how heads differ: give "
            "extract_task_specific a LinearPrior of your own."
        )
    one = jnp.ones((), params.heads.dtype)
    variance = jnp.var(params.heads, axis=0, ddof=1) / noise
    return LinearPrior(jnp.mean(params.heads, axis=0), variance, one, one, noise * one)
