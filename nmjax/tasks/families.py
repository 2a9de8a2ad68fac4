"""Generated tasks: curves of one or several kinds, with or without noise."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.tasks.episodes import Episode
from nmjax.types import Array

Range = tuple[Array | float, Array | float]


class CurveRanges(NamedTuple):
    """Ranges of the uniform distributions that curves are drawn from; traced.

    The defaults for sinusoids are those of Finn et al. (2017).

    Attributes:
      x: Range (low, high) of the encodings, which have length 1.
      amplitude: Range of a sinusoid's amplitude.
      phase: Range of the position where a sinusoid crosses 0 upwards.
      slope: Range of a line's slope.
      offset: Range of a line's score at 0, of the two levels of a step, and of a parabola's score
        at its vertex.
      position: Range of a step's position and of a parabola's vertex.
      curvature: Range of a parabola's coefficient of x squared.
      noise: Standard deviation of the normal noise of every score, float[].

    Example:
      >>> from nmjax.tasks import CurveRanges
      >>> CurveRanges(noise=0.1).amplitude
      (0.1, 5.0)
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
    """Draw T tasks, each a curve of a random kind that is observed at uniform encodings.

    With one kind and no noise, these are the sinusoids of Finn, Abbeel and Levine (2017, section
    5.1). Several kinds give the mixed families of Vuorio et al. (2019) and Finn, Xu and Levine
    (2018), here with curves of similar height.

    Args:
      key: Random key.
      ranges: Ranges to draw from.
      tasks: Number T of tasks.
      support: Number S of evaluations to adapt to.
      query: Number Q of evaluations to predict, with their own encodings and noise.
      kinds: Names among `CURVES`; the kind of each task is drawn uniformly.

    Returns:
      An `Episode` with x float[T, S, 1] and float[T, Q, 1].

    Raises:
      NmjaxError: A size is not positive, a kind is unknown, or there is none.

    Example:
      >>> import jax
      >>> from nmjax.tasks import CurveRanges, sample_curves
      >>> kinds = ("sinusoid", "line")
      >>> sample_curves(
      ...     jax.random.key(0), CurveRanges(), tasks=2, support=3, query=1, kinds=kinds
      ... ).support_x.shape
      (2, 3, 1)
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
        value: Array = jax.lax.switch(kind, curves, ranges, u, x)
        return value

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
