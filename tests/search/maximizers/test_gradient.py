"""Gradient ascents through mixed, conditional spaces with a validity rule."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import relax
from nmjax.search import GradientAscent, GuidedAscent, maximize_by_gradient
from nmjax.spaces import Ordinal, Real, Space, encode, is_valid, sample_mixed, when


def is_allowed(architecture):
    return (architecture[..., 0] != 0) | (architecture[..., 1] != 3)


SPACE = Space(
    "mixed",
    op=["conv", "pool", "skip"],
    width=Ordinal(16, 32, 64, 128, log=True),
    kernel=when([3, 5], op="conv"),
    rate=Real(0.0, 1.0),
    decay=when(Real(0.0, 1.0), kernel=5),
).replace(valid=is_allowed)
SIZE = encode(SPACE, jnp.zeros(3, jnp.int32), jnp.zeros(2)).shape[-1]


def value(target, encoding):
    """Highest at the encoding of one architecture."""
    return -jnp.sum(jnp.square(encoding - target[None]), axis=-1)


@pytest.mark.parametrize(
    "maximizer",
    [
        pytest.param(
            GradientAscent(climbers=4, steps=40, rate=0.3, rounds=8, candidates=16),
            id="relaxed",
            marks=pytest.mark.slow,
        ),
        pytest.param(GuidedAscent(climbers=4, rounds=30, candidates=16), id="guided"),
    ],
)
def test_the_target_is_found(maximizer):
    architecture = jnp.asarray([[0, 2, 1], [2, 3, 0]], jnp.int32)
    continuous = jnp.asarray([[0.3, 0.6], [0.8, 0.0]])
    targets = encode(SPACE, architecture, continuous)

    @jax.jit
    @jax.vmap
    def find(target):
        return maximize_by_gradient(
            jax.random.key(0), partial(value, target), space=SPACE, starts=16, maximizer=maximizer
        )

    found = find(targets)
    np.testing.assert_array_equal(found.architecture, architecture)
    np.testing.assert_allclose(found.continuous, continuous, atol=0.05)
    at_found = jax.vmap(value)(
        targets, encode(SPACE, found.architecture, found.continuous)[:, None]
    )
    np.testing.assert_allclose(found.value, at_found[:, 0], atol=1e-5)


@pytest.mark.slow
def test_invalid_architectures_are_never_returned():
    """The maximum is invalid, so the result scores at most as high as the best valid one."""
    target = encode(SPACE, jnp.asarray([0, 3, 0], jnp.int32), jnp.asarray([0.5, 0.0]))
    found = jax.jit(
        lambda key: maximize_by_gradient(
            key,
            partial(value, target),
            space=SPACE,
            maximizer=GradientAscent(
                climbers=2, relaxation=lambda s: relax.StraightThrough(relax.GumbelSoftmax(s))
            ),
        )
    )(jax.random.key(0))
    assert bool(is_valid(SPACE, found.architecture))
    drawn = encode(SPACE, *sample_mixed(jax.random.key(1), SPACE, (2000,)))
    assert found.value > np.max(value(target, drawn)) - 0.05
