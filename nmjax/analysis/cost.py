"""What a program costs, counted from its operations before any of it is run or compiled."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from nmjax.errors import NmjaxError

# What moves or renames numbers without arithmetic.
_FREE = frozenset(
    {
        *("broadcast_in_dim", "concatenate", "convert_element_type", "copy", "copy_p"),
        *("dynamic_slice", "dynamic_update_slice", "expand_dims", "gather", "iota", "pad"),
        *("random_bits", "random_fold_in", "random_seed", "random_split", "random_unwrap"),
        *("random_wrap", "reshape", "rev", "scatter", "select_n", "slice", "squeeze"),
        *("stop_gradient", "transpose"),
    }
)


def count_flops(function: Callable[..., Any], *args: Any, while_trips: int | None = None) -> float:
    """Floating point operations of one call, from the traced program.

    A product of [m, k] and [k, n] counts 2 m n k, any other operation one for each number that it
    makes or, where it reduces, takes in; moving numbers and drawing random bits are free. The body
    of a scan counts as often as it runs, which XLA's own cost analysis does not do, and of branches
    the costliest counts.

    Args:
      function: of arrays.
      *args: its arguments, or `jax.ShapeDtypeStruct`s of them.
      while_trips: how often the body of a `while_loop` runs, which its program does not say.

    Raises:
      NmjaxError: there is a `while_loop`, and `while_trips` is not given.
    """
    return _count(jax.make_jaxpr(function)(*args).jaxpr, while_trips)


def _count(jaxpr: Jaxpr, while_trips: int | None) -> float:
    return sum(_of_equation(equation, while_trips) for equation in jaxpr.eqns)


def _of_equation(equation: JaxprEqn, while_trips: int | None) -> float:
    name = equation.primitive.name
    within = [_count(jaxpr, while_trips) for jaxpr in _inner(equation.params)]
    if name == "scan":
        return equation.params["length"] * sum(within)
    if name == "while":
        if while_trips is None:
            raise NmjaxError(
                "Got a program with a while_loop, whose body runs as often as its data say: give "
                "while_trips, how often that is."
            )
        return while_trips * sum(within)
    if name == "cond":
        return max(within)
    if within:
        return sum(within)
    if name in _FREE:
        return 0.0
    made = float(sum(_size(variable) for variable in equation.outvars))
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        shape = _shape(equation.invars[0])
        return 2 * made * math.prod(shape[axis] for axis in contracted)
    if name.startswith(("reduce_", "cum", "arg")):
        return float(sum(_size(variable) for variable in equation.invars))
    return made


def _inner(params: dict[str, Any]) -> Iterator[Jaxpr]:
    for value in params.values():
        for candidate in value if isinstance(value, tuple | list) else (value,):
            if isinstance(candidate, ClosedJaxpr):
                yield candidate.jaxpr
            elif isinstance(candidate, Jaxpr):
                yield candidate


def _shape(variable: Any) -> tuple[int, ...]:
    return getattr(variable.aval, "shape", ())


def _size(variable: Any) -> int:
    return math.prod(_shape(variable))
