"""Tasks that are generated: curves of one or several kinds, with or without noise."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks.episodes import Episode
from nmjax.types import Array

Range = tuple[Array | float, Array | float]


class CurveRanges(NamedTuple):
    """Where curves are drawn from, uniformly; traced. Sinusoids are those of Finn et al. (2017).

    Attributes:
      x: (low, high) of the encodings, which have length 1.
      amplitude: (low, high) of a sinusoid's amplitude.
      phase: (low, high) of where a sinusoid rises through 0.
      slope: (low, high) of a line's slope.
      offset: (low, high) of a line's score at 0, of each level of a step, and of a parabola's
        score at its vertex.
      position: (low, high) of a step's place and of a parabola's vertex.
      curvature: (low, high) of a parabola's coefficient of x squared.
      noise: float[], standard deviation of the normal noise on every score.
    """

    x: Range = (-5.0, 5.0)
    amplitude: Range = (0.1, 5.0)
    phase: Range = (0.0, jnp.pi)
    slope: Range = (-1.0, 1.0)
    offset: Range = (-3.0, 3.0)
    position: Range = (-3.0, 3.0)
    curvature: Range = (-0.15, 0.15)
    noise: Array | float = 0.0


def _sinusoid(ranges: CurveRanges, u: Array, x: Array) -> Array:
    return _within(ranges.amplitude, u[0]) * jnp.sin(x - _within(ranges.phase, u[1]))


def _line(ranges: CurveRanges, u: Array, x: Array) -> Array:
    return _within(ranges.slope, u[0]) * x + _within(ranges.offset, u[1])


def _step(ranges: CurveRanges, u: Array, x: Array) -> Array:
    before, after = _within(ranges.offset, u[1]), _within(ranges.offset, u[2])
    return jnp.where(x < _within(ranges.position, u[0]), before, after)


def _quadratic(ranges: CurveRanges, u: Array, x: Array) -> Array:
    squares = jnp.square(x - _within(ranges.position, u[1]))
    return _within(ranges.curvature, u[0]) * squares + _within(ranges.offset, u[2])


def _within(ends: Range, u: Array) -> Array:
    low, high = ends
    return low + (high - low) * u


# Each curve: (ranges, u float[3] uniform in [0, 1), x float[M]) -> float[M].
_CURVES: dict[str, Callable[[CurveRanges, Array, Array], Array]] = {
    "sinusoid": _sinusoid,
    "line": _line,
    "step": _step,
    "quadratic": _quadratic,
}
CURVES = tuple(_CURVES)


def sample_curves(
    key: Array,
    ranges: CurveRanges,
    *,
    tasks: int,
    support: int,
    query: int,
    kinds: tuple[str, ...] = ("sinusoid",),
) -> Episode:
    """T tasks, each one curve of a random kind, observed at uniform encodings.

    With one kind and no noise these are the sinusoids of Finn, Abbeel and Levine (2017, section
    5.1); several kinds are the mixed families of Vuorio et al. (2019) and Finn, Xu and Levine
    (2018), here with curves of about the same height.

    Args:
      key: decides curves, encodings and noise.
      ranges: where to draw from.
      tasks: T.
      support: S, evaluations to adapt to.
      query: Q, evaluations to be judged on, of other encodings and noise.
      kinds: of "sinusoid", "line", "step", "quadratic"; each task's is drawn uniformly.

    Returns:
      An `Episode` with x float[T, S, 1] and float[T, Q, 1].

    Raises:
      NmjaxError: a size is not positive, a kind is unknown, or there is none.
    """
    if min(tasks, support, query) < 1 or not kinds:
        raise NmjaxError(
            f"Got tasks={tasks}, support={support}, query={query}, kinds={kinds}, expected "
            "positive sizes and at least one kind: give for instance ('sinusoid',)."
        )
    for name in kinds:
        if name not in _CURVES:
            raise unknown_name("kind of curve", name, _CURVES)
    curve_key, kind_key, noise_key = jax.random.split(key, 3)
    draws = jax.random.uniform(curve_key, (tasks, 3 + support + query))
    x = _within(ranges.x, draws[:, 3:])
    kind = jax.random.randint(kind_key, (tasks,), 0, len(kinds))

    curves = [_CURVES[name] for name in kinds]

    def curve(kind: Array, u: Array, x: Array) -> Array:
        return jax.lax.switch(kind, curves, ranges, u, x)

    y = jax.vmap(curve)(kind, draws[:, :3], x)
    y = y + ranges.noise * jax.random.normal(noise_key, x.shape)
    mask, x = jnp.ones(y.shape, bool), x[..., None]
    return Episode(
        support_x=x[:, :support],
        support_y=y[:, :support],
        query_x=x[:, support:],
        query_y=y[:, support:],
        support_mask=mask[:, :support],
        query_mask=mask[:, support:],
    )
