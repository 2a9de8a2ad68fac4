"""The benchmarks of gradients: what they count, and what they compare."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.reproductions.latency_tables import fbnet_costs
from benchmarks.search.gradient_estimators import compare
from benchmarks.search.gradient_search import (
    CALLS,
    FBNET,
    GRADIENT_CALLS,
    make_maximizers,
    multiply_adds,
)
from nmjax.search import optimize_acquisition
from nmjax.spaces import encode, get_space, sample

CELLS = get_space("nas-bench-201")


def test_bias_and_spread_of_known_estimates():
    draws = np.random.default_rng(0).normal([2.0, 1.0], 0.5, size=(200_000, 2))
    found = compare(draws, np.array([2.0, 0.0]))
    np.testing.assert_allclose(found["bias"], 0.5, rtol=0.02)
    np.testing.assert_allclose(found["spread"], np.sqrt(2) * 0.5 / 2, rtol=0.02)
    np.testing.assert_allclose(found["cosine"], 2 / np.sqrt(5), rtol=0.01)


def test_multiply_adds_are_linear_in_the_encoding():
    architecture = np.asarray(sample(jax.random.key(0), FBNET, (20,)))
    linear = np.asarray(encode(FBNET, architecture) @ multiply_adds())
    expected = fbnet_costs(architecture)[:, 2:4].sum(axis=-1)
    np.testing.assert_allclose(linear / linear.sum(), expected / expected.sum(), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", ["random", "evolution", "relaxed gradient", "guided", "local search"]
)
def test_no_method_makes_more_calls_than_it_may(method):
    allowed, made = CALLS[False][0], []
    maximizer, starts = make_maximizers(CELLS, allowed)[method]

    def sines(encoding):
        return jnp.sum(jnp.sin(3 * encoding), axis=-1)

    @jax.custom_jvp
    def value(encoding):
        jax.debug.callback(lambda: made.append(len(encoding)))
        return sines(encoding)

    @value.defjvp
    def derivative(primals, tangents):
        jax.debug.callback(lambda: made.append(GRADIENT_CALLS * len(primals[0])))
        return jax.jvp(sines, primals, tangents)

    @jax.jit
    def find(key):
        first = sample(key, CELLS, (starts,))
        ascent_key = jax.random.fold_in(key, 1)
        return optimize_acquisition(ascent_key, value, first, space=CELLS, maximizer=maximizer)

    find(jax.random.key(0))
    jax.effects_barrier()
    assert allowed / 4 < sum(made) <= allowed
