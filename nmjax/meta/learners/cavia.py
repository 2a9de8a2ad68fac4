"""CAVIA: parameters that tasks share, and a few inputs of the network that adapt."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import optax

from nmjax.meta.batch import Batch
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.gradient import MAMLHyper, MetaSGDParams, through_inner_loop
from nmjax.types import ApplyFn, Array, PyTree


class ContextParams(NamedTuple):
    """What `cavia` learns and what it adapts.

    Attributes:
      shared: parameters that all tasks share.
      context: float[K], one task's own inputs to the network; 0 before adapting.
    """

    shared: PyTree
    context: PyTree


def cavia(
    loss_fn: Callable[[ContextParams, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """Learns parameters that tasks share, and adapts a few inputs alone (Zintgraf et al., 2019).

    Its state's `params` are `ContextParams`; begin from `init_context`.

    Args:
      loss_fn: (params, batch) -> float[], for instance `squared_error(contextual(apply))`.
      optimizer: of the outer loop.
      inner_steps: gradient steps on a task's support, at least 1.
      first_order: drop the second derivatives.
      remat: less memory for many inner steps, as for `adapt`.

    Raises:
      NmjaxError: `inner_steps` is not positive.
    """

    def begin(params: ContextParams, hyper: MAMLHyper) -> MetaSGDParams:
        blank = params._replace(context=jnp.zeros_like(params.context))
        return MetaSGDParams(blank, hyper.inner_rate)

    return through_inner_loop(
        loss_fn,
        optimizer,
        inner_steps=inner_steps,
        first_order=first_order,
        remat=remat,
        begin=begin,
        mask=ContextParams(False, True),
    )


def init_context(params: PyTree, size: int) -> ContextParams:
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
