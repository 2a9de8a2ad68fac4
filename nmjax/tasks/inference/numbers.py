"""Ranges of other tools as specifications of choices."""

import numpy as np

from nmjax.spaces.description.specs import MAX_INTEGERS, Integer, Ordinal, Real


def integer_range(
    low: int, high: int, *, log: bool = False, step: int = 1
) -> Integer | Ordinal | Real:
    """Return the integers from `low` to `high`; a real-valued range if there are over 1,000."""
    if (high - low) // step >= MAX_INTEGERS:
        return Real(int(low), int(high) - (int(high) - int(low)) % int(step), log=log)
    numbers = range(int(low), int(high) + 1, int(step))
    if step == 1:
        return Integer(int(low), int(high), log=log)
    return Ordinal(*numbers, log=log)


def float_range(
    low: float, high: float, *, log: bool = False, step: float | None = None
) -> Real | Ordinal:
    """Return the real numbers from `low` to `high`, or their grid if it has up to 1,000 points."""
    if low == high:
        return Ordinal(float(low))
    if step:
        count = int(np.floor((high - low) / step * (1 + 1e-12))) + 1
        if count <= MAX_INTEGERS:
            return Ordinal(*(round(low + step * place, 12) for place in range(count)), log=log)
    return Real(float(low), float(high), log=log)
