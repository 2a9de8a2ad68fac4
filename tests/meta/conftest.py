import jax
import jax.numpy as jnp
import pytest

from nmjax.tasks import CurveRanges, sample_curves


def sample_sinusoids(key, sources, *, tasks=16, size=10):
    """Sinusoids of random amplitude and phase (Finn et al., 2017); sources = (low, high)."""
    ranges = CurveRanges(amplitude=sources)
    return sample_curves(key, ranges, tasks=tasks, support=size, query=size)


@pytest.fixture(scope="session")
def sinusoids():
    return sample_sinusoids


@pytest.fixture
def small():
    """Parameters, and a smooth apply of them, that stay nonlinear in every leaf."""
    keys = jax.random.split(jax.random.key(0), 2)
    params = {"body": jax.random.normal(keys[0], (1, 3)), "head": jax.random.normal(keys[1], (3,))}
    return params, lambda p, x: jnp.tanh(x @ p["body"]) @ p["head"]
