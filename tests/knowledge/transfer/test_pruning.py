from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.knowledge.transfer.pruning import (
    architecture_levels,
    calibrate_pruning,
    isomorphism_classes,
    option_levels,
)
from nmjax.spaces import Choice, Space, canonicalize, enumerate_architectures, get_space

SPACE = Space.build("plain", [Choice(f"c{i}", range(5)) for i in range(4)])
CELL = get_space("transnas101-micro")
GRAPH = get_space("nas-bench-graph-proteins")


def test_levels_are_log_ratios():
    space = Space.build("two", [Choice("a", ("x", "y", "z")), Choice("b", (1, 2, 5, 9), "ordinal")])
    probability = np.array([[0.6, 0.3, 0.1, 0], [0.4, 0.05, 0.35, 0.2]], np.float32)
    level = option_levels(jnp.asarray(probability), space=space)
    ratio = [[1, 2, 6, np.inf], [1, 0.4 / 0.35, 0.4 / 0.35, 2]]
    np.testing.assert_allclose(level, np.log(ratio), rtol=1e-5, atol=1e-6)


def test_nodes_of_a_cell_share_their_operations():
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(4), size=6).astype(np.float32)
    level = option_levels(jnp.asarray(probability), space=CELL)
    rarity = np.log(probability.max(-1, keepdims=True) / probability)
    expected = np.broadcast_to(rarity.min(0), (6, 4))
    np.testing.assert_allclose(level, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("space", [CELL, GRAPH], ids=lambda space: space.name)
def test_what_is_isomorphic_to_something_kept_is_kept(space):
    """Against a search through all members of a class."""
    rng = np.random.default_rng(1)
    level = jnp.asarray(rng.uniform(size=(space.num_choices, space.max_options)), jnp.float32)
    classes = isomorphism_classes(space)
    pool = enumerate_architectures(space)[:: len(enumerate_architectures(space)) // 50]
    ours = architecture_levels(level, jnp.asarray(pool), classes, space=space)
    alone = np.asarray(level)[np.arange(space.num_choices), classes.architecture].max(-1)
    canonical = np.asarray(canonicalize(space, classes.architecture))
    for row, found in zip(pool, np.asarray(ours), strict=True):
        members = (canonical == row).all(-1) & classes.valid
        np.testing.assert_allclose(found, alone[members].min(), rtol=1e-6)


def tasks(key, number, spread):
    """Scores that add up over choices: effects that tasks share, and some of their own."""
    shared_key, own_key, row_key = jax.random.split(key, 3)
    shared = jax.random.normal(shared_key, (1, 4, 5))
    effect = shared + spread * jax.random.normal(own_key, (number, 4, 5))
    architecture = jax.random.randint(row_key, (number, 40, 4), 0, 5, jnp.int32)
    chosen = jax.nn.one_hot(architecture, 5)
    return architecture, jnp.einsum("tmco,tco->tm", chosen, effect)


CALIBRATE = partial(calibrate_pruning, classes=None, space=SPACE, share=0.1, top=0.0)


@pytest.mark.slow
@pytest.mark.parametrize(("risk", "spread"), [(0.05, 0.5), (0.2, 0.5), (0.2, 1.5)])
def test_the_optimum_is_pruned_as_often_as_stated(risk, spread):
    """Of 600 populations of tasks, 19 of which are past and one is new."""

    @jax.jit
    @jax.vmap
    def lost(key):
        architecture, score = tasks(key, 20, spread)
        past = CALIBRATE(architecture[:-1], score[:-1], risk=jnp.asarray(risk))
        best = architecture[-1, jnp.argmax(score[-1])]
        need = architecture_levels(past.level, best[None], None, space=SPACE)[0]
        kept = jnp.mean(jnp.prod(jnp.sum(past.level <= past.threshold, -1) / 5))
        return need > past.threshold, kept

    lost, kept = lost(jax.random.split(jax.random.key(0), 600))
    error = np.sqrt(risk * (1 - risk) / 600)
    assert risk / 4 < np.mean(lost) < risk + 3 * error
    assert np.mean(kept) < 0.8


def test_the_threshold_is_an_order_statistic():
    architecture, score = tasks(jax.random.key(3), 9, 0.7)
    whole = CALIBRATE(architecture, score, risk=jnp.asarray(0.09))
    assert np.isinf(whole.threshold)
    needed = np.sort(whole.needed)
    for lost, risk in enumerate([0.1, 0.2, 0.3]):
        cut = CALIBRATE(architecture, score, risk=jnp.asarray(risk))
        np.testing.assert_allclose(cut.threshold, needed[8 - lost])


@pytest.mark.slow
def test_the_threshold_of_a_task_ignores_its_own_scores():
    """The need of a task is computed from the shares of the other tasks."""
    architecture, score = tasks(jax.random.key(4), 6, 0.7)
    whole = CALIBRATE(architecture, score, risk=jnp.asarray(0.3))
    others = CALIBRATE(architecture[1:], score[1:], risk=jnp.asarray(0.3))
    best = architecture[0, jnp.argmax(score[0])]
    need = architecture_levels(others.level, best[None], None, space=SPACE)[0]
    np.testing.assert_allclose(whole.needed[0], need, rtol=1e-4)


def test_keeping_one_of_the_top_architectures_is_enough():
    architecture, score = tasks(jax.random.key(5), 6, 1.0)
    best = CALIBRATE(architecture, score, risk=jnp.asarray(0.3))
    top = calibrate_pruning(
        architecture, score, None, jnp.asarray(0.3), space=SPACE, share=0.1, top=0.2
    )
    assert np.all(top.needed <= best.needed)
    assert np.any(top.needed < best.needed)


def test_failed_evaluations_do_not_count():
    architecture, score = tasks(jax.random.key(6), 6, 1.0)
    failed = jnp.where(jnp.arange(40)[None, :] < 4, jnp.nan, score)
    ours = CALIBRATE(architecture, failed, risk=jnp.asarray(0.3))
    theirs = CALIBRATE(architecture[:, 4:], score[:, 4:], risk=jnp.asarray(0.3))
    np.testing.assert_allclose(ours.needed, theirs.needed, rtol=1e-5)
