"""MAML and its kin: gradients through the inner loop.

All are one mechanism. What differs is where a task's inner loop begins, at which rates it descends
and which leaves move, made of what is meta-learned.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, query, support
from nmjax.meta.learner import MetaLearner, descend
from nmjax.tasks.episodes import Episode
from nmjax.types import ApplyFn, Array, PyTree


class MAMLHyper(NamedTuple):
    """The traced numbers of gradient-based learners.

    Attributes:
      inner_rate: step size of the inner loop, float[] or a prefix of the parameters' pytree.
    """

    inner_rate: PyTree


class MAMLState(NamedTuple):
    """What a gradient-based learner carries from one meta-update to the next.

    Attributes:
      params: what is being meta-learned; for `maml`, the initialisation.
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


class RatedParams(NamedTuple):
    """Where a task's inner loop begins and how fast it goes; `meta_sgd` learns both.

    Attributes:
      params: the initialisation.
      rate: step sizes, a prefix of `params`; for `meta_sgd` one for each of its numbers.
    """

    params: PyTree
    rate: PyTree


class ContextParams(NamedTuple):
    """What `cavia` learns and what it adapts.

    Attributes:
      shared: parameters that all tasks share.
      context: float[K], one task's own inputs to the network; 0 before adapting.
    """

    shared: PyTree
    context: PyTree


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
    return _through_inner_loop(loss_fn, optimizer, inner_steps=inner_steps, first_order=first_order)


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
) -> MetaLearner:
    """`maml` whose inner loop moves only the head: almost no inner loop (Raghu et al., 2020).

    Args:
      loss_fn: as for `maml`.
      optimizer: of the outer loop.
      head: a prefix of the parameters' pytree with leaves of bool, True where the inner loop moves.
      inner_steps: gradient steps on a task's support, at least 1.
      first_order: drop the second derivatives.

    Raises:
      NmjaxError: `inner_steps` is not positive, or nothing is the head.
    """
    if not any(jax.tree.leaves(head)):
        raise NmjaxError("Got a head without a leaf that is True: mark what the inner loop moves.")
    return _through_inner_loop(
        loss_fn, optimizer, inner_steps=inner_steps, first_order=first_order, mask=head
    )


def meta_sgd(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
) -> MetaLearner:
    """`maml` that also learns a rate for each weight (Li, Zhou, Chen and Li, 2017).

    Its state's `params` are `RatedParams`; `hyper` is not read. Begin from `with_rates`.

    Args:
      loss_fn: as for `maml`.
      optimizer: of the outer loop, for initialisation and rates.
      inner_steps: gradient steps on a task's support, at least 1; 1 in the paper.
      first_order: drop the second derivatives.

    Raises:
      NmjaxError: `inner_steps` is not positive.
    """

    def begin(params: RatedParams, hyper: MAMLHyper) -> RatedParams:
        del hyper
        return params

    return _through_inner_loop(
        loss_fn, optimizer, inner_steps=inner_steps, first_order=first_order, begin=begin
    )


def with_rates(key: Array, params: PyTree, low: float = 0.005, high: float = 0.1) -> RatedParams:
    """Parameters for `meta_sgd`, rates uniform in [low, high], by default those of its authors."""
    leaves, structure = jax.tree.flatten(params)
    rates = [
        jax.random.uniform(jax.random.fold_in(key, i), leaf.shape, leaf.dtype, low, high)
        for i, leaf in enumerate(leaves)
    ]
    return RatedParams(params, jax.tree.unflatten(structure, rates))


def cavia(
    loss_fn: Callable[[ContextParams, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
) -> MetaLearner:
    """Learns parameters that tasks share, and adapts a few inputs alone (Zintgraf et al., 2019).

    Its state's `params` are `ContextParams`; begin from `with_context`.

    Args:
      loss_fn: (params, batch) -> float[], for instance `squared_error(contextual(apply))`.
      optimizer: of the outer loop.
      inner_steps: gradient steps on a task's support, at least 1.
      first_order: drop the second derivatives.

    Raises:
      NmjaxError: `inner_steps` is not positive.
    """

    def begin(params: ContextParams, hyper: MAMLHyper) -> RatedParams:
        blank = params._replace(context=jnp.zeros_like(params.context))
        return RatedParams(blank, hyper.inner_rate)

    return _through_inner_loop(
        loss_fn,
        optimizer,
        inner_steps=inner_steps,
        first_order=first_order,
        begin=begin,
        mask=ContextParams(False, True),
    )


def with_context(params: PyTree, size: int) -> ContextParams:
    """Parameters for `cavia`, with a context of `size` numbers."""
    return ContextParams(params, jnp.zeros((size,)))


def contextual(apply: ApplyFn) -> Callable[[ContextParams, Array], Array]:
    """A function (params, x float[M, D]) -> float[M] of `ContextParams`.

    Args:
      apply: (shared, inputs float[M, D + K]) -> float[M], of inputs with the context at their end.
    """

    def apply_in_context(params: ContextParams, x: Array) -> Array:
        context = jnp.broadcast_to(params.context, (*x.shape[:-1], *params.context.shape))
        return apply(params.shared, jnp.concatenate([x, context], axis=-1))

    return apply_in_context


def _start_at(params: PyTree, hyper: MAMLHyper) -> RatedParams:
    return RatedParams(params, hyper.inner_rate)


def _through_inner_loop(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool,
    begin: Callable[[PyTree, MAMLHyper], RatedParams] = _start_at,
    mask: PyTree = True,
) -> MetaLearner:
    """A learner that descends the mean query loss through the inner loop from `begin`."""
    if inner_steps < 1:
        raise NmjaxError(
            f"Got inner_steps={inner_steps}, expected at least 1 (without an inner step nothing "
            "adapts): give for instance 5."
        )

    def init(key: Array, params: PyTree) -> MAMLState:
        del key
        return MAMLState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def adapt_to(params: PyTree, batch: Batch, hyper: MAMLHyper) -> Adaptation:
        start = begin(params, hyper)
        return adapt(
            start.params,
            batch,
            start.rate,
            loss_fn=loss_fn,
            steps=inner_steps,
            first_order=first_order,
            mask=mask,
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
        params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
        info = MAMLInfo(loss, query_losses, support_losses, norm)
        return MAMLState(params, opt_state, state.step + 1), info

    def evaluate(params: PyTree, tasks: Episode, hyper: MAMLHyper) -> Array:
        return losses(params, tasks, hyper)[0]

    return MetaLearner(init, update, adapt_to, evaluate)
