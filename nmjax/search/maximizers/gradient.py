"""Maximization by gradient ascent through soft architectures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.optimize import descend
from nmjax.relax import Relaxation, Softmax, Strengths, encode_choices, strengths_at
from nmjax.search.maximizers.guided import guided_climb
from nmjax.search.maximizers.objective import Maximizer, Objective, fittest, optimize_acquisition
from nmjax.search.maximizers.points import join, sample_points, split
from nmjax.spaces import Space
from nmjax.types import Array


@dataclass(frozen=True, kw_only=True)
class GradientAscent:
    """Run Adam on the strengths of relaxed choices, discretize them, then ascend by single choices.

    Each choice starts with half of its weight on the start's option and the other half spread
    evenly. The temperature falls exponentially. Constraints apply only to the discretized
    architectures, which are always valid. The last ascent evaluates the changes that the gradient
    favors, as `GuidedAscent` does.

    Attributes:
      climbers: Number of ascents, which begin at the best starts.
      steps: Number of Adam steps.
      rate: Learning rate of Adam, in logits.
      temperature: First temperature of the relaxation, positive.
      final_temperature: Last temperature of the relaxation, positive.
      rounds: Number of rounds of ascent by single choices after the gradient steps.
      candidates: Number of changes that a climber evaluates in a round.
      relaxation: Function from a space to its relaxation, such as `nmjax.relax.Softmax`.

    Raises:
      NmjaxError: `rounds` is negative, or another number is not positive.

    Example:
      >>> from nmjax.search import GradientAscent
      >>> GradientAscent(steps=10).rate
      0.2
    """

    climbers: int = 8
    steps: int = 30
    rate: float = 0.2
    temperature: float = 1.0
    final_temperature: float = 0.2
    rounds: int = 16
    candidates: int = 8
    relaxation: Callable[[Space], Relaxation] = Softmax

    def __post_init__(self) -> None:
        numbers = (self.climbers, self.steps, self.rate, self.candidates)
        if min(*numbers, self.temperature, self.final_temperature) <= 0 or self.rounds < 0:
            raise NmjaxError(f"Got {self}; give positive numbers, except rounds, which may be 0.")

    def __call__(self, key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        """Return the points [m, C + R] that were reached and their values float[m]."""
        space = objective.space
        best = fittest(starts, objective.of_architectures(starts), self.climbers)
        strengths = strengths_at(space, *split(space, best[0]))
        strengths = strengths._replace(logits=self.temperature * strengths.logits)
        ends = join(space, *self._ascend(key, objective, strengths))
        values = objective.of_architectures(ends)
        led = guided_climb(objective, ends, values, rounds=self.rounds, candidates=self.candidates)
        reached: tuple[Array, Array] = jax.tree.map(lambda *a: jnp.concatenate(a), best, led)
        return reached

    def _ascend(
        self, key: Array, objective: Objective, strengths: Strengths
    ) -> tuple[Array, Array]:
        """The architectures int32[m, C] and float32[m, R] after the gradient steps."""
        space, relaxation = objective.space, self.relaxation(objective.space)
        optimizer = optax.adam(self.rate)
        fall = self.final_temperature / self.temperature

        def negative_total(strengths: Strengths, key: Array, temperature: Array) -> Array:
            soft = relaxation.sample(key, strengths, temperature)
            return -jnp.sum(objective.of_encodings(encode_choices(space, soft)))

        def step(carried: tuple[Strengths, Any], count: Array) -> tuple[Any, None]:
            strengths, opt_state = carried
            done = count.astype(strengths.logits.dtype) / max(self.steps - 1, 1)
            temperature = self.temperature * jnp.power(fall, done)
            step_key = jax.random.fold_in(key, count)
            gradient = jax.grad(negative_total)(strengths, step_key, temperature)
            strengths, opt_state, _ = descend(optimizer, gradient, opt_state, strengths)
            return (strengths, opt_state), None

        start = (strengths, optimizer.init(strengths))
        (strengths, _), _ = jax.lax.scan(step, start, jnp.arange(self.steps))
        return relaxation.discretize(strengths)


class Maximum(NamedTuple):
    """The best architecture that a maximization found.

    Attributes:
      architecture: int32[C], an option index for each discrete choice, valid and canonical.
      continuous: float32[R], the real-valued choices.
      value: float[], its value.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import Maximum
      >>> Maximum(jnp.array([1, 0]), jnp.zeros(0), jnp.array(0.5)).architecture.tolist()
      [1, 0]
    """

    architecture: Array
    continuous: Array
    value: Array


_GRADIENT_ASCENT = GradientAscent()


def maximize_by_gradient(
    key: Array,
    value: Callable[[Array], Array],
    *,
    space: Space,
    starts: int = 64,
    maximizer: Maximizer = _GRADIENT_ASCENT,
) -> Maximum:
    """Find the architecture of a large value of a differentiable predictor.

    Ascents begin at the best of random valid architectures.

    Args:
      key: Random key of the starts and the maximizer.
      value: float[n, D] -> float[n], value of each encoding, independent of the others and
        differentiable.
      space: Space of the architectures, of any size.
      starts: Number of random architectures, evaluated at first.
      maximizer: Maximizer of the value: `GradientAscent` or `GuidedAscent`.

    Raises:
      NmjaxError: `starts` is not positive.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.search import maximize_by_gradient
      >>> from nmjax.spaces import Space
      >>> space = Space(a=[1, 2, 3], b=[1, 2])
      >>> best = maximize_by_gradient(
      ...     jax.random.key(0), lambda encoding: encoding @ jnp.array([0.0, 1, 2, 0, 5]),
      ...     space=space, starts=4)
      >>> best.architecture.tolist(), float(best.value)
      ([2, 1], 7.0)
    """
    start_key, ascent_key = jax.random.split(key)
    points = sample_points(start_key, space, starts)
    point, worth = optimize_acquisition(ascent_key, value, points, space=space, maximizer=maximizer)
    return Maximum(*split(space, point), worth)
