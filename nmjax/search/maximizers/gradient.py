"""Gradient ascent through soft architectures."""

import jax
import jax.numpy as jnp

from nmjax.cached_factory import cached_factory
from nmjax.errors import NmjaxError
from nmjax.optimize import maximize as adam
from nmjax.search.maximizers.local import climb
from nmjax.search.maximizers.objective import Maximizer, Objective, fittest
from nmjax.spaces import discretize, encode_soft, option_mask, softmax_relaxation
from nmjax.types import Array


@cached_factory
def gradient_ascent(
    *,
    climbers: int = 4,
    steps: int = 30,
    rate: float = 0.2,
    temperature: float = 1.0,
    rounds: int = 4,
) -> Maximizer:
    """Adam on the logits of soft choices, then the likeliest options, then a few local rounds.

    Each choice starts with half of its probability on the start's option and half on all alike
    (relaxation as in Liu, Simonyan and Yang, 2019, "DARTS", equation 2). What is not allowed is
    seen only once options are taken.

    Args:
      climbers: how many of the starts climb, the best.
      steps: of Adam.
      rate: its step size, in logits.
      temperature: of the softmax, positive.
      rounds: of steepest ascent by one choice from where the gradient led.

    Raises:
      NmjaxError: there are no climbers or no steps, or a rate or temperature is not positive.
    """
    if min(climbers, steps) < 1 or rounds < 0 or min(rate, temperature) <= 0:
        raise NmjaxError(
            f"Got climbers={climbers}, steps={steps}, rounds={rounds}, rate={rate}, "
            f"temperature={temperature}; give positive ones, of rounds 0 or more."
        )

    def maximize(key: Array, objective: Objective, starts: Array) -> tuple[Array, Array]:
        del key
        space = objective.space
        exists = option_mask(space)
        even = softmax_relaxation(jnp.zeros(exists.shape), jnp.ones(()), exists)

        def soften(logits: Array) -> Array:
            at = jnp.asarray(temperature, logits.dtype)
            return softmax_relaxation(logits, at, exists)

        def total(logits: Array) -> Array:
            return jnp.sum(objective.of_encodings(encode_soft(space, soften(logits))))

        best = fittest(starts, objective.of_architectures(starts), climbers)
        chosen = jax.nn.one_hot(best[0], space.max_options)
        half = 0.5 * (chosen + jnp.broadcast_to(even, chosen.shape))
        logits = temperature * jnp.log(jnp.where(half > 0, half, 1))
        ends = discretize(soften(adam(total, logits, steps=steps, rate=rate)[0]))
        led = climb(objective, ends, objective.of_architectures(ends), rounds=rounds)
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), best, led)

    return maximize
