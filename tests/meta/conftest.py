import jax
import jax.numpy as jnp
import pytest

from nmjax.tasks import Episode


def sample_sinusoids(key, sources, *, tasks=16, size=10):
    """Sinusoids of random amplitude and phase (Finn et al., 2017); sources = (low, high)."""
    low, high = sources
    draws = jax.random.uniform(key, (tasks, 2 * size + 2))
    amplitude, phase = low + (high - low) * draws[:, :1], jnp.pi * draws[:, 1:2]
    x = 10 * draws[:, 2:] - 5
    y, mask = amplitude * jnp.sin(x - phase), jnp.ones((tasks, size), bool)
    x = x[..., None]
    return Episode(x[:, :size], y[:, :size], x[:, size:], y[:, size:], mask, mask)


@pytest.fixture(scope="session")
def sinusoids():
    return sample_sinusoids


@pytest.fixture
def small():
    """Parameters, and a smooth apply of them, that stay nonlinear in every leaf."""
    keys = jax.random.split(jax.random.key(0), 2)
    params = {"body": jax.random.normal(keys[0], (1, 3)), "head": jax.random.normal(keys[1], (3,))}
    return params, lambda p, x: jnp.tanh(x @ p["body"]) @ p["head"]
