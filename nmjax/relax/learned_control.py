"""RELAX: score-function gradients with a learned network as a control variate."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.relax.controlled import ControlledEstimator, controlled_draw
from nmjax.relax.estimators import SoftObjective
from nmjax.relax.simplex import masked_softmax
from nmjax.relax.strengths import Strengths
from nmjax.spaces import option_mask
from nmjax.types import Array, PyTree


class ControlNetwork(NamedTuple):
    """Parameters of a perceptron of one hidden layer, from soft choices to a number.

    Attributes:
      hidden: float[C O, H], weights of the hidden layer.
      bias: float[H], its biases.
      output: float[H], weights of the output; 0 is plain REINFORCE.
      log_temperature: float[], logarithm of the temperature relative to the given one.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import ControlNetwork
      >>> zero = jnp.zeros
      >>> ControlNetwork(zero((6, 8)), zero(8), zero(8), zero(())).output.shape
      (8,)
    """

    hidden: Array
    bias: Array
    output: Array
    log_temperature: Array


@dataclass(frozen=True)
class Relax(ControlledEstimator):
    """Unbiased gradients with a network of the relaxed draw as a control variate.

    "RELAX" (Grathwohl et al., 2018). As in `Rebar`, relaxed draws share the noise of the hard one,
    and the control variate follows the gradient of the estimate's variance. The objective is
    evaluated once a draw and at hard choices only, so that it need not be differentiable, except in
    real-valued choices. The network takes a few hundred estimates to learn.

    Attributes:
      space: Space without a validity rule.
      draws: Number of draws.
      rate: Learning rate of the network (Adam).
      hidden: Number of hidden units.

    Raises:
      NmjaxError: The space has a validity rule, `draws` or `hidden` is not positive, or `rate` is
        negative.

    Example:
      >>> import jax
      >>> from nmjax.relax import Relax, Softmax
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["conv", "skip"])
      >>> strengths, relax = Softmax(space).init(jax.random.key(0)), Relax(space, draws=4)
      >>> estimate = relax.value_and_grad(
      ...     jax.random.key(1), strengths, relax.init(strengths),
      ...     lambda hard: hard.weights[0, 1] > 0.5, 0.5)
      >>> estimate.gradient.logits.shape
      (1, 2)
    """

    hidden: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1:
            raise NmjaxError(f"Got hidden={self.hidden}; give 1 or more hidden units.")

    def init(self, strengths: Strengths) -> tuple[ControlNetwork, PyTree]:
        """Return the network before training and the state of its optimizer.

        Hidden weights are the same for equal shapes, and output weights are zero.
        """
        size, dtype = strengths.logits.size, strengths.logits.dtype
        draw = jax.random.normal(jax.random.key(0), (size * self.hidden,), dtype)
        zero = jnp.zeros((self.hidden,), dtype)
        hidden = draw.reshape(size, self.hidden)
        return self._with_optimizer(ControlNetwork(hidden, zero, zero, jnp.zeros((), dtype)))

    def _one_draw(
        self,
        strengths: Strengths,
        objective: SoftObjective,
        temperature: Array,
        network: ControlNetwork,
        key: Array,
    ) -> tuple[Array, Strengths]:
        """The objective float[] at one draw, and its gradient estimate."""
        exists, dtype = option_mask(self.space), strengths.logits.dtype

        def control(perturbed: Array) -> Array:
            at = temperature * jnp.exp(network.log_temperature)
            weights = masked_softmax(perturbed, at, exists).reshape(-1)
            return jnp.tanh(weights @ network.hidden + network.bias) @ network.output

        def value(soft: PyTree) -> Array:
            return jnp.asarray(objective(soft), dtype)

        return controlled_draw(key, self.space, strengths, value, control)
