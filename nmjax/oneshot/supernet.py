"""The Protocol of supernets: networks that hold the weights of all architectures of a space."""

from typing import Protocol

from nmjax.spaces import Space
from nmjax.types import Array, PyTree


class Supernet(Protocol):
    """A network that computes every option of every choice, and sums them by their weights.

    Implementations are frozen dataclasses, so that equal supernets share compiled programs.
    `testing.check_supernet` checks an implementation.

    Example:
      >>> from nmjax.oneshot import CellSupernet, Supernet
      >>> supernet: Supernet = CellSupernet(classes=10)
      >>> supernet.space.size
      15625
    """

    @property
    def space(self) -> Space:
        """The architectures, with categorical and ordinal choices only."""

    def init(self, key: Array) -> PyTree:
        """Draw the initial weights of all options."""

    def apply(self, weights: PyTree, choices: Array, x: Array) -> Array:
        """Logits float[B, K] of inputs float[B, D], for K classes.

        Args:
          weights: Weights, as `init` makes them.
          choices: float[C, O], the factor of each option's output. A one-hot row for each choice is
            an architecture.
          x: Inputs; the logits of a row do not depend on the other rows.
        """
