import jax
import jax.numpy as jnp
import pytest

from nmjax.predictors import Pool, PoolPrior
from nmjax.search import Problem, default_hyper

SIZE, FEATURES = 64, 8


@pytest.fixture
def problem():
    """A pool with a transferred prior that roughly predicts its scores, and a flat prior."""
    keys = jax.random.split(jax.random.key(7), 3)
    features = jax.random.normal(keys[0], (SIZE, FEATURES)).at[:, 0].set(1)
    weights = jax.random.normal(keys[1], (FEATURES,)) / FEATURES**0.5
    score = features @ weights + 0.1 * jnp.sin(3 * features[:, 1])
    believed = weights + 0.1 * jax.random.normal(keys[2], (FEATURES,))
    prior = PoolPrior(
        mean=jnp.stack([believed, jnp.zeros(FEATURES)]),
        variance=jnp.stack([jnp.full(FEATURES, 0.02), jnp.full(FEATURES, 0.2)]),
        amplitude=jnp.array([0.02, 0.1]),
        noise=jnp.full(2, 0.05),
        shape=jnp.full(2, 2.0),
        rate=jnp.full(2, 2.0),
    )
    row = jnp.arange(SIZE, dtype=jnp.int32)
    neighbors = jnp.stack([row ^ (1 << bit) for bit in range(6)], axis=-1)
    return Problem(
        score=score,
        pool=Pool(features, features[:, 1:]),
        prior=prior,
        log_weights=jnp.log(jnp.array([0.7, 0.3])),
        past_mean=features @ believed,
        cost=jnp.ones(SIZE),
        neighbors=neighbors,
    )


@pytest.fixture
def hyper():
    return default_hyper(10)
