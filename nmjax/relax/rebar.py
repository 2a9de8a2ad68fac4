"""REBAR: score-function gradients with the relaxed objective as a control variate."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.relax.controlled import ControlledEstimator, controlled_draw
from nmjax.relax.estimators import SoftObjective
from nmjax.relax.simplex import masked_softmax
from nmjax.relax.strengths import Strengths, soft_choices
from nmjax.spaces import option_mask
from nmjax.types import Array, PyTree


class ControlVariate(NamedTuple):
    """Parameters of the control variate.

    Attributes:
      scale: float[], factor of the relaxed objective; 0 is plain REINFORCE.
      log_temperature: float[], logarithm of the temperature relative to the given one.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import ControlVariate
      >>> ControlVariate(jnp.ones(()), jnp.zeros(())).scale.shape
      ()
    """

    scale: Array
    log_temperature: Array


@dataclass(frozen=True)
class Rebar(ControlledEstimator):
    """Unbiased gradients with the objective at relaxed draws as a control variate.

    The relaxed draws share the noise of the hard one, unconditionally and given its outcome (Tucker
    et al., 2017, "REBAR", equation 8; categorical as in Grathwohl et al., 2018, "RELAX", appendix
    B). Scale and temperature of the control variate follow the gradient of the estimate's variance.
    Each draw evaluates the objective three times, twice with its gradient.

    Attributes:
      space: Space without a validity rule.
      draws: Number of draws.
      rate: Learning rate of the control variate (Adam); 0 keeps it as it is.

    Raises:
      NmjaxError: The space has a validity rule, `draws` is not positive, or `rate` is negative.

    Example:
      >>> import jax
      >>> from nmjax.relax import Rebar, Softmax
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["conv", "skip"])
      >>> strengths, rebar = Softmax(space).init(jax.random.key(0)), Rebar(space, draws=4)
      >>> estimate = rebar.value_and_grad(
      ...     jax.random.key(1), strengths, rebar.init(strengths),
      ...     lambda soft: soft.weights[0, 1] ** 2, 0.5)
      >>> estimate.gradient.logits.shape
      (1, 2)
    """

    def init(self, strengths: Strengths) -> tuple[ControlVariate, PyTree]:
        """Return the initial control variate and the state of its optimizer."""
        dtype = strengths.logits.dtype
        return self._with_optimizer(ControlVariate(jnp.ones((), dtype), jnp.zeros((), dtype)))

    def _one_draw(
        self,
        strengths: Strengths,
        objective: SoftObjective,
        temperature: Array,
        control: ControlVariate,
        key: Array,
    ) -> tuple[Array, Strengths]:
        """The objective float[] at one draw, and its gradient estimate."""
        space, exists = self.space, option_mask(self.space)

        def relaxed(perturbed: Array) -> Array:
            at = temperature * jnp.exp(control.log_temperature)
            weights = masked_softmax(perturbed, at, exists)
            fixed = jax.lax.stop_gradient(strengths.position)
            return control.scale * objective(soft_choices(space, weights, fixed))

        return controlled_draw(key, space, strengths, objective, relaxed)
