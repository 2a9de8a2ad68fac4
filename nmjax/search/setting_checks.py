"""Checks of the settings of searches: sizes, learning rates and functions."""

import numpy as np

from nmjax.errors import NmjaxError


def check_sizes(**sizes: int) -> None:
    """Validate sizes.

    Raises:
      NmjaxError: A size is not a positive whole number.
    """
    wrong = [
        f"{name}={size!r}"
        for name, size in sizes.items()
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1
    ]
    if wrong:
        raise NmjaxError(f"Got {', '.join(wrong)}; give 1 or more, as a whole number.")


def check_rates(**rates: float) -> None:
    """Validate learning rates.

    Raises:
      NmjaxError: A rate is not a positive finite number.
    """
    wrong = [
        f"{name}={rate!r}"
        for name, rate in rates.items()
        if not isinstance(rate, int | float | np.number) or not 0 < rate < np.inf
    ]
    if wrong:
        raise NmjaxError(f"Got {', '.join(wrong)}; give a positive number.")


def check_callables(**functions: object) -> None:
    """Validate functions and callable objects.

    Raises:
      NmjaxError: A value is not callable.
    """
    for name, function in functions.items():
        if not callable(function):
            raise NmjaxError(
                f"Got {name}={function!r}; give a callable object"
                + (", for instance get_acquisition(name)." if name == "acquisition" else ".")
            )
