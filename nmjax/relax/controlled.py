"""Score-function gradients with a control variate that shares the noise of a hard draw."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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
from nmjax.relax.strengths import Strengths, largest_options, one_hot
from nmjax.spaces import Space
from nmjax.types import Array, PyTree


@dataclass(frozen=True)
class ControlledEstimator(ABC):
    """Score-function estimator whose control variate descends the variance of the estimate.

    Attributes:
      space: Space without a validity rule.
      draws: Number of draws.
      rate: Learning rate of the control variate (Adam).
    """

    space: Space
    draws: int = 1
    rate: float = 0.01

    def __post_init__(self) -> None:
        check_draws(self.draws)
        if self.rate < 0:
            raise NmjaxError(f"Got rate={self.rate}; give a learning rate of 0 or more.")
        if self.space.valid is not None:
            raise NmjaxError(
                f"Space {self.space.name!r} has a validity rule, with which the estimate is "
                "biased; use ScoreFunction."
            )

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

        def variance(control: PyTree) -> tuple[Array, tuple[Array, Strengths]]:
            values, gradients = jax.vmap(partial(one_draw, control))(keys)
            squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradients)]
            mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), gradients)
            return jnp.sum(jnp.stack(squares)) / len(keys), (jnp.mean(values), mean)

        slope, (value, gradient) = jax.grad(variance, has_aux=True)(control)
        control, opt_state, _ = descend(optax.adam(self.rate), slope, opt_state, control)
        return Estimate(value, gradient, (control, opt_state))

    def _with_optimizer(self, control: PyTree) -> tuple[PyTree, PyTree]:
        """The control variate before the first estimate, and the state of its optimizer."""
        return control, optax.adam(self.rate).init(control)

    @abstractmethod
    def _one_draw(
        self,
        strengths: Strengths,
        objective: SoftObjective,
        temperature: Array,
        control: PyTree,
        key: Array,
    ) -> tuple[Array, Strengths]:
        """The objective float[] at one draw, and its gradient estimate."""


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
