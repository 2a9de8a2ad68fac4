import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge import Similarity, adapt_prior
from nmjax.predictors import PoolPrior

MEAN = np.array([[0.5, 0.2, 0.2, 0.2, 0.7], [0.1, 0, 0, 0, 0]], np.float32)
PRIOR = PoolPrior(jnp.asarray(MEAN), jnp.asarray(MEAN + 1), *(jnp.ones(2) for _ in range(4)))


@pytest.mark.parametrize(
    ("estimate", "sources"),
    [
        ([0.6, 0.2, -0.4], [0.45, 0.15, 0.0]),
        ([0.3, 0.3, 0.3], [0.2, 0.2, 0.2]),
        ([-0.3, -0.1, 0.0], [0.2, 0.2, 0.2]),
    ],
)
def test_expected_scores_follow_the_sources_that_are_alike(estimate, sources):
    estimate = jnp.array(estimate)
    ours = jax.jit(adapt_prior)(PRIOR, Similarity(estimate, estimate - 1, estimate + 1))
    expected = [[0.5, *sources, 0.7], MEAN[1]]
    np.testing.assert_allclose(ours.mean, expected, atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, ours[1:], PRIOR[1:])


def test_lanes_and_gradients():
    lanes = jnp.array([[0.6, 0.2, 0.1], [0.1, 0.2, 0.6]])

    def expected_by_third(estimate):
        return adapt_prior(PRIOR, Similarity(estimate, estimate, estimate)).mean[0, 3]

    ours = jax.vmap(expected_by_third)(lanes)
    np.testing.assert_allclose(ours, 0.6 * lanes[:, 2] / lanes.sum(1), rtol=1e-5)
    # d (c / sum) / d c = (sum - c) / sum^2, times what all the sources weigh.
    slope = jax.grad(expected_by_third)(lanes[0])
    np.testing.assert_allclose(slope[2], 0.6 * 0.8 / 0.9**2, rtol=1e-5)
