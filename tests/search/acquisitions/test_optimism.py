import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.search import GPUCB, ThompsonSampling, UpperConfidenceBound
from tests.search.acquisitions.conftest import COVARIANCE, MEAN, SIZE, STD, WEIGHT


def key():
    return jax.random.key(3)


def mixture_std(std):
    mean = WEIGHT @ MEAN
    return np.sqrt(WEIGHT @ (std**2 + MEAN**2) - mean**2)


def test_upper_confidence_bound(float64, world):
    context = world.context(dtype=jnp.float64)
    ours = UpperConfidenceBound()(key(), world.posterior(jnp.float64), context)
    np.testing.assert_allclose(ours, WEIGHT @ MEAN + 1.5 * mixture_std(STD), rtol=1e-12)


def test_the_bound_of_srinivas(float64, world):
    """Of the fourth evaluation, on the noise-free score."""
    std = mixture_std(np.sqrt(np.diagonal(COVARIANCE, axis1=1, axis2=2)))
    beta = 2 * np.log(SIZE * 4**2 * np.pi**2 / (6 * 0.05))
    acquire, context = GPUCB(failure=0.05), world.context(step=3, dtype=jnp.float64)
    ours = acquire(key(), world.posterior(jnp.float64), context)
    np.testing.assert_allclose(ours, WEIGHT @ MEAN + np.sqrt(beta) * std, rtol=1e-9)


def test_thompson_is_one_draw(world):
    value = ThompsonSampling()(key(), world.posterior(), world.context())
    np.testing.assert_array_equal(value, world.context().sample(key()))


def test_a_probability_is_needed():
    with pytest.raises(NmjaxError, match=r"failure=1\.5"):
        GPUCB(failure=1.5)
