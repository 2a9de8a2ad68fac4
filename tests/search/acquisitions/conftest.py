"""Two joint normal distributions over a pool of five, and draws of the same by NumPy."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.search import AcquisitionContext
from nmjax.types import Gaussian, Mixture

SIZE = 5
MEAN = np.array([[0.2, -1.0, 0.5, -4.0, 0.1], [0.0, 1.5, -2.0, -3.0, 0.3]])
WEIGHT = np.array([0.6, 0.4])
NOISE = np.array([0.01, 0.04])
BEST = 0.4
NEIGHBORS = np.array([[1, 2], [0, 1], [3, 4], [2, 4], [3, 4]], np.int32)


def _covariance(seed):
    factor = np.random.default_rng(seed).normal(size=(SIZE, SIZE)) / 2
    return factor @ factor.T + 0.05 * np.eye(SIZE)


COVARIANCE = np.stack([_covariance(0), _covariance(1)])
STD = np.sqrt(np.diagonal(COVARIANCE, axis1=1, axis2=2) + NOISE[:, None])


@pytest.fixture
def world():
    """Makes posteriors and contexts of a dtype, best score, step and cost; NumPy's draws.

    The first three rows were evaluated, and the third of them failed.
    """

    def posterior(dtype=jnp.float32):
        weight, mean, std = (jnp.asarray(a, dtype) for a in (WEIGHT, MEAN, STD))
        return Mixture(jnp.log(weight), Gaussian(mean, std))

    def context(best=BEST, *, exploration=1.5, step=3, dtype=jnp.float32):
        roots = jnp.asarray(np.linalg.cholesky(COVARIANCE), dtype)

        def sample(key):
            which_key, draw_key = jax.random.split(key)
            which = jax.random.choice(which_key, 2, p=jnp.asarray(WEIGHT, dtype))
            normal = jax.random.normal(draw_key, (SIZE,), dtype)
            return jnp.asarray(MEAN, dtype)[which] + roots[which] @ normal

        return AcquisitionContext(
            best=jnp.asarray(best, dtype),
            exploration=jnp.asarray(exploration, dtype),
            step=jnp.asarray(step, jnp.int32),
            evaluated=jnp.arange(SIZE) < 3,
            succeeded=jnp.arange(SIZE) < 2,
            noise=jnp.asarray(NOISE, dtype),
            cost=jnp.asarray([1.0, 2.0, 4.0, 0.5, 1.0], dtype),
            neighbors=jnp.asarray(NEIGHBORS),
            sample=sample,
            covariance=lambda rows: jnp.asarray(COVARIANCE, dtype)[:, rows],
        )

    def draw(number, seed=0):
        """Noise-free scores float[number, N], and which component each is of."""
        rng = np.random.default_rng(seed)
        which = rng.choice(2, number, p=WEIGHT)
        normal = rng.normal(size=(number, SIZE))
        roots = np.linalg.cholesky(COVARIANCE)
        return MEAN[which] + np.einsum("rij,rj->ri", roots[which], normal), which

    return SimpleNamespace(posterior=posterior, context=context, draw=draw)
