"""The outer loop, scanned: meta-training, meta-validation and early stopping."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta.learners.probabilistic import AnyLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class TrainState(NamedTuple):
    """State of meta-training; a chunk continues from it exactly.

    Attributes:
      key: PRNG key, folded with the step and never drawn from.
      learner: the learner's own state.
      step: int32[], number of meta-updates so far; constant after stopping.
      stale: int32[], number of evaluations since the last improvement.
      best_params: parameters at the best evaluation so far, the initial ones before any.
      best_step: int32[], step of the best evaluation.
      best_train_loss: float[], mean meta-train loss of the round before the best evaluation.
      best_validation_loss: float[], infinite before any evaluation.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import init_training, maml, squared_error
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> int(init_training(jax.random.key(0), jnp.zeros(3), learner=learner).step)
      0
    """

    key: Array
    learner: PyTree
    step: Array
    stale: Array
    best_params: PyTree
    best_step: Array
    best_train_loss: Array
    best_validation_loss: Array


class Curves(NamedTuple):
    """Losses of the updates of a chunk; NaN after stopping.

    Attributes:
      train_loss: float[steps], mean query loss of each meta-update's tasks.
      validation_loss: float[steps / evaluate_every], mean query loss of the validation tasks.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Curves
      >>> Curves(jnp.zeros(20), jnp.zeros(2)).validation_loss.shape
      (2,)
    """

    train_loss: Array
    validation_loss: Array


class TrainResult(NamedTuple):
    """Result of meta-training.

    Attributes:
      params: the best parameters on meta-validation.
      step: int32[], number of meta-updates before stopping.
      generalization_gap: float[], meta-validation minus meta-train loss at the best evaluation.
      curves: the losses of all updates.
      state: state to continue from, with `train_chunk`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import TrainResult
      >>> TrainResult(jnp.zeros(3), 10, 0.1, None, None).params.shape
      (3,)
    """

    params: PyTree
    step: Array
    generalization_gap: Array
    curves: Curves
    state: TrainState


def init_training(key: Array, params: PyTree, *, learner: AnyLearner) -> TrainState:
    """Return the state before the first meta-update.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import init_training, maml, squared_error
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> init_training(jax.random.key(0), jnp.zeros(3), learner=learner).best_params.shape
      (3,)
    """
    key, init_key = jax.random.split(key)
    zero, infinity = jnp.zeros((), jnp.int32), jnp.asarray(jnp.inf, jnp.result_type(float))
    return TrainState(
        key, learner.init(init_key, params), zero, zero, params, zero, infinity, infinity
    )


@partial(
    jax.jit,
    static_argnames=("learner", "sample_tasks", "steps", "evaluate_every", "patience"),
)
def train_chunk(
    state: TrainState,
    sources: PyTree,
    validation_tasks: Episode,
    hyper: PyTree,
    *,
    learner: AnyLearner,
    sample_tasks: Callable[[Array, PyTree], Episode],
    steps: int,
    evaluate_every: int,
    patience: int,
) -> tuple[TrainState, Curves]:
    """Run up to `steps` meta-updates in one scan; the run does not depend on the length of chunks.

    Args:
      state: state from `init_training` or an earlier chunk.
      sources: second argument of `sample_tasks`, any pytree.
      validation_tasks: episodes with a leading task axis, never trained on.
      hyper: the learner's traced numbers.
      learner: the meta-learner.
      sample_tasks: (key, sources) -> episodes with a leading task axis.
      steps: Number of meta-updates of this chunk, a multiple of `evaluate_every`.
      evaluate_every: Number of meta-updates between evaluations.
      patience: Number of evaluations in a row without improvement after which training stops; the
        state is constant from there on.

    Raises:
      NmjaxError: `evaluate_every` or `patience` is not positive, or `steps` not a multiple.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import MAMLHyper, init_training, maml, squared_error, train_chunk
      >>> from nmjax.tasks import Episode
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> x, y, mask = jnp.ones((3, 4, 1)), jnp.ones((3, 4)), jnp.ones((3, 4), bool)
      >>> tasks, hyper = Episode(x, y, x, y, mask, mask), MAMLHyper(jnp.float32(0.1))
      >>> options = dict(sample_tasks=lambda key, tasks: tasks, evaluate_every=2, patience=1)
      >>> state = init_training(jax.random.key(0), jnp.zeros(1), learner=learner)
      >>> state, _ = train_chunk(state, tasks, tasks, hyper, learner=learner, steps=4, **options)
      >>> int(state.step)
      4
    """
    _check_lengths(steps, evaluate_every, patience)

    # The scan carries the key's bits: under vmap `cond` selects between each operand and itself,
    # which for a key counts as using it twice.
    key, impl = state.key, jax.random.key_impl(state.key)

    def one_update(state: TrainState, _: None) -> tuple[TrainState, Array]:
        step_key = jax.random.fold_in(jax.random.wrap_key_data(state.key, impl=impl), state.step)
        task_key, update_key = jax.random.split(step_key)
        tasks = sample_tasks(task_key, sources)
        inner, info = learner.update(update_key, state.learner, tasks, hyper)
        loss = info.loss.astype(state.best_train_loss.dtype)
        return state._replace(learner=inner, step=state.step + 1), loss

    def one_round(state: TrainState) -> tuple[TrainState, Curves]:
        state, train_loss = jax.lax.scan(one_update, state, None, length=evaluate_every)
        params = state.learner.params
        loss = jnp.mean(learner.evaluate(params, validation_tasks, hyper))
        loss = loss.astype(state.best_validation_loss.dtype)
        better = loss < state.best_validation_loss

        def keep(new: PyTree, old: PyTree) -> PyTree:
            return jax.tree.map(partial(jnp.where, better), new, old)

        return state._replace(
            stale=jnp.where(better, 0, state.stale + 1),
            best_params=keep(params, state.best_params),
            best_step=keep(state.step, state.best_step),
            best_train_loss=keep(jnp.mean(train_loss), state.best_train_loss),
            best_validation_loss=keep(loss, state.best_validation_loss),
        ), Curves(train_loss, loss)

    def stopped(state: TrainState) -> tuple[TrainState, Curves]:
        nan = jnp.full_like(state.best_validation_loss, jnp.nan)
        return state, Curves(jnp.broadcast_to(nan, (evaluate_every,)), nan)

    def scanned(state: TrainState, _: None) -> tuple[TrainState, Curves]:
        after: tuple[TrainState, Curves] = jax.lax.cond(
            state.stale >= patience, stopped, one_round, state
        )
        return after

    state = state._replace(key=jax.random.key_data(key))
    state, curves = jax.lax.scan(scanned, state, None, length=steps // evaluate_every)
    return state._replace(key=key), Curves(curves.train_loss.reshape(-1), curves.validation_loss)


def train(
    key: Array,
    params: PyTree,
    sources: PyTree,
    validation_tasks: Episode,
    hyper: PyTree,
    *,
    learner: AnyLearner,
    sample_tasks: Callable[[Array, PyTree], Episode],
    steps: int,
    evaluate_every: int,
    patience: int,
) -> TrainResult:
    """Meta-train from `params` in one chunk; arguments and errors are those of `train_chunk`.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import MAMLHyper, maml, squared_error, train
      >>> from nmjax.tasks import Episode
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> x, y, mask = jnp.ones((3, 4, 1)), jnp.ones((3, 4)), jnp.ones((3, 4), bool)
      >>> tasks, hyper = Episode(x, y, x, y, mask, mask), MAMLHyper(jnp.float32(0.1))
      >>> options = dict(sample_tasks=lambda key, tasks: tasks, evaluate_every=2, patience=1)
      >>> key, params = jax.random.key(0), jnp.zeros(1)
      >>> result = train(key, params, tasks, tasks, hyper, learner=learner, steps=4, **options)
      >>> bool(result.params[0] > 0)
      True
    """
    state, curves = train_chunk(
        init_training(key, params, learner=learner),
        sources,
        validation_tasks,
        hyper,
        learner=learner,
        sample_tasks=sample_tasks,
        steps=steps,
        evaluate_every=evaluate_every,
        patience=patience,
    )
    gap = state.best_validation_loss - state.best_train_loss
    return TrainResult(state.best_params, state.step, gap, curves, state)


def _check_lengths(steps: int, evaluate_every: int, patience: int) -> None:
    if evaluate_every < 1 or patience < 1 or steps < 1 or steps % evaluate_every:
        raise NmjaxError(
            f"Got steps={steps}, evaluate_every={evaluate_every}, patience={patience}, expected "
            "positive numbers with steps a multiple of evaluate_every: round steps up."
        )
