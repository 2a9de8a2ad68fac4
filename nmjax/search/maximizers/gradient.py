"""Maximization by gradient ascent through soft architectures."""

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

# Moves real values off their bounds, where the gradient of the hyperbolic tangent vanishes.
_INSIDE = 0.99


@dataclass(frozen=True, kw_only=True)
class GradientAscent:
    """Run Adam on the logits of relaxed choices, take the likeliest options, then ascend locally.

    Each choice starts with half of its probability on the start's option and the other half spread
    evenly (relaxation as in Liu, Simonyan and Yang, 2019, "DARTS", equation 2). Real values are
    parametrized as hyperbolic tangents of unbounded ones. Constraints apply only to the final
    options.

    Attributes:
      climbers: Number of ascents, which begin at the best starts.
      steps: Number of Adam steps.
      rate: Learning rate of Adam, in logits.
      temperature: Temperature of the softmax, positive.
      rounds: Number of rounds of steepest ascent by one choice after the gradient steps.

    Raises:
      NmjaxError: `climbers`, `steps`, `rate` or `temperature` is not positive, or `rounds` is
        negative.

    Example:
      >>> from nmjax.search import GradientAscent
      >>> GradientAscent(steps=10).rate
      0.2
    """

    climbers: int = 4
    steps: int = 30
    rate: float = 0.2
    temperature: float = 1.0
    rounds: int = 4

    def __post_init__(self) -> None:
        numbers = (self.climbers, self.steps, self.rate, self.temperature)
        if min(numbers) <= 0 or self.rounds < 0:
            raise NmjaxError(f"Got {self}; give positive numbers, except rounds, which may be 0.")

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the points [m, C + R] that were reached and their values float[m]."""
        del key
        space = objective.space
        exists = option_mask(space)
        even = softmax_relaxation(jnp.zeros(exists.shape), jnp.ones(()), exists)

        def soften(logits: Array) -> Array:
            at = jnp.asarray(self.temperature, logits.dtype)
            soft: Array = softmax_relaxation(logits, at, exists)
            return soft

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
        reached: tuple[Array, Array] = jax.tree.map(lambda *a: jnp.concatenate(a), best, led)
        return reached
