"""Score-function gradients: unbiased, from the objective at hard choices only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.relax.estimators import (
    Estimate,
    SoftObjective,
    check_draws,
    log_options,
    log_probability,
    objective_at,
)
from nmjax.relax.strengths import Strengths
from nmjax.spaces import Space, draw_valid, option_mask
from nmjax.types import Array, PyTree

Baseline = Literal["leave-one-out", "moving", "none"]


class MovingBaseline(NamedTuple):
    """Exponential moving average of the objective.

    Attributes:
      total: float[], decayed sum of means.
      weight: float[], decayed sum of their weights; 0 before the first estimate.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import MovingBaseline
      >>> MovingBaseline(jnp.zeros(()), jnp.zeros(())).weight.shape
      ()
    """

    total: Array
    weight: Array


@dataclass(frozen=True)
class ScoreFunction:
    """REINFORCE: the objective at draws times the gradient of their log-probability.

    Unbiased, with a control variate that is independent of each draw (Williams, 1992): the mean of
    the other draws (Kool, van Hoof and Welling, 2019, "Buy 4 REINFORCE samples, get a baseline for
    free"), or an exponential moving average of earlier estimates. Inactive choices have no
    gradient. The objective need not be differentiable, except in real-valued choices.

    Attributes:
      space: Space of the architectures.
      draws: Number of draws, at least 2 for the leave-one-out baseline.
      baseline: "leave-one-out", "moving" or "none".
      decay: Decay of the moving baseline.

    Raises:
      NmjaxError: There are too few draws, the baseline is unknown, or the space has a validity rule
        and the baseline is not "leave-one-out", the only one that is unbiased then.

    Example:
      >>> import jax
      >>> from nmjax.relax import ScoreFunction, Softmax
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["conv", "skip"])
      >>> estimator = ScoreFunction(space, draws=64)
      >>> strengths = Softmax(space).init(jax.random.key(0))
      >>> estimate = estimator.value_and_grad(
      ...     jax.random.key(1), strengths, estimator.init(strengths),
      ...     lambda hard: hard.weights[0, 1], 1.0)
      >>> bool(estimate.gradient.logits[0, 1] > 0)
      True
    """

    space: Space
    draws: int = 8
    baseline: Baseline = "leave-one-out"
    decay: float = 0.9

    def __post_init__(self) -> None:
        if self.baseline not in get_args(Baseline):
            raise unknown_name("baseline", self.baseline, get_args(Baseline))
        check_draws(self.draws, 2 if self.baseline == "leave-one-out" else 1)
        if self.space.valid is not None and self.baseline != "leave-one-out":
            raise NmjaxError(
                f"Got baseline={self.baseline!r} for space {self.space.name!r}, which has a "
                "validity rule; give 'leave-one-out', the only one that is unbiased then."
            )

    def init(self, strengths: Strengths) -> MovingBaseline:
        """Return the moving baseline before the first estimate."""
        zero = jnp.zeros((), strengths.logits.dtype)
        return MovingBaseline(zero, zero)

    def value_and_grad(
        self,
        key: Array,
        strengths: Strengths,
        state: PyTree,
        objective: SoftObjective,
        temperature: Array,
    ) -> Estimate:
        """Estimate value and gradient; the temperature is not used."""
        del temperature
        space = self.space
        drawn = draw_valid(key, space, draw_from(space, strengths.logits, self.draws))

        def surrogate(strengths: Strengths) -> tuple[Array, Array]:
            found = jax.vmap(partial(objective_at, space, objective, strengths))(drawn)
            log_weights = log_options(space, strengths.logits)
            score = jax.vmap(partial(log_probability, space, log_weights))(drawn)
            fixed = jax.lax.stop_gradient(found)
            lead = fixed - self._baseline(fixed, state)
            return jnp.mean(lead * score) + jnp.mean(found), jnp.mean(fixed)

        gradient, value = jax.grad(surrogate, has_aux=True)(strengths)
        moved = MovingBaseline(
            self.decay * state.total + (1 - self.decay) * value,
            self.decay * state.weight + (1 - self.decay),
        )
        return Estimate(value, gradient, moved)

    def _baseline(self, found: Array, state: MovingBaseline) -> Array:
        """The control variate float[draws] of each draw."""
        if self.baseline == "leave-one-out":
            return (jnp.sum(found) - found) / (self.draws - 1)
        if self.baseline == "moving":
            before = jnp.where(state.weight > 0, state.weight, 1.0)
            return jnp.broadcast_to(state.total / before, found.shape)
        return jnp.zeros_like(found)


def draw_from(space: Space, logits: Array, draws: int) -> Callable[[Array], Array]:
    """A function from a key to architectures int32[draws, C] of independent choices."""
    exists = jnp.broadcast_to(option_mask(space), logits.shape)
    fixed = jax.lax.stop_gradient(jnp.where(exists, logits, -jnp.inf))

    def draw(key: Array) -> Array:
        shape = (draws, space.num_choices)
        return jax.random.categorical(key, fixed, shape=shape).astype(jnp.int32)

    return draw
