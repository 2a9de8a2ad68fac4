"""Cost of a program, counted from its operations without compiling or running it."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from nmjax.errors import NmjaxError

# Primitives that move or reinterpret data without arithmetic.
_FREE = frozenset(
    {
        *("broadcast_in_dim", "concatenate", "convert_element_type", "copy", "copy_p"),
        *("dynamic_slice", "dynamic_update_slice", "expand_dims", "gather", "iota", "pad"),
        *("random_bits", "random_fold_in", "random_seed", "random_split", "random_unwrap"),
        *("random_wrap", "reshape", "rev", "select_n", "slice", "squeeze"),
        *("stop_gradient", "transpose"),
    }
)

_ALGEBRA = frozenset({"cholesky", "eigh", "lu", "svd", "triangular_solve"})


def count_flops(function: Callable[..., Any], *args: Any, while_trips: int | None = None) -> float:
    """Count the floating point operations of one call, from the traced program.

    A product of [m, k] and [k, n] counts 2 m n k, a sort n log2 n, and any other operation one for
    each element of its output or, for reductions, of its input. Data movement and random bits are
    free. The body of a scan counts as often as it runs, unlike in XLA's cost analysis, and of
    several branches the most expensive one counts.

    Linear algebra counts as in Golub and Van Loan (Matrix Computations, 4th edition, by section),
    to leading order, for each [m, n] of a batch with m >= n:

    - Cholesky: n^3 / 3 (4.2)
    - a triangular solve: n^2 for each right-hand side (3.1)
    - LU: m n^2 - n^3 / 3, which is 2 n^3 / 3 where square (3.2)
    - eigh: 9 n^3, as eigenvectors are always computed (8.3)
    - svd by Golub and Reinsch: 4 m n^2 - 4 n^3 / 3 of values alone, 14 m n^2 + 8 n^3 with vectors,
      4 m^2 n + 8 m n^2 + 9 n^3 with full matrices of them (8.6)

    Args:
      function: Function of arrays.
      *args: Its arguments, or `jax.ShapeDtypeStruct`s of them.
      while_trips: Number of iterations of each `while_loop`, which the program does not contain.

    Raises:
      NmjaxError: there is a `while_loop`, and `while_trips` is not given.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.analysis import count_flops
      >>> count_flops(jnp.dot, jnp.ones((2, 3)), jnp.ones((3, 4)))
      48.0
    """
    return _count(jax.make_jaxpr(function)(*args).jaxpr, while_trips)


def _count(jaxpr: Jaxpr, while_trips: int | None) -> float:
    return sum(_of_equation(equation, while_trips) for equation in jaxpr.eqns)


def _of_equation(equation: JaxprEqn, while_trips: int | None) -> float:
    name, params = equation.primitive.name, equation.params
    if name == "custom_linear_solve":
        return _count(params["jaxprs"].solve.jaxpr, while_trips)
    within = [_count(jaxpr, while_trips) for jaxpr in _inner(params)]
    if name == "scan":
        return float(params["length"] * sum(within))
    if name == "while":
        if while_trips is None:
            raise NmjaxError(
                "Got a program with a while_loop, whose number of iterations depends on its data: "
                "give while_trips, the number of iterations."
            )
        return while_trips * sum(within) + _count(params["cond_jaxpr"].jaxpr, while_trips)
    if name == "cond":
        return float(max(within))
    if name.startswith("scatter"):
        return _size(equation.invars[2]) * sum(within)
    if name.startswith("reduce_window"):
        window: int = math.prod(params["window_dimensions"])
        return _size(equation.outvars[0]) * window * (sum(within) if within else 1.0)
    if name == "reduce":
        return _size(equation.invars[0]) * sum(within)
    return sum(within) if within else _of_operation(equation)


def _of_operation(equation: JaxprEqn) -> float:
    name = equation.primitive.name
    if name in _FREE:
        return 0.0
    if name in _ALGEBRA:
        return _of_algebra(equation)
    made = float(sum(_size(variable) for variable in equation.outvars))
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        shape = _shape(equation.invars[0])
        return float(2 * made * math.prod(shape[axis] for axis in contracted))
    if name == "sort":
        shape = _shape(equation.invars[0])
        return math.prod(shape) * math.log2(max(shape[equation.params["dimension"]], 1))
    if name.startswith(("reduce_", "cum", "arg", "top_k")):
        return float(sum(_size(variable) for variable in equation.invars))
    return made


def _of_algebra(equation: JaxprEqn) -> float:
    name, params = equation.primitive.name, equation.params
    *batch, rows, columns = _shape(equation.invars[0])
    m, n = max(rows, columns), min(rows, columns)
    if name == "triangular_solve":
        return float(_size(equation.outvars[0]) * n)
    if name == "cholesky":
        each = n**3 / 3
    elif name == "lu":
        each = m * n**2 - n**3 / 3
    elif name == "eigh":
        each = 9.0 * n**3
    elif not params["compute_uv"]:
        each = 4 * m * n**2 - 4 * n**3 / 3
    elif params["full_matrices"]:
        each = 4.0 * m**2 * n + 8 * m * n**2 + 9 * n**3
    else:
        each = 14.0 * m * n**2 + 8 * n**3
    return math.prod(batch) * each


def _inner(params: dict[str, Any]) -> Iterator[Jaxpr]:
    for value in params.values():
        for candidate in value if isinstance(value, tuple | list) else (value,):
            if isinstance(candidate, ClosedJaxpr):
                yield candidate.jaxpr
            elif isinstance(candidate, Jaxpr):
                yield candidate


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(getattr(variable.aval, "shape", ()))


def _size(variable: Any) -> int:
    return math.prod(_shape(variable))
