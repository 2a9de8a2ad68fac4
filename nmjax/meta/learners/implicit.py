"""Implicit MAML: the meta-gradient of the inner loop's solution, independent of its path."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import cg

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, LossFn
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.adaptation_gradient import through_adaptation
from nmjax.types import Array, PyTree


class ImplicitHyper(NamedTuple):
    """The traced numbers of `implicit_maml`.

    Attributes:
      inner_rate: step size of the inner loop, as for `adapt`.
      proximity: float[], lambda, weight of the squared distance from the initialization; positive.
      damping: float[], added to the curvature in the meta-gradient only; not negative.

    Example:
      >>> from nmjax.meta import ImplicitHyper
      >>> ImplicitHyper(inner_rate=0.1, proximity=1.0, damping=1.0).damping
      1.0
    """

    inner_rate: PyTree
    proximity: Array
    damping: Array


def implicit_maml(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    solver_steps: int = 5,
) -> MetaLearner:
    """`maml` by the implicit function theorem (Rajeswaran et al., 2019, algorithms 1 and 2).

    Adapting minimizes the support loss plus proximity / 2 times the squared distance from the
    initialization. At the minimum, a task's meta-gradient is proximity times the solution g of (H +
    proximity I) g = gradient of the query loss, with H the Hessian of the support loss there (lemma
    1), solved by conjugate gradient with the damping added to H. Memory does not grow with the
    number of inner steps.

    The meta-gradient does not depend on the inner steps, so that unlike `maml` it does not learn to
    keep them stable: choose inner_rate below 2 / (largest curvature + proximity). Away from a
    minimum the matrix may not be positive definite, and the result of conjugate gradient is then
    arbitrary: choose proximity + damping above the largest negative curvature (the authors' code
    uses a damping of 10).

    Args:
      loss_fn: as for `maml`.
      optimizer: optimizer of the outer loop.
      inner_steps: Number of gradient steps toward the minimum, at least 1.
      solver_steps: Number of conjugate gradient steps, at least 1.

    Returns:
      A learner with state `MetaState`, info `MAMLInfo` and hyper `ImplicitHyper`. `support_losses`
      include the distance from the initialization.

    Raises:
      NmjaxError: `inner_steps` or `solver_steps` is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, ImplicitHyper, implicit_maml, squared_error
      >>> learner = implicit_maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=4)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.adapt(jnp.zeros(1), batch, ImplicitHyper(0.1, 1.0, 1.0)).losses.shape
      (5,)
    """
    if inner_steps < 1 or solver_steps < 1:
        raise NmjaxError(
            f"Got inner_steps={inner_steps} and solver_steps={solver_steps}, expected at least 1 "
            "of each: give for instance 16 and 5."
        )

    def proximal_loss(moved: PyTree, given: tuple[PyTree, Batch, ImplicitHyper]) -> Array:
        params, batch, hyper = given
        squares = jax.tree.map(lambda a, b: jnp.sum(jnp.square(a - b)), moved, params)
        return loss_fn(moved, batch) + 0.5 * hyper.proximity * sum(jax.tree.leaves(squares))

    @jax.custom_vjp
    def adapt_to(params: PyTree, batch: Batch, hyper: ImplicitHyper) -> Adaptation:
        given = (params, batch, hyper)
        return adapt(params, given, hyper.inner_rate, loss_fn=proximal_loss, steps=inner_steps)

    def forward(
        params: PyTree, batch: Batch, hyper: ImplicitHyper
    ) -> tuple[Adaptation, tuple[PyTree, PyTree]]:
        adaptation = adapt_to(params, batch, hyper)
        return adaptation, (adaptation.params, (params, batch, hyper))

    def backward(kept: tuple[PyTree, PyTree], cotangent: Adaptation) -> tuple[PyTree, ...]:
        moved, given = kept
        damping = given[-1].damping
        _, curve = jax.linearize(lambda moved: jax.grad(proximal_loss)(moved, given), moved)

        def damped(direction: PyTree) -> PyTree:
            return jax.tree.map(lambda c, d: c + damping * d, curve(direction), direction)

        solution, _ = cg(damped, cotangent.params, maxiter=solver_steps)
        _, pull = jax.vjp(lambda given: jax.grad(proximal_loss)(moved, given), given)
        cotangents: tuple[PyTree, ...] = pull(jax.tree.map(jnp.negative, solution))[0]
        return cotangents

    adapt_to.defvjp(forward, backward)
    return through_adaptation(adapt_to, loss_fn, optimizer)
