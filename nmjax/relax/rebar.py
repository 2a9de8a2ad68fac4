"""REBAR: score-function gradients with the relaxed objective as a control variate."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.optimize import descend
from nmjax.relax.estimators import (
    Estimate,
    SoftObjective,
    check_draws,
    log_options,
    objective_at,
)
from nmjax.relax.simplex import masked_softmax
from nmjax.relax.strengths import Strengths, largest_options, one_hot, soft_choices
from nmjax.spaces import Space, option_mask
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
class Rebar:
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

    space: Space
    draws: int = 1
    rate: float = 0.01

    def __post_init__(self) -> None:
        check_controlled(self.space, self.draws, self.rate)

    def init(self, strengths: Strengths) -> tuple[ControlVariate, PyTree]:
        """Return the initial control variate and the state of its optimizer."""
        dtype = strengths.logits.dtype
        control = ControlVariate(jnp.ones((), dtype), jnp.zeros((), dtype))
        return control, optax.adam(self.rate).init(control)

    def value_and_grad(
        self,
        key: Array,
        strengths: Strengths,
        state: PyTree,
        objective: SoftObjective,
        temperature: Array,
    ) -> Estimate:
        """Estimate value and gradient; see `GradientEstimator`."""
        control, opt_state = state
        one_draw = partial(self._one_draw, strengths, objective, temperature)
        keys = jax.random.split(key, self.draws)
        return controlled_estimate(keys, one_draw, control, opt_state, self.rate)

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


def check_controlled(space: Space, draws: int, rate: float) -> None:
    """Refuse settings of an estimator with a control variate.

    Raises:
      NmjaxError: The space has a validity rule, `draws` is not positive, or `rate` is negative.
    """
    check_draws(draws)
    if rate < 0:
        raise NmjaxError(f"Got rate={rate}; give a learning rate of 0 or more.")
    if space.valid is not None:
        raise NmjaxError(
            f"Space {space.name!r} has a validity rule, with which the estimate is biased; use "
            "ScoreFunction."
        )


def controlled_estimate(
    keys: Array,
    one_draw: Callable[[PyTree, Array], tuple[Array, Strengths]],
    control: PyTree,
    opt_state: PyTree,
    rate: float,
) -> Estimate:
    """The mean of draws, after which the control variate descends the estimate's variance.

    Args:
      keys: Random keys, one for each draw.
      one_draw: Function from the control variate and a key to value and gradient estimate.
      control: Parameters of the control variate.
      opt_state: State of Adam.
      rate: Learning rate of Adam.
    """

    def variance(control: PyTree) -> tuple[Array, tuple[Array, Strengths]]:
        values, gradients = jax.vmap(partial(one_draw, control))(keys)
        squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradients)]
        mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), gradients)
        return jnp.sum(jnp.stack(squares)) / len(keys), (jnp.mean(values), mean)

    slope, (value, gradient) = jax.grad(variance, has_aux=True)(control)
    control, opt_state, _ = descend(optax.adam(rate), slope, opt_state, control)
    return Estimate(value, gradient, (control, opt_state))


def controlled_draw(
    key: Array,
    space: Space,
    strengths: Strengths,
    objective: SoftObjective,
    control: Callable[[Array], Array],
) -> tuple[Array, Strengths]:
    """The objective float[] at one draw, and its gradient estimate with a control variate.

    Args:
      key: Random key.
      space: Space without a validity rule.
      strengths: Where to estimate.
      objective: Objective, evaluated at a hard draw.
      control: Function from perturbed log-weights float[C, O] to the control variate float[], which
        is evaluated at the perturbation of the draw and at one drawn given its outcome.
    """
    free_key, given_key = jax.random.split(key)
    shape, dtype = strengths.logits.shape, strengths.logits.dtype
    noise = jax.random.gumbel(free_key, shape, dtype)
    uniform = jax.random.uniform(given_key, shape, dtype, minval=jnp.finfo(dtype).tiny, maxval=1.0)
    drawn = largest_options(space, log_options(space, strengths.logits) + noise)
    chosen = one_hot(space, drawn).astype(dtype)

    def given_outcome(log_weights: Array) -> Array:
        return control(_given_outcome(log_weights, chosen, uniform))

    hard = partial(objective_at, space, objective, architecture=drawn)
    value = hard(strengths)
    lead = value - given_outcome(log_options(space, strengths.logits))

    def surrogate(strengths: Strengths) -> Array:
        log_weights = log_options(space, strengths.logits)
        difference = control(log_weights + noise) - given_outcome(log_weights)
        return lead * jnp.sum(chosen * log_weights) + hard(strengths) + difference

    return value, jax.grad(surrogate)(strengths)


def _given_outcome(log_weights: Array, chosen: Array, uniform: Array) -> Array:
    """Perturbed log-weights float[C, O] whose largest is the chosen option of each choice."""
    exponential = -jnp.log(uniform)
    largest = jnp.sum(chosen * exponential, axis=-1, keepdims=True)
    others = -jnp.log(exponential * jnp.exp(-log_weights) + largest)
    return jnp.where(chosen > 0, -jnp.log(largest), others)
