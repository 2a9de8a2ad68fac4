"""Gradient ascent through soft architectures."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.optimize import maximize as adam
from nmjax.search.maximizers.local import climb
from nmjax.search.maximizers.objective import Objective, fittest
from nmjax.search.maximizers.points import join, split
from nmjax.spaces import (
    discretize,
    encode_soft,
    from_scale,
    option_mask,
    softmax_relaxation,
    to_scale,
)
from nmjax.types import Array

# Keeps real values at their bounds where the hyperbolic tangent has a gradient.
_INSIDE = 0.99


@dataclass(frozen=True, kw_only=True)
class GradientAscent:
    """Adam on the logits of soft choices, then the likeliest options, then a few local rounds.

    Each choice starts with half of its probability on the start's option and half spread evenly
    (relaxation as in Liu, Simonyan and Yang, 2019, "DARTS", equation 2). Real values ascend as the
    hyperbolic tangents of unbounded ones. Constraints apply only to the final options.

    Attributes:
      climbers: number of starts that climb, the best ones.
      steps: number of Adam steps.
      rate: step size of Adam, in logits.
      temperature: temperature of the softmax, positive.
      rounds: number of rounds of steepest ascent by one choice from where the gradient led.

    Raises:
      NmjaxError: there are no climbers or no steps, or a rate or temperature is not positive.
    """

    climbers: int = 4
    steps: int = 30
    rate: float = 0.2
    temperature: float = 1.0
    rounds: int = 4

    def __post_init__(self) -> None:
        numbers = (self.climbers, self.steps, self.rate, self.temperature)
        if min(numbers) <= 0 or self.rounds < 0:
            raise NmjaxError(f"Got {self}; give positive numbers, and rounds of 0 or more.")

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the architectures that were reached and their values."""
        del key
        space = objective.space
        exists = option_mask(space)
        even = softmax_relaxation(jnp.zeros(exists.shape), jnp.ones(()), exists)

        def soften(logits: Array) -> Array:
            at = jnp.asarray(self.temperature, logits.dtype)
            return softmax_relaxation(logits, at, exists)

        def total(relaxed: tuple[Array, Array]) -> Array:
            continuous = from_scale(space, jnp.tanh(relaxed[1]))
            return jnp.sum(
                objective.of_encodings(encode_soft(space, soften(relaxed[0]), continuous))
            )

        best = fittest(starts, objective.of_architectures(starts), self.climbers)
        architecture, continuous = split(space, best[0])
        unbounded = jnp.arctanh(_INSIDE * to_scale(space, continuous))
        chosen = jax.nn.one_hot(architecture, space.max_options)
        half = 0.5 * (chosen + jnp.broadcast_to(even, chosen.shape))
        logits = self.temperature * jnp.log(jnp.where(half > 0, half, 1))
        relaxed, _ = adam(total, (logits, unbounded), steps=self.steps, rate=self.rate)
        ends = join(space, discretize(soften(relaxed[0])), from_scale(space, jnp.tanh(relaxed[1])))
        led = climb(objective, ends, objective.of_architectures(ends), rounds=self.rounds)
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), best, led)
