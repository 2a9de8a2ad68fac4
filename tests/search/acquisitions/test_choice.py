import jax
import jax.numpy as jnp
import pytest

from nmjax.search.acquisitions import argmax_unevaluated

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ([9.0, 1.0, 2.0, 0.0], 2),
        ([9.0, NAN, -3.0, NAN], 2),
        ([9.0, NAN, INF, 5.0], 2),
        ([NAN, NAN, NAN, NAN], 1),
        ([INF, -INF, -INF, -INF], 1),
    ],
)
def test_the_best_of_what_was_not_evaluated(value, row):
    evaluated = jnp.arange(4) < 1
    assert jax.jit(argmax_unevaluated)(jnp.array(value), evaluated) == row
