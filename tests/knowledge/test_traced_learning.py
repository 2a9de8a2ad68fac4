"""Learning under `jit` and `vmap`: the same knowledge, one trace, and many pasts in one call."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import LearnConfig, config_for, learn_from_history, num_sources
from nmjax.spaces import Space
from nmjax.tasks import make_history
from nmjax.testing.compare import Counted
from nmjax.types import Metric

SPACE = Space(op=["conv", "pool", "skip"], width=[8, 16, 32, 64])
METRIC = Metric("loss", direction="min")
QUICK = LearnConfig(kernel_steps=3, prior_steps=3, replay_size=20)


def past_of(seed, tasks=3, rows=30):
    draw = np.random.default_rng(seed)
    architecture = np.stack(
        [draw.integers(0, number, (tasks, rows)) for number in SPACE.num_options], axis=-1
    )
    loss = architecture.sum(-1) + 0.1 * draw.normal(size=(tasks, rows))
    return make_history(architecture, {"loss": loss})


def learned(key, history, config=QUICK, **kwargs):
    return learn_from_history(key, history, METRIC, space=SPACE, config=config, **kwargs)


def assert_alike(found, expected):
    """Compare what differs between pasts; Adam's first steps amplify rounding errors."""
    compare = partial(np.testing.assert_allclose, rtol=1e-2, atol=1e-3)
    for part in ("prior", "params", "sources", "log_weights"):
        jax.tree.map(compare, getattr(found[0], part), getattr(expected[0], part))
    jax.tree.map(compare, found[1], expected[1])


@pytest.fixture(scope="module")
def pasts():
    return [past_of(seed) for seed in range(3)]


@pytest.mark.slow
def test_pasts_are_learned_from_in_one_call_that_is_traced_once(pasts, unoptimized):
    keys, other_keys = (jax.random.split(jax.random.key(seed), 3) for seed in (0, 3))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *pasts)
    learn = Counted(jax.vmap(learned))
    together = learn(keys, stacked)
    learn(other_keys, jax.tree.map(lambda leaf: leaf[::-1], stacked))
    learn.check_once("Learning")
    expected = [
        learned(key, past)
        for key, past in zip(jax.random.split(jax.random.key(0), 3), pasts, strict=True)
    ]
    for number, own in enumerate(expected):
        assert_alike(jax.tree.map(lambda leaf, at=number: leaf[at], together), own)
    with pytest.raises(AssertionError):
        assert_alike(expected[0], expected[1])


@pytest.mark.slow
def test_step_sizes_of_the_network_are_mapped_over(pasts, unoptimized):
    config = replace(QUICK, network=True, meta_steps=2, evaluate_every=1, meta_rows=10)

    def learn(rate=None):
        key = jax.random.key(4)
        return learned(key, pasts[0], config, folds=np.arange(3), meta_rate=rate)

    together = jax.jit(jax.vmap(learn))(jnp.array([config.meta_rate, 1e-2]))
    for number, own in enumerate((learn(), learn(1e-2))):
        assert_alike(jax.tree.map(lambda leaf, at=number: leaf[at], together), own)
    assert np.all(together[1].train_loss[0] != together[1].train_loss[1])


def test_a_step_size_of_zero_is_refused(pasts):
    with pytest.raises(NmjaxError, match="Got meta_rate=0; give a positive number"):
        learned(jax.random.key(0), pasts[0], meta_rate=0)


def test_the_default_settings_apply_to_a_past_of_unknown_scores(pasts):
    traced = []

    def settings(history):
        traced.append(config_for(history, METRIC))
        traced.append(config_for(pasts[0], METRIC))

    jax.eval_shape(settings, pasts[0])
    assert traced == [config_for(pasts[0], METRIC)] * 2


@pytest.mark.slow
def test_a_limit_draws_the_same_rows_under_jit(pasts, unoptimized):
    config = replace(QUICK, task_rows=20)
    traced = jax.jit(partial(learned, config=config))(jax.random.key(1), pasts[0])[0]
    expected = learned(jax.random.key(1), pasts[0], config)[0]
    np.testing.assert_array_equal(traced.sources.mask, expected.sources.mask)
    np.testing.assert_allclose(traced.params.location, expected.params.location, atol=1e-5)


def test_a_task_without_success_is_no_source_under_jit(pasts, unoptimized):
    failed = pasts[0]._replace(metrics={"loss": pasts[0].metrics["loss"].at[1].set(jnp.nan)})
    knowledge = jax.jit(partial(learned, config=QUICK))(jax.random.key(2), failed)[0]
    assert int(num_sources(knowledge)) == 2
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(knowledge.prior))
