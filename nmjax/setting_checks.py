"""Checks of settings: sizes, learning rates, functions and keys."""

from typing import Any

import jax
import jax.numpy as jnp
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
      NmjaxError: A value is a class, or is not callable.
    """
    for name, function in functions.items():
        if isinstance(function, type):
            raise NmjaxError(
                f"Got the class {function.__name__} as {name}; give an object, as from "
                f"{function.__name__}()."
            )
        if not callable(function):
            raise NmjaxError(
                f"Got {name}={function!r}; give a callable object"
                + (", for instance get_acquisition(name)." if name == "acquisition" else ".")
            )


def check_keys(keys: Any, *, or_one: bool = False) -> None:
    """Validate the random keys of a batch.

    Args:
      keys: Random keys[S], one for each search.
      or_one: Whether a single key is allowed too.

    Raises:
      NmjaxError: They are not keys of `jax.random.key`, or have another shape.
    """
    shape, dtype = jnp.shape(keys), getattr(keys, "dtype", None)
    are_keys = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not are_keys or len(shape) > 1 or not (shape or or_one):
        raise NmjaxError(
            f"Got {dtype or type(keys).__name__}{list(shape)} as keys; give one key for each "
            "search, as from jax.random.split(jax.random.key(0), seeds)."
        )
