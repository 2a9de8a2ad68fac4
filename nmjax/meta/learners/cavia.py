"""CAVIA: shared parameters, and a few inputs of the network that adapt to a task."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import optax

from nmjax.meta.batch import Batch
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.adaptation_gradient import MAMLHyper, MetaSGDParams, through_inner_loop
from nmjax.types import ApplyFn, Array, PyTree


class ContextParams(NamedTuple):
    """Parameters of `cavia`.

    Attributes:
      shared: parameters that all tasks share.
      context: float[K], inputs to the network that adapt to a task; 0 before adapting.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import ContextParams
      >>> ContextParams(shared=jnp.zeros(3), context=jnp.zeros(2)).context.shape
      (2,)
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
    """Learn parameters that tasks share, and adapt only a few inputs (Zintgraf et al., 2019).

    The state's `params` are `ContextParams`, initialized by `init_context`.

    Args:
      loss_fn: (params, batch) -> float[], for instance `squared_error(contextual(apply))`.
      optimizer: optimizer of the outer loop.
      inner_steps: Number of gradient steps on a task's support, at least 1.
      first_order: Drop the second derivatives.
      remat: Save memory in long inner loops, as in `adapt`.

    Raises:
      NmjaxError: `inner_steps` is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, MAMLHyper, cavia, contextual, init_context, squared_error
      >>> loss_fn = squared_error(contextual(lambda w, x: x @ w))
      >>> learner = cavia(loss_fn, optax.sgd(0.1), inner_steps=1)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> adapted = learner.adapt(init_context(jnp.ones(3), size=2), batch, MAMLHyper(0.1))
      >>> adapted.params.context.shape
      (2,)
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
    """Initialize the parameters of `cavia`, with a context of `size` numbers.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_context
      >>> init_context(jnp.ones(3), size=2).context
      Array([0., 0.], dtype=float32)
    """
    return ContextParams(params, jnp.zeros((size,)))


def contextual(apply: ApplyFn) -> Callable[[ContextParams, Array], Array]:
    """Turn a function of inputs and context into one of `ContextParams` and inputs float[M, D].

    Args:
      apply: (shared, inputs float[M, D + K]) -> float[M], of inputs with the context appended.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import contextual, init_context
      >>> apply = contextual(lambda w, x: x @ w)
      >>> apply(init_context(jnp.ones(3), size=2), jnp.ones((4, 1)))
      Array([1., 1., 1., 1.], dtype=float32)
    """

    def apply_in_context(params: ContextParams, x: Array) -> Array:
        context = jnp.broadcast_to(params.context, (*x.shape[:-1], *params.context.shape))
        return apply(params.shared, jnp.concatenate([x, context], axis=-1))

    return apply_in_context
