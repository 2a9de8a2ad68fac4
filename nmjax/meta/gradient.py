"""MAML and its kin: gradients through the inner loop."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, query, support
from nmjax.meta.learner import MetaLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class MAMLHyper(NamedTuple):
    """The traced numbers of `maml`.

    Attributes:
      inner_rate: step size of the inner loop, float[] or a prefix of the parameters' pytree.
    """

    inner_rate: PyTree


class MAMLState(NamedTuple):
    """What `maml` carries from one meta-update to the next.

    Attributes:
      params: the initialisation that is being learned.
      opt_state: of the outer optimiser.
      step: int32[], meta-updates so far.
    """

    params: PyTree
    opt_state: PyTree
    step: Array


class MAMLInfo(NamedTuple):
    """What one meta-update saw, before it moved.

    Attributes:
      loss: float[], mean over tasks of the loss on query data after adapting.
      query_losses: float[T], that loss of each task.
      support_losses: float[T, inner_steps + 1], along each task's inner loop.
      gradient_norm: float[], of the meta-gradient.
    """

    loss: Array
    query_losses: Array
    support_losses: Array
    gradient_norm: Array


def maml(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
) -> MetaLearner:
    """Learns an initialisation from which a few gradient steps fit a new task.

    Model-agnostic meta-learning (Finn, Abbeel and Levine, 2017, algorithm 1): the gradient of the
    mean query loss after adapting to the support, through the inner steps (second order).

    Args:
      loss_fn: (params, batch) -> float[], the loss on one task's `Batch`, for instance
        `squared_error(network.apply)`.
      optimizer: of the outer loop.
      inner_steps: gradient steps on a task's support, at least 1.
      first_order: drop the second derivatives.

    Returns:
      A learner over `tasks.Episode`, with state `MAMLState`, info `MAMLInfo`, hyper `MAMLHyper`.

    Raises:
      NmjaxError: `inner_steps` is not positive.
    """
    if inner_steps < 1:
        raise NmjaxError(
            f"Got inner_steps={inner_steps}, expected at least 1 (without an inner step nothing "
            "adapts): give for instance 5."
        )

    def init(key: Array, params: PyTree) -> MAMLState:
        del key
        return MAMLState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def adapt_to(params: PyTree, batch: Batch, hyper: MAMLHyper) -> Adaptation:
        return adapt(
            params,
            batch,
            hyper.inner_rate,
            loss_fn=loss_fn,
            steps=inner_steps,
            first_order=first_order,
        )

    def losses(params: PyTree, tasks: Episode, hyper: MAMLHyper) -> tuple[Array, Array]:
        def of_task(episode: Episode) -> tuple[Array, Array]:
            adapted = adapt_to(params, support(episode), hyper)
            return loss_fn(adapted.params, query(episode)), adapted.losses

        return jax.vmap(of_task)(tasks)

    def update(
        key: Array, state: MAMLState, tasks: Episode, hyper: MAMLHyper
    ) -> tuple[MAMLState, MAMLInfo]:
        del key

        def objective(params: PyTree) -> tuple[Array, tuple[Array, Array]]:
            per_task = losses(params, tasks, hyper)
            return jnp.mean(per_task[0]), per_task

        (loss, (query_losses, support_losses)), gradient = jax.value_and_grad(
            objective, has_aux=True
        )(state.params)
        # optax mixes integer counts with floats.
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradient)]
        info = MAMLInfo(loss, query_losses, support_losses, jnp.sqrt(sum(squares)))
        return MAMLState(params, opt_state, state.step + 1), info

    def evaluate(params: PyTree, tasks: Episode, hyper: MAMLHyper) -> Array:
        return losses(params, tasks, hyper)[0]

    return MetaLearner(init, update, adapt_to, evaluate)


def fomaml(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
) -> MetaLearner:
    """First-order `maml` (Finn, Abbeel and Levine, 2017, section 5.2)."""
    return maml(loss_fn, optimizer, inner_steps=inner_steps, first_order=True)
