"""One conformance test over all maximizers, against a list of the whole space."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.experiments import batch_mesh
from nmjax.search import (
    EvolutionaryAscent,
    Exhaustive,
    ExhaustiveScan,
    GradientAscent,
    GuidedAscent,
    LocalAscent,
    optimize_acquisition,
)
from nmjax.search.maximizers import is_among
from nmjax.spaces import (
    Choice,
    RealChoice,
    Space,
    canonicalize,
    encode,
    encoding_size,
    enumerate_architectures,
    neighbors,
)
from nmjax.testing.compare import Counted

# The first two choices are alike, and not all choices may take their first option.
SPACE = Space.build(
    "small",
    tuple(Choice(name, ("a", "b", "c", "d")) for name in "xyzuv"),
    valid=lambda architecture: jnp.any(architecture != 0, axis=-1),
    canonical=lambda architecture: architecture.at[..., :2].set(
        jnp.sort(architecture[..., :2], axis=-1)
    ),
)
LIST = enumerate_architectures(SPACE)
RNG = np.random.default_rng(0)
WEIGHTS = tuple(
    jnp.asarray(RNG.normal(size=shape), jnp.float32)
    for shape in ((encoding_size(SPACE), 12), (12,))
)
STARTS = LIST[RNG.permutation(len(LIST))[:24]]
MAXIMIZERS = {
    "exhaustive": Exhaustive(),
    "scan": ExhaustiveScan(block=100),
    "sharded scan": ExhaustiveScan(block=64, mesh=batch_mesh()),
    "local": LocalAscent(climbers=24),
    "evolution": EvolutionaryAscent(population=32),
    "gradient": GradientAscent(climbers=24, candidates=12),
    "guided": GuidedAscent(climbers=24, candidates=12),
}


def value(weights, encoding):
    """Smooth, with several local optima; not a number at some architectures."""
    hidden = jnp.tanh(2 * (encoding - 0.25) @ weights[0])
    found = hidden @ weights[1]
    unknown = (encoding[:, 0] == 1) & (encoding[:, 4] == 1)
    return jnp.where(unknown, jnp.nan, found)


def value_at(architecture):
    at = architecture.reshape(-1, SPACE.num_choices)
    return np.asarray(value(WEIGHTS, encode(SPACE, at))).reshape(architecture.shape[:-1])


VALUES = np.nan_to_num(value_at(LIST), nan=-np.inf)
NOTHING = -np.ones((40, 5), np.int32)


def test_there_are_several_optima():
    changed, valid = neighbors(SPACE, LIST)
    around = np.where(
        valid, np.nan_to_num(value_at(canonicalize(SPACE, changed)), nan=-np.inf), -np.inf
    )
    assert np.sum(around.max(-1) < VALUES) >= 3


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "gradient" else n for n in MAXIMIZERS]
)
def test_conformance(name):
    starts = jnp.asarray(LIST if name == "exhaustive" else STARTS)

    @partial(jax.vmap, in_axes=(0, None, None, None))
    def optimize(key, weights, starts, excluded):
        return optimize_acquisition(
            key, partial(value, weights), starts, excluded, space=SPACE, maximizer=MAXIMIZERS[name]
        )

    once = Counted(optimize)

    def of_both(starts, excluded):
        found, worth = once(
            jax.random.split(jax.random.key(0)), WEIGHTS, starts, jnp.asarray(excluded)
        )
        expected = np.where(np.isfinite(worth), value_at(found), -np.inf)
        np.testing.assert_allclose(worth, expected, rtol=1e-5)
        assert not np.any(is_among(found, jnp.asarray(excluded)) & np.isfinite(worth))
        return found, worth

    best = LIST[np.argsort(-VALUES)]
    for number in (0, 1, 7, 40):
        excluded = np.append(best[:number], NOTHING[number:], axis=0)
        found, worth = of_both(starts, excluded)
        np.testing.assert_array_equal(found, [best[number]] * 2)
        np.testing.assert_array_equal(of_both(starts, excluded)[0], found)
    # It is no worse than where it starts.
    _, worth = of_both(starts.at[:].set(best[9]), np.append(best[:9], NOTHING[9:], axis=0))
    assert np.all(worth >= np.sort(VALUES)[::-1][9] - 1e-5)
    if name == "exhaustive":
        _, worth = of_both(starts.at[:].set(best[0]), best[:40])
        assert np.all(worth == -np.inf)
    once.check_once(name)


def test_the_memory_of_a_scan_depends_on_the_block_alone():
    def memory(choices):
        space = Space.build("long", [Choice(f"c{n}", ("a", "b", "c", "d")) for n in range(choices)])

        def scan(weights):
            return optimize_acquisition(
                jax.random.key(0),
                lambda encoding: encoding @ jnp.resize(weights, (encoding.shape[1],)),
                jnp.zeros((1, choices), jnp.int32),
                space=space,
                maximizer=ExhaustiveScan(block=512),
            )

        compiled = jax.jit(scan).lower(jnp.arange(8.0)).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert memory(12) < 1.6 * memory(8)  # Encodings are half as long again, of 256 times as many.


def test_spaces_with_real_values_are_not_scanned():
    space = Space.build("real", (Choice("a", (1, 2)),), (RealChoice("r", 0, 1),))
    with pytest.raises(NmjaxError, match="cannot be enumerated"):
        optimize_acquisition(
            jax.random.key(0),
            lambda encoding: encoding[:, 0],
            jnp.zeros((1, 2)),
            space=space,
            maximizer=ExhaustiveScan(),
        )


@pytest.mark.parametrize(
    ("starts", "space"),
    [
        (np.zeros((3, 4), np.int32), SPACE),
        (np.zeros((0, 5), np.int32), SPACE),
        (
            np.zeros((3, 1), np.int32),
            Space.build("real", (Choice("a", (1, 2)),), (RealChoice("r", 0, 1),)),
        ),
    ],
)
def test_starts_are_checked(starts, space):
    with pytest.raises(NmjaxError, match="give"):
        optimize_acquisition(
            jax.random.key(0), jnp.sum, starts, space=space, maximizer=Exhaustive()
        )


@pytest.mark.parametrize(
    "make",
    [
        partial(LocalAscent, climbers=0),
        partial(EvolutionaryAscent, population=0),
        partial(GradientAscent, temperature=0),
        partial(GuidedAscent, candidates=0),
    ],
)
def test_settings_are_checked(make):
    with pytest.raises(NmjaxError, match="give"):
        make()
