"""Learners by the gradient of the query loss after adapting, the mechanism behind MAML."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, LossFn, query, support
from nmjax.meta.learner import MetaLearner
from nmjax.optimize import descend
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class MAMLHyper(NamedTuple):
    """Traced numbers of gradient-based learners.

    Attributes:
      inner_rate: step size of the inner loop, as for `adapt`.

    Example:
      >>> from nmjax.meta import MAMLHyper
      >>> MAMLHyper(inner_rate=0.1).inner_rate
      0.1
    """

    inner_rate: PyTree


class MetaState(NamedTuple):
    """State of a gradient-based learner.

    Attributes:
      params: the meta-learned parameters; for `maml`, the initialization.
      opt_state: state of the outer optimizer.
      step: int32[], number of meta-updates so far.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import maml, squared_error
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> int(learner.init(jax.random.key(0), jnp.zeros(3)).step)
      0
    """

    params: PyTree
    opt_state: PyTree
    step: Array


class MAMLInfo(NamedTuple):
    """Quantities of one meta-update, before its step.

    Attributes:
      loss: float[], mean over tasks of the loss on query data after adapting.
      query_losses: float[T], that loss of each task.
      support_losses: float[T, inner_steps + 1], losses during each task's inner loop.
      gradient_norm: float[], norm of the meta-gradient.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import MAMLInfo
      >>> MAMLInfo(jnp.zeros(()), jnp.zeros(3), jnp.zeros((3, 6)), jnp.zeros(())).query_losses.shape
      (3,)
    """

    loss: Array
    query_losses: Array
    support_losses: Array
    gradient_norm: Array


class MetaSGDParams(NamedTuple):
    """Initialization and step sizes of the inner loop, where both are learned.

    Attributes:
      params: the initialization.
      rate: step sizes as for `adapt`; for `meta_sgd` one per parameter, for `maml_plus_plus` one
        per leaf and inner step.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_learned_rates
      >>> init_learned_rates(jax.random.key(0), jnp.zeros(3)).rate.shape
      (3,)
    """

    params: PyTree
    rate: PyTree


def _start_at(params: PyTree, hyper: MAMLHyper) -> MetaSGDParams:
    """Initial parameters and step sizes of `maml`: those learned and the rate of `hyper`."""
    return MetaSGDParams(params, hyper.inner_rate)


def through_inner_loop(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool,
    remat: bool = False,
    begin: Callable[[PyTree, PyTree], MetaSGDParams] = _start_at,
    mask: PyTree = True,
    importance: Callable[[Array, PyTree], Array] | None = None,
) -> MetaLearner:
    """`through_adaptation` by `adapt`, which starts from `begin(params, hyper)`."""
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
        trace_fn: Callable[[PyTree], PyTree] | None = None,
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
            trace_fn=trace_fn,
            remat=remat,
        )

    return through_adaptation(adapt_to, loss_fn, optimizer, importance=importance)


def through_adaptation(
    adapt_to: Callable[..., Adaptation],
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    importance: Callable[[Array, PyTree], Array] | None = None,
) -> MetaLearner:
    """Create a learner that descends the mean query loss through `adapt_to`.

    Args:
      adapt_to: (params, batch, hyper) -> `Adaptation` to one task; where there is an `importance`,
        with the keyword `trace_fn` of `adapt`.
      loss_fn: (params, batch) -> float[].
      optimizer: optimizer of the outer loop.
      importance: (step, hyper) -> float[inner_steps], weight of the query loss after each inner
        step; None if only the loss after the last step counts.
    """

    def init(key: Array, params: PyTree) -> MetaState:
        del key
        return MetaState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def of_task(
        params: PyTree, episode: Episode, hyper: PyTree, weights: Array | None
    ) -> tuple[Array, tuple[Array, Array]]:
        def query_loss(adapted: PyTree) -> Array:
            return loss_fn(adapted, query(episode))

        if weights is None:
            adaptation = adapt_to(params, support(episode), hyper)
            loss = query_loss(adaptation.params)
            return loss, (loss, adaptation.losses)
        adaptation = adapt_to(params, support(episode), hyper, trace_fn=query_loss)
        losses = adaptation.trace
        return jnp.sum(weights.astype(losses.dtype) * losses), (losses[-1], adaptation.losses)

    of_tasks = jax.vmap(of_task, in_axes=(None, 0, None, None))

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: PyTree
    ) -> tuple[MetaState, MAMLInfo]:
        del key
        # Without the barrier, XLA draws the tasks again in each fused operation that reads them.
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
