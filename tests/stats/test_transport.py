import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import wasserstein_distance

from nmjax.stats import wasserstein

points = hnp.arrays(np.float32, 9, elements=st.integers(-4, 4).map(float))
shares = hnp.arrays(np.float32, 9, elements=st.integers(0, 5).map(float)).filter(np.any)
DISTANCE = jax.jit(wasserstein)


@settings(deadline=None, max_examples=40)
@given(points, points, shares, shares)
def test_against_scipy(a, b, a_weight, b_weight):
    ours = DISTANCE(a, b, a_weight / a_weight.sum(), b_weight / b_weight.sum())
    theirs = wasserstein_distance(a, b, a_weight, b_weight)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_samples_of_different_sizes_in_lanes():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 7)).astype(np.float32), rng.normal(size=20).astype(np.float32)
    equal = jnp.full(7, 1 / 7), jnp.full(20, 1 / 20)
    ours = jax.jit(jax.vmap(wasserstein, in_axes=(0, None, None, None)))(a, b, *equal)
    np.testing.assert_allclose(ours, [wasserstein_distance(row, b) for row in a], rtol=1e-5)
