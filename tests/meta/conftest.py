import jax
import jax.numpy as jnp
import pytest

from nmjax.tasks import CurveRanges, Episode, sample_curves


def sample_sinusoids(key, sources, *, tasks=16, size=10):
    """Sinusoids of random amplitude and phase (Finn et al., 2017); sources = (low, high)."""
    ranges = CurveRanges(amplitude=sources)
    return sample_curves(key, ranges, tasks=tasks, support=size, query=size)


@pytest.fixture(scope="session")
def sinusoids():
    return jax.jit(sample_sinusoids, static_argnames=("tasks", "size"))


def sample_code_by_inputs(key, codes):
    """Tasks y = 2 code_0 + sin(2 x) whose inputs identify the task: x and three other codes."""
    x = jax.random.uniform(key, (codes.shape[0], 10, 1), minval=-2, maxval=2)
    y = 2 * codes[:, :1] + jnp.sin(2 * x[..., 0])
    code = jnp.broadcast_to(codes[:, None, 1:], (*x.shape[:2], 3))
    x, mask = jnp.concatenate([x, code], axis=-1), jnp.ones((codes.shape[0], 5), bool)
    return Episode(x[:, :5], y[:, :5], x[:, 5:], y[:, 5:], mask, mask)


@pytest.fixture(scope="session")
def code_by_inputs():
    return jax.jit(sample_code_by_inputs)


@pytest.fixture
def small():
    """Parameters, and a smooth apply of them, that stay nonlinear in every leaf."""
    keys = jax.random.split(jax.random.key(0), 2)
    params = {"body": jax.random.normal(keys[0], (1, 3)), "head": jax.random.normal(keys[1], (3,))}
    return params, lambda p, x: jnp.tanh(x @ p["body"]) @ p["head"]
