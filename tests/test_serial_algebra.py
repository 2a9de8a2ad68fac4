"""No compiled program may leave two batched factorizations or solves to run side by side."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from nmjax.knowledge import FeatureParams, MetaKnowledge, sample_sources
from nmjax.knowledge.kernel_fitting import fit_kernel, fit_sources
from nmjax.knowledge.prior_fitting import Layout, Replays, fit_priors
from nmjax.knowledge.state import SourceModels
from nmjax.predictors import default_kernel, gaussian_process
from nmjax.stats import kullback_leibler_divergence
from nmjax.types import MultivariateGaussian
from tests.serial import concurrent_algebra

TASKS, ROWS, SIZE = 3, 6, 4


def factors(*lead):
    return jnp.tile(jnp.eye(SIZE), (*lead, 1, 1))


def gaussians(*lead):
    return MultivariateGaussian(jnp.zeros((*lead, SIZE)), factors(*lead))


def covariances(points):
    process = gaussian_process(SIZE, capacity=5)
    state = process.init(default_kernel(SIZE))
    return jax.vmap(process.covariance, in_axes=(None, 0, 0))(state, points, points + 1)


def known_sources():
    params = FeatureParams(None, None, default_kernel(SIZE), None)
    past = jnp.ones((TASKS, ROWS, SIZE)), jnp.ones((TASKS, ROWS)), jnp.ones(TASKS)
    sources = SourceModels(*past, jnp.ones((TASKS, ROWS), bool))
    return MetaKnowledge(params, None, sources, *(None,) * 5, space=None)


def source_draws(knowledge, keys, positions):
    return jax.vmap(lambda key, x: sample_sources(key, knowledge, x, draws=2))(keys, positions)


PROGRAMS = {
    "divergence": (jax.vmap(kullback_leibler_divergence), gaussians(TASKS), gaussians(TASKS)),
    "kernel": (
        partial(fit_kernel, groups=tuple(range(SIZE)), steps=2),
        jnp.ones((TASKS, ROWS, SIZE)),
        jnp.ones((TASKS, ROWS)),
    ),
    "sources": (
        partial(fit_sources, default_kernel(SIZE)),
        jnp.ones((TASKS, ROWS, SIZE)),
        jnp.ones((TASKS, ROWS)),
    ),
    "priors": (
        partial(fit_priors, layout=Layout(TASKS, 1), steps=2),
        Replays(*(jnp.ones((TASKS, 2, *s)) for s in ((ROWS, 5), (ROWS, ROWS), (ROWS,)))),
    ),
    "draws": (
        source_draws,
        known_sources(),
        jax.random.split(jax.random.key(0), 2),
        jnp.ones((2, 3, SIZE)),
    ),
    "covariance": (covariances, jnp.ones((TASKS, 2, SIZE))),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_solves_can_deadlock(name):
    assert not concurrent_algebra(*PROGRAMS[name])


@pytest.mark.parametrize("loop", [False, True])
def test_side_by_side_is_found(loop):
    def repeat(matrix):
        return jax.lax.scan(lambda m, _: (jnp.linalg.cholesky(m), None), matrix, None, length=2)[0]

    one = repeat if loop else jnp.linalg.cholesky
    assert len(concurrent_algebra(lambda a: (one(a), one(a + 1)), factors(TASKS))) == 1
    assert not concurrent_algebra(lambda a: one(one(a) + 1), factors(TASKS))
