"""MAML and related learners: gradients through the inner loop.

All use one mechanism, `through_adaptation`. They differ in the initial parameters of a task's inner
loop, its step sizes, and the leaves that adapt.
"""

import jax
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.batch import LossFn
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.adaptation_gradient import through_inner_loop
from nmjax.types import PyTree


def maml(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """Learn an initialization from which a few gradient steps fit a new task.

    Model-agnostic meta-learning (Finn, Abbeel and Levine, 2017, algorithm 1): the gradient of the
    mean query loss after adapting to the support, through the inner steps (second order).

    Args:
      loss_fn: (params, batch) -> float[], the loss on one task's `Batch`, for instance
        `squared_error(network.apply)`.
      optimizer: optimizer of the outer loop.
      inner_steps: Number of gradient steps on a task's support, at least 1.
      first_order: Drop the second derivatives.
      remat: Save memory in long inner loops, as in `adapt`.

    Returns:
      A learner over `tasks.Episode`, with state `MetaState`, info `MAMLInfo`, hyper `MAMLHyper`.

    Raises:
      NmjaxError: `inner_steps` is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, MAMLHyper, maml, squared_error
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=2)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.adapt(jnp.zeros(1), batch, MAMLHyper(0.25)).losses
      Array([1.    , 0.25  , 0.0625], dtype=float32)
    """
    return through_inner_loop(
        loss_fn, optimizer, inner_steps=inner_steps, first_order=first_order, remat=remat
    )


def fomaml(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
) -> MetaLearner:
    """First-order `maml` (Finn, Abbeel and Levine, 2017, section 5.2).

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, MAMLHyper, fomaml, squared_error
      >>> learner = fomaml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.adapt(jnp.zeros(1), batch, MAMLHyper(0.25)).losses
      Array([1.  , 0.25], dtype=float32)
    """
    return maml(loss_fn, optimizer, inner_steps=inner_steps, first_order=True)


def anil(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    head: PyTree,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """`maml` whose inner loop adapts only the head: almost no inner loop (Raghu et al., 2020).

    Args:
      loss_fn: as for `maml`.
      optimizer: optimizer of the outer loop.
      head: a prefix of the parameters' pytree with leaves of bool; True where the inner loop
        adapts.
      inner_steps: Number of gradient steps on a task's support, at least 1.
      first_order: Drop the second derivatives.
      remat: Save memory in long inner loops, as in `adapt`.

    Raises:
      NmjaxError: `inner_steps` is not positive, or the head has no leaf.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, MAMLHyper, anil, squared_error
      >>> loss_fn = squared_error(lambda params, x: x @ params["body"] @ params["head"])
      >>> head = {"body": False, "head": True}
      >>> learner = anil(loss_fn, optax.sgd(0.1), head=head, inner_steps=1)
      >>> params = {"body": jnp.ones((1, 2)), "head": jnp.zeros(2)}
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.adapt(params, batch, MAMLHyper(0.1)).params["body"]
      Array([[1., 1.]], dtype=float32)
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
