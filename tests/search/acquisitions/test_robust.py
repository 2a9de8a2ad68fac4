import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.search import Robust, get_acquisition
from nmjax.testing import check_acquisition
from nmjax.types import Gaussian, Mixture
from tests.search.acquisitions.conftest import COVARIANCE, MEAN, NEIGHBORS, NOISE, SIZE

WEIGHT = 0.3
SMOOTH = (1 - WEIGHT) * np.eye(SIZE) + WEIGHT * np.eye(SIZE)[NEIGHBORS].mean(1)


def key():
    return jax.random.key(0)


@pytest.mark.slow
def test_conformance(world):
    acquire = Robust(get_acquisition("knowledge_gradient"))
    check_acquisition(acquire, world.posterior(), world.context())


def test_robust_scores_are_sums_of_scores(world):
    """Means, draws and covariances, each by the matrix of the sum."""
    seen = {}

    def spy(key, posterior, context):
        seen["mean"] = posterior.components.mean
        seen["std"] = posterior.components.std
        seen["draw"] = context.sample(key)
        seen["covariance"] = context.covariance(jnp.array([3, 1]))
        return seen["draw"]

    context = world.context()
    Robust(spy, weight=WEIGHT)(key(), world.posterior(), context)
    np.testing.assert_allclose(seen["mean"], MEAN @ SMOOTH.T, atol=1e-5)
    np.testing.assert_allclose(seen["draw"], SMOOTH @ context.sample(key()), atol=1e-5)
    exact = SMOOTH @ COVARIANCE @ SMOOTH.T
    np.testing.assert_allclose(seen["covariance"], exact[:, [3, 1]], atol=1e-5)
    own = SMOOTH @ (COVARIANCE + NOISE[:, None, None] * np.eye(SIZE)) @ SMOOTH.T
    least = np.sqrt(np.diagonal(own, axis1=1, axis2=2))
    assert np.all(seen["std"] > least - 1e-5)
    assert not np.allclose(seen["std"], least)


def test_a_plateau_is_preferred_to_a_spike(world):
    """Row 2 is expected to be best, alone; rows 3 and 4 are nearly as good, and neighbors."""
    spike = jnp.asarray([[0.0, 0.0, 1.0, 0.8, 0.8]])
    neighbors = jnp.asarray([[1, 2], [0, 2], [0, 1], [4, 4], [3, 3]])
    posterior = Mixture(jnp.zeros(1), Gaussian(spike, jnp.full((1, SIZE), 0.3)))
    context = world.context(0.0)._replace(neighbors=neighbors)
    improvement = get_acquisition("log_expected_improvement")
    assert jnp.argmax(improvement(key(), posterior, context)) == 2
    assert jnp.argmax(Robust(improvement)(key(), posterior, context)) in (3, 4)


def test_the_incumbent_is_the_best_expected_robust_score_of_what_succeeded(world):
    def best(key, posterior, context):
        return jnp.broadcast_to(context.best, posterior.components.mean.shape[-1:])

    context, weight = world.context(), np.exp(world.posterior().log_weights)
    expected = (weight @ MEAN @ SMOOTH.T)[np.asarray(context.succeeded)].max()
    found = Robust(best, weight=WEIGHT)(key(), world.posterior(), context)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    before = world.context(-np.inf)
    assert jnp.all(Robust(best)(key(), world.posterior(), before) == -jnp.inf)


def test_the_weight_is_a_share():
    with pytest.raises(NmjaxError, match=r"\[0, 1\]"):
        Robust(get_acquisition("thompson_sampling"), weight=1.5)
