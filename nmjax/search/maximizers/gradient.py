"""Maximization by gradient ascent through soft architectures."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.optimize import maximize as adam
from nmjax.relax import Softmax, Strengths, encode_choices, strengths_at
from nmjax.search.maximizers.local import climb
from nmjax.search.maximizers.objective import Objective, fittest
from nmjax.search.maximizers.points import join, split
from nmjax.types import Array


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
        space = objective.space
        relaxation = Softmax(space)

        def total(strengths: Strengths) -> Array:
            at = jnp.asarray(self.temperature, strengths.logits.dtype)
            soft = relaxation.sample(key, strengths, at)
            return jnp.sum(objective.of_encodings(encode_choices(space, soft)))

        best = fittest(starts, objective.of_architectures(starts), self.climbers)
        strengths = strengths_at(space, *split(space, best[0]))
        strengths = strengths._replace(logits=self.temperature * strengths.logits)
        strengths, _ = adam(total, strengths, steps=self.steps, rate=self.rate)
        ends = join(space, *relaxation.discretize(strengths))
        led = climb(objective, ends, objective.of_architectures(ends), rounds=self.rounds)
        reached: tuple[Array, Array] = jax.tree.map(lambda *a: jnp.concatenate(a), best, led)
        return reached
