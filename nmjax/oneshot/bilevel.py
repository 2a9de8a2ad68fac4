"""Gradients of strengths in a bilevel problem, whose inner problem trains the weights.

The inner loss is that of the weights on training rows, the outer one that of the strengths on
other rows. The gradient of the outer loss at the trained weights needs an approximation of the
training.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import jax
import jax.numpy as jnp

from nmjax.errors import unknown_name
from nmjax.meta import adapt
from nmjax.setting_checks import check_sizes
from nmjax.types import Array, PyTree

Loss: TypeAlias = Callable[[PyTree, PyTree], Array]
_SOLVERS = ("conjugate gradient", "neumann")


class BilevelHyper(NamedTuple):
    """Traced numbers of a bilevel gradient.

    Attributes:
      inner_rate: float[], step size of the inner gradient steps, or of the Neumann series.
      damping: float[], added to the curvature of the inner loss in `Implicit`; not negative.

    Example:
      >>> from nmjax.oneshot import BilevelHyper
      >>> BilevelHyper(inner_rate=0.1).damping
      1.0
    """

    inner_rate: Any
    damping: Any = 1.0


class BilevelGradient(Protocol):
    """The value and gradient of an outer loss in the strengths.

    Example:
      >>> from nmjax.oneshot import BilevelGradient, FirstOrder, Implicit, Unrolled
      >>> gradients: list[BilevelGradient] = [FirstOrder(), Unrolled(), Implicit()]
    """

    def value_and_grad(
        self, inner: Loss, outer: Loss, weights: PyTree, strengths: PyTree, hyper: BilevelHyper
    ) -> tuple[Array, PyTree]:
        """The outer loss float[], and its gradient, a pytree like the strengths.

        Args:
          inner: (weights, strengths) -> float[], the loss that the weights descend.
          outer: (weights, strengths) -> float[], the loss that the strengths descend.
          weights: Current weights.
          strengths: Strengths.
          hyper: Traced numbers.
        """


@dataclass(frozen=True)
class FirstOrder:
    """The gradient at the current weights, as if they did not depend on the strengths.

    First-order DARTS (Liu, Simonyan and Yang, 2019, section 2.3).

    Example:
      >>> from nmjax.oneshot import BilevelHyper, FirstOrder
      >>> inner, outer = lambda w, a: (w - a) ** 2, lambda w, a: (w - 1) ** 2 + a
      >>> value, slope = FirstOrder().value_and_grad(inner, outer, 0.0, 0.0, BilevelHyper(0.25))
      >>> float(value), float(slope)
      (1.0, 1.0)
    """

    def value_and_grad(
        self, inner: Loss, outer: Loss, weights: PyTree, strengths: PyTree, hyper: BilevelHyper
    ) -> tuple[Array, PyTree]:
        """The outer loss at the current weights, and its gradient."""
        del inner, hyper
        return jax.value_and_grad(outer, argnums=1)(weights, strengths)


@dataclass(frozen=True)
class Unrolled:
    """The exact gradient through steps of gradient descent on the inner loss.

    One step is second-order DARTS (Liu, Simonyan and Yang, 2019, equation 6), by automatic
    differentiation instead of finite differences.

    Attributes:
      steps: Number of inner steps.

    Raises:
      NmjaxError: `steps` is not positive.

    Example:
      >>> from nmjax.oneshot import BilevelHyper, Unrolled
      >>> inner, outer = lambda w, a: (w - a) ** 2, lambda w, a: (w - 1) ** 2 + a
      >>> value, slope = Unrolled().value_and_grad(inner, outer, 0.0, 0.0, BilevelHyper(0.25))
      >>> float(value), float(slope)
      (1.0, 0.0)
    """

    steps: int = 1

    def __post_init__(self) -> None:
        check_sizes(steps=self.steps)

    def value_and_grad(
        self, inner: Loss, outer: Loss, weights: PyTree, strengths: PyTree, hyper: BilevelHyper
    ) -> tuple[Array, PyTree]:
        """The outer loss after the inner steps, and its gradient through them."""

        def unrolled(strengths: PyTree) -> Array:
            adapted = adapt(weights, strengths, hyper.inner_rate, loss_fn=inner, steps=self.steps)
            return outer(adapted.params, strengths)

        return jax.value_and_grad(unrolled)(strengths)


@dataclass(frozen=True)
class Implicit:
    """The gradient by the implicit function theorem, as if the weights minimized the inner loss.

    Solves (H + damping I) v = gradient of the outer loss in the weights, where H is the Hessian of
    the inner loss, using only products with H. The current weights stand in for the minimum. Away
    from a minimum, H may have negative eigenvalues, and the damping must exceed their magnitude.

    Attributes:
      solver: "conjugate gradient", or "neumann": `iterations` terms of the series
        rate sum (I - rate (H + damping I))^k (Lorraine, Vicol and Duvenaud, 2020, algorithm 3),
        which converges for rates below 2 / (largest eigenvalue of H + damping).
      iterations: Number of products with the Hessian.

    Raises:
      NmjaxError: The solver is unknown, or `iterations` is not positive.

    Example:
      >>> from nmjax.oneshot import BilevelHyper, Implicit
      >>> inner, outer = lambda w, a: (w - a) ** 2, lambda w, a: (w - 1) ** 2 + a
      >>> hyper = BilevelHyper(0.25, damping=0.0)
      >>> value, slope = Implicit().value_and_grad(inner, outer, 0.0, 0.0, hyper)
      >>> float(value), float(slope)
      (1.0, -1.0)
    """

    solver: Literal["conjugate gradient", "neumann"] = "conjugate gradient"
    iterations: int = 5

    def __post_init__(self) -> None:
        if self.solver not in _SOLVERS:
            raise unknown_name("solver", self.solver, _SOLVERS)
        check_sizes(iterations=self.iterations)

    def value_and_grad(
        self, inner: Loss, outer: Loss, weights: PyTree, strengths: PyTree, hyper: BilevelHyper
    ) -> tuple[Array, PyTree]:
        """The outer loss at the current weights, and its implicit gradient."""
        both = jax.value_and_grad(outer, argnums=(0, 1))
        value, (in_weights, in_strengths) = both(weights, strengths)
        slope = jax.grad(inner)
        _, curve = jax.linearize(lambda weights: slope(weights, strengths), weights)

        def damped(direction: PyTree) -> PyTree:
            return jax.tree.map(lambda c, d: c + hyper.damping * d, curve(direction), direction)

        if self.solver == "neumann":
            solution = self._neumann(damped, in_weights, hyper.inner_rate)
        else:
            solution = self._conjugate_gradient(damped, in_weights)
        _, pull = jax.vjp(lambda strengths: slope(weights, strengths), strengths)
        (through,) = pull(solution)
        return value, jax.tree.map(jnp.subtract, in_strengths, through)

    def _conjugate_gradient(self, multiply: Callable[[PyTree], PyTree], target: PyTree) -> PyTree:
        """As `jax.scipy.sparse.linalg.cg`, which fails under `vmap` within a scan (jax 0.10.2)."""

        def step(carry: tuple[PyTree, ...], _: None) -> tuple[tuple[PyTree, ...], None]:
            solution, residual, direction, size = carry
            product = multiply(direction)
            length = _ratio(size, _dot(direction, product))
            solution = _add(solution, direction, length)
            residual = _add(residual, product, -length)
            left = _dot(residual, residual)
            return (solution, residual, _add(residual, direction, _ratio(left, size)), left), None

        zero = jax.tree.map(jnp.zeros_like, target)
        start = (zero, target, target, _dot(target, target))
        (solution, *_), _ = jax.lax.scan(step, start, None, length=self.iterations)
        return solution

    def _neumann(self, multiply: Callable[[PyTree], PyTree], target: PyTree, rate: Array) -> PyTree:
        def add(carry: tuple[PyTree, PyTree], _: None) -> tuple[tuple[PyTree, PyTree], None]:
            term, total = carry
            term = jax.tree.map(lambda t, m: t - rate * m, term, multiply(term))
            return (term, jax.tree.map(jnp.add, total, term)), None

        (_, total), _ = jax.lax.scan(add, (target, target), None, length=self.iterations)
        return jax.tree.map(lambda leaf: rate * leaf, total)


def _dot(a: PyTree, b: PyTree) -> Array:
    """The inner product float[] of two pytrees."""
    products = jax.tree.map(lambda x, y: jnp.sum(x * y), a, b)
    return jnp.sum(jnp.stack(jax.tree.leaves(products)))


def _add(a: PyTree, b: PyTree, factor: Array) -> PyTree:
    """a + factor b."""
    return jax.tree.map(lambda x, y: x + factor * y, a, b)


def _ratio(numerator: Array, denominator: Array) -> Array:
    """The ratio float[], 0 where nothing is left to divide."""
    return jnp.where(denominator == 0, 0.0, numerator / jnp.where(denominator == 0, 1, denominator))
