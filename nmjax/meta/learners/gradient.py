"""MAML and its kin: gradients through the inner loop.

All are one mechanism, `through_adaptation`. What differs is where a task's inner loop begins, at
which rates it descends and which leaves move, made of what is meta-learned.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, query, support
from nmjax.meta.learner import MetaLearner
from nmjax.optimize import descend
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class MAMLHyper(NamedTuple):
    """The traced numbers of gradient-based learners.

    Attributes:
      inner_rate: step size of the inner loop, as `adapt` takes it.
    """

    inner_rate: PyTree


class MetaState(NamedTuple):
    """What a gradient-based learner carries from one meta-update to the next.

    Attributes:
      params: what is being meta-learned; for `maml`, the initialization.
      opt_state: of the outer optimizer.
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


class MetaSGDParams(NamedTuple):
    """Where a task's inner loop begins and how fast it goes; some learners learn both.

    Attributes:
      params: the initialization.
      rate: step sizes as `adapt` takes them; for `meta_sgd` one for each number of `params`, for
        `maml_plus_plus` one for each leaf and inner step.
    """

    params: PyTree
    rate: PyTree


def maml(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """Learns an initialization from which a few gradient steps fit a new task.

    Model-agnostic meta-learning (Finn, Abbeel and Levine, 2017, algorithm 1): the gradient of the
    mean query loss after adapting to the support, through the inner steps (second order).

    Args:
      loss_fn: (params, batch) -> float[], the loss on one task's `Batch`, for instance
        `squared_error(network.apply)`.
      optimizer: of the outer loop.
      inner_steps: gradient steps on a task's support, at least 1.
      first_order: drop the second derivatives.
      remat: less memory for many inner steps, as for `adapt`.

    Returns:
      A learner over `tasks.Episode`, with state `MetaState`, info `MAMLInfo`, hyper `MAMLHyper`.

    Raises:
      NmjaxError: `inner_steps` is not positive.
    """
    return through_inner_loop(
        loss_fn, optimizer, inner_steps=inner_steps, first_order=first_order, remat=remat
    )


def fomaml(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
) -> MetaLearner:
    """First-order `maml` (Finn, Abbeel and Levine, 2017, section 5.2)."""
    return maml(loss_fn, optimizer, inner_steps=inner_steps, first_order=True)


def anil(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    head: PyTree,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """`maml` whose inner loop moves only the head: almost no inner loop (Raghu et al., 2020).

    Args:
      loss_fn: as for `maml`.
      optimizer: of the outer loop.
      head: a prefix of the parameters' pytree with leaves of bool, True where the inner loop moves.
      inner_steps: gradient steps on a task's support, at least 1.
      first_order: drop the second derivatives.
      remat: less memory for many inner steps, as for `adapt`.

    Raises:
      NmjaxError: `inner_steps` is not positive, or nothing is the head.
    """
    if not any(jax.tree.leaves(head)):
        raise NmjaxError("Got a head without a leaf that is True: mark what the inner loop moves.")
    return through_inner_loop(
        loss_fn,
        optimizer,
        inner_steps=inner_steps,
        first_order=first_order,
        remat=remat,
        mask=head,
    )


def _start_at(params: PyTree, hyper: MAMLHyper) -> MetaSGDParams:
    """Where and how fast `maml` begins: at what it learns, at the rate of `hyper`."""
    return MetaSGDParams(params, hyper.inner_rate)


def through_inner_loop(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool,
    remat: bool = False,
    begin: Callable[[PyTree, PyTree], MetaSGDParams] = _start_at,
    mask: PyTree = True,
    importance: Callable[[Array, PyTree], Array] | None = None,
) -> MetaLearner:
    """`through_adaptation` by `adapt`, from what `begin` makes of the parameters and hyper."""
    if inner_steps < 1:
        raise NmjaxError(
            f"Got inner_steps={inner_steps}, expected at least 1 (without an inner step nothing "
            "adapts): give for instance 5."
        )

    def adapt_to(
        params: PyTree,
        batch: Batch,
        hyper: PyTree,
        *,
        along: Callable[[PyTree], PyTree] | None = None,
    ) -> Adaptation:
        start = begin(params, hyper)
        return adapt(
            start.params,
            batch,
            start.rate,
            loss_fn=loss_fn,
            steps=inner_steps,
            first_order=first_order,
            mask=mask,
            along=along,
            remat=remat,
        )

    return through_adaptation(adapt_to, loss_fn, optimizer, importance=importance)


def through_adaptation(
    adapt_to: Callable[..., Adaptation],
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    importance: Callable[[Array, PyTree], Array] | None = None,
) -> MetaLearner:
    """The mechanism: a learner that descends the mean query loss through `adapt_to`.

    Args:
      adapt_to: (params, batch, hyper) -> Adaptation to one task; where there is an `importance`,
        with the keyword `along` of `adapt`.
      loss_fn: (params, batch) -> float[].
      optimizer: of the outer loop.
      importance: (step, hyper) -> float[inner_steps], how much the query loss after each inner step
        counts; None where only that after the last does.
    """

    def init(key: Array, params: PyTree) -> MetaState:
        del key
        return MetaState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def of_task(
        params: PyTree, episode: Episode, hyper: PyTree, weights: Array | None
    ) -> tuple[Array, tuple[Array, Array]]:
        def ask(adapted: PyTree) -> Array:
            return loss_fn(adapted, query(episode))

        if weights is None:
            adaptation = adapt_to(params, support(episode), hyper)
            loss = ask(adaptation.params)
            return loss, (loss, adaptation.losses)
        adaptation = adapt_to(params, support(episode), hyper, along=ask)
        losses = adaptation.along
        return jnp.sum(weights.astype(losses.dtype) * losses), (losses[-1], adaptation.losses)

    of_tasks = jax.vmap(of_task, in_axes=(None, 0, None, None))

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: PyTree
    ) -> tuple[MetaState, MAMLInfo]:
        del key
        # Otherwise XLA draws tasks anew, sines and all, in each fused operation that reads them.
        tasks = jax.lax.optimization_barrier(tasks)
        weights = None if importance is None else importance(state.step, hyper)

        def objective(params: PyTree) -> tuple[Array, tuple[Array, Array]]:
            objectives, seen = of_tasks(params, tasks, hyper, weights)
            return jnp.mean(objectives), seen

        gradient, (query_losses, support_losses) = jax.grad(objective, has_aux=True)(state.params)
        params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
        info = MAMLInfo(jnp.mean(query_losses), query_losses, support_losses, norm)
        return MetaState(params, opt_state, state.step + 1), info

    def evaluate(params: PyTree, tasks: Episode, hyper: PyTree) -> Array:
        return of_tasks(params, tasks, hyper, None)[0]

    return MetaLearner(init, update, adapt_to, evaluate)
