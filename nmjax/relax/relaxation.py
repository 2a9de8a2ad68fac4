"""The Protocol of relaxations, and their common base."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.relax.discretize import most_probable
from nmjax.relax.strengths import (
    SoftChoices,
    Strengths,
    init_strengths,
    largest_options,
    one_hot,
    soft_choices,
)
from nmjax.spaces import Space, from_scale, reset_continuous
from nmjax.types import Array, is_traced


class Relaxation(Protocol):
    """A differentiable map from strengths to soft choices of a space, and back to hard ones.

    An instance is hashable and compares by value, so it can be a static argument. All functions
    accept leading axes of the strengths, and work under `jit`, `vmap` and `grad`.
    `testing.check_relaxation` checks an implementation.

    Example:
      >>> from nmjax.relax import GumbelSoftmax, Relaxation, Softmax
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["conv", "skip"])
      >>> relaxations: list[Relaxation] = [Softmax(space), GumbelSoftmax(space)]
    """

    @property
    def space(self) -> Space:
        """Space of the architectures."""

    def init(self, key: Array, shape: tuple[int, ...] = (), *, spread: float = 1e-3) -> Strengths:
        """Draw strengths near those of equal weights, with the leading axes `shape`."""

    def weights(self, strengths: Strengths) -> Array:
        """Weights float[..., C, O] of the options without noise, at temperature 1."""

    def sample(self, key: Array, strengths: Strengths, temperature: Array) -> SoftChoices:
        """Draw soft choices, differentiable in the strengths and the temperature float[] > 0."""

    def discretize(self, strengths: Strengths) -> tuple[Array, Array]:
        """Return the valid, canonical architecture int32[..., C], and float32[..., R]."""


@dataclass(frozen=True)
class SpaceRelaxation:
    """Base of relaxations by a map from logits to weights; a subclass defines `soften`.

    Attributes:
      space: Space of the architectures.

    Example:
      >>> import jax
      >>> from nmjax.relax import SpaceRelaxation
      >>> from nmjax.spaces import Space
      >>> class Squares(SpaceRelaxation):
      ...     def soften(self, logits, temperature):
      ...         powers = abs(logits) ** (2 / temperature)
      ...         return powers / powers.sum(-1, keepdims=True)
      >>> squares = Squares(Space(op=["conv", "skip"]))
      >>> squares.discretize(squares.init(jax.random.key(0)))[0].shape
      (1,)
    """

    space: Space

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Weights float[..., C, O] of logits float[..., C, O]; 0 for options that do not exist."""
        raise NotImplementedError

    def init(self, key: Array, shape: tuple[int, ...] = (), *, spread: float = 1e-3) -> Strengths:
        """Draw strengths near those of equal weights, with the leading axes `shape`."""
        return init_strengths(key, self.space, shape, spread=spread)

    def weights(self, strengths: Strengths) -> Array:
        """Weights float[..., C, O] of the options without noise, at temperature 1."""
        return self.soften(strengths.logits, jnp.ones((), strengths.logits.dtype))

    def sample(self, key: Array, strengths: Strengths, temperature: Array) -> SoftChoices:
        """Return the soft choices; the key is not used."""
        del key
        check_temperature(temperature)
        return soft_choices(
            self.space, self.soften(strengths.logits, temperature), strengths.position
        )

    def discretize(self, strengths: Strengths) -> tuple[Array, Array]:
        """Return the valid, canonical architecture int32[..., C], and float32[..., R]."""
        architecture = most_probable(self.space, self.weights(strengths))
        continuous = from_scale(self.space, jnp.tanh(strengths.position))
        return architecture, reset_continuous(self.space, architecture, continuous)


def check_temperature(temperature: Array) -> None:
    """Validate a temperature. Traced values are not checked.

    Raises:
      NmjaxError: It is not positive.
    """
    if not is_traced(temperature) and not np.all(np.asarray(temperature) > 0):
        raise NmjaxError(f"Got temperature={temperature}; give a positive number.")


def harden(space: Space, soft: SoftChoices) -> SoftChoices:
    """The largest weight of each choice as a one-hot, with the gradient of the soft weights.

    The straight-through estimator (Bengio, Léonard and Courville, 2013).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import SoftChoices, harden
      >>> from nmjax.spaces import Space
      >>> soft = SoftChoices(jnp.array([[0.25, 0.75]]), jnp.zeros(0))
      >>> harden(Space(op=["conv", "skip"]), soft).weights.tolist()
      [[0.0, 1.0]]
    """
    fixed = jax.lax.stop_gradient(soft.weights)
    hard = one_hot(space, largest_options(space, fixed)).astype(fixed.dtype)
    return soft._replace(weights=hard + (soft.weights - fixed))


def discretization_gap(
    relaxation: Relaxation,
    strengths: Strengths,
    objective: Callable[[SoftChoices], Array],
    *,
    key: Array,
    temperature: Array,
) -> Array:
    """Objective of the soft choices minus that of the architecture they are discretized to.

    A large gap means that the search optimized something that no architecture reaches.

    Args:
      relaxation: Relaxation of the space.
      strengths: Strengths, without leading axes.
      objective: Function from soft choices to a value float[].
      key: Random key of the soft choices.
      temperature: float[], temperature of the soft choices.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.relax import Softmax, Strengths, discretization_gap
      >>> from nmjax.spaces import Space
      >>> gap = discretization_gap(
      ...     Softmax(Space(op=["conv", "skip"])), Strengths(jnp.array([[0.0, 0.1]]), jnp.zeros(0)),
      ...     lambda soft: soft.weights[0, 0], key=jax.random.key(0), temperature=1.0)
      >>> round(float(gap), 3)
      0.475
    """
    soft = objective(relaxation.sample(key, strengths, temperature))
    architecture, continuous = relaxation.discretize(strengths)
    return soft - objective(SoftChoices(one_hot(relaxation.space, architecture), continuous))
