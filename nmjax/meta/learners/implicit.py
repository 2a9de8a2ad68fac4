"""Implicit MAML: the meta-gradient of where the inner loop ends, not of how it got there."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import cg

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.gradient import through_adaptation
from nmjax.types import Array, PyTree


class ImplicitHyper(NamedTuple):
    """The traced numbers of `implicit_maml`.

    Attributes:
      inner_rate: step size of the inner loop, as `adapt` takes it.
      proximity: float[], lambda, how strongly adapting is held near the initialization; positive.
      damping: float[], added to the curvature in the meta-gradient alone; not negative.
    """

    inner_rate: PyTree
    proximity: Array
    damping: Array


def implicit_maml(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    solver_steps: int = 5,
) -> MetaLearner:
    """`maml` by the implicit function theorem (Rajeswaran et al., 2019, algorithms 1 and 2).

    Adapting descends the support loss plus proximity / 2 times the squared distance from the
    initialization. At its minimum a task's meta-gradient is proximity times the solution g of
    (H + proximity I) g = gradient of the query loss, H the Hessian of the support loss there (lemma
    1), solved by conjugate gradient with the damping added to H. Memory does not grow with the
    inner steps.

    The meta-gradient does not see the inner steps, so that unlike `maml` it will not learn to keep
    them stable: take inner_rate below 2 / (largest curvature + proximity). Nor is the matrix
    positive short of a minimum, and conjugate gradient may then return anything: take proximity +
    damping above the largest negative curvature (the authors' code damps by 10).

    Args:
      loss_fn: as for `maml`.
      optimizer: of the outer loop.
      inner_steps: gradient steps toward the minimum, at least 1.
      solver_steps: of conjugate gradient, at least 1.

    Returns:
      A learner with state `MetaState`, info `MAMLInfo` and hyper `ImplicitHyper`. `support_losses`
      include the distance from the initialization.

    Raises:
      NmjaxError: `inner_steps` or `solver_steps` is not positive.
    """
    if inner_steps < 1 or solver_steps < 1:
        raise NmjaxError(
            f"Got inner_steps={inner_steps} and solver_steps={solver_steps}, expected at least 1 "
            "of each: give for instance 16 and 5."
        )

    def near(moved: PyTree, given: tuple[PyTree, Batch, ImplicitHyper]) -> Array:
        params, batch, hyper = given
        squares = jax.tree.map(lambda a, b: jnp.sum(jnp.square(a - b)), moved, params)
        return loss_fn(moved, batch) + 0.5 * hyper.proximity * sum(jax.tree.leaves(squares))

    @jax.custom_vjp
    def adapt_to(params: PyTree, batch: Batch, hyper: ImplicitHyper) -> Adaptation:
        given = (params, batch, hyper)
        return adapt(params, given, hyper.inner_rate, loss_fn=near, steps=inner_steps)

    def forward(
        params: PyTree, batch: Batch, hyper: ImplicitHyper
    ) -> tuple[Adaptation, tuple[PyTree, PyTree]]:
        adaptation = adapt_to(params, batch, hyper)
        return adaptation, (adaptation.params, (params, batch, hyper))

    def backward(kept: tuple[PyTree, PyTree], cotangent: Adaptation) -> tuple[PyTree, ...]:
        moved, given = kept
        damping = given[-1].damping
        _, curve = jax.linearize(lambda moved: jax.grad(near)(moved, given), moved)

        def damped(direction: PyTree) -> PyTree:
            return jax.tree.map(lambda c, d: c + damping * d, curve(direction), direction)

        solution, _ = cg(damped, cotangent.params, maxiter=solver_steps)
        _, pull = jax.vjp(lambda given: jax.grad(near)(moved, given), given)
        return pull(jax.tree.map(jnp.negative, solution))[0]

    adapt_to.defvjp(forward, backward)
    return through_adaptation(adapt_to, loss_fn, optimizer)
