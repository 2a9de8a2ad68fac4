from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.meta import (
    MAMLHyper,
    augmented,
    interpolate_tasks,
    maml,
    squared_error,
    transform_targets,
)
from nmjax.predictors import Network
from nmjax.tasks import Episode

HYPER = MAMLHyper(jnp.asarray(0.1))


@pytest.fixture
def tasks(sinusoids):
    """Episodes: the second has one support row less, and the first a failure in its query."""
    drawn = sinusoids(jax.random.key(0), (0.5, 2.0), tasks=4, size=6)
    return drawn._replace(
        support_y=drawn.support_y.at[1, 5].set(0.0),
        support_mask=drawn.support_mask.at[1, 5].set(False),
        query_y=drawn.query_y.at[0, 2].set(jnp.nan),
    )


def test_targets_of_a_task_share_one_affine_map(tasks):
    moved = jax.jit(partial(transform_targets, shift=1.0, log_scale=0.5))(jax.random.key(1), tasks)
    lines = []
    for i in range(4):
        before, after = (np.concatenate([e.support_y[i, :5], e.query_y[i]]) for e in (tasks, moved))
        known = ~np.isnan(before)
        np.testing.assert_array_equal(known, ~np.isnan(after))
        lines.append(np.polyfit(before[known], after[known], 1))
        np.testing.assert_allclose(np.polyval(lines[-1], before), after, atol=1e-4)
    assert len(np.unique(lines)) == 8
    assert moved.support_y[1, 5] == 0
    np.testing.assert_array_equal(moved.query_x, tasks.query_x)
    np.testing.assert_array_equal(moved.query_mask, tasks.query_mask)


def test_affine_maps_have_the_requested_spread():
    y, mask = jnp.tile(jnp.array([0.0, 1.0]), (4000, 1)), jnp.ones((4000, 2), bool)
    blank = Episode(y[..., None], y, y[..., None], y, mask, mask)
    moved = transform_targets(jax.random.key(0), blank, shift=2.0, log_scale=0.3)
    offset, factor = moved.support_y[:, 0], moved.support_y[:, 1] - moved.support_y[:, 0]
    np.testing.assert_allclose([offset.mean(), offset.std()], [0, 2], atol=0.1)
    np.testing.assert_allclose(jnp.log(factor).mean(), 0, atol=0.02)
    np.testing.assert_allclose(jnp.log(factor).std(), 0.3, atol=0.02)


def test_interpolated_tasks_lie_between_two_in_one_share(tasks):
    mixed = jax.jit(interpolate_tasks)(jax.random.key(3), tasks, concentration=2.0)
    plain, between = (
        np.concatenate([e.support_x[..., 0], e.support_y, e.query_x[..., 0]], 1)
        for e in (tasks, mixed)
    )
    counts = np.asarray(mixed.support_mask)
    partners = []
    for i in range(4):
        kept = np.concatenate([counts[i], counts[i], np.ones(6, bool)])
        fits = {}
        for j in range(4):
            direction, target = (plain[i] - plain[j])[kept], (between[i] - plain[j])[kept]
            share = direction @ target / max(direction @ direction, 1e-12)
            fits[j] = np.abs(share * direction - target).max()
            assert fits[j] > 1e-5 or j == i or 0 < share < 1
        partners.append(min(fits, key=fits.get))
        assert fits[partners[-1]] < 1e-5
    assert sorted(partners) == [0, 1, 2, 3]
    assert partners != [0, 1, 2, 3]
    np.testing.assert_array_equal(
        counts, tasks.support_mask & tasks.support_mask[np.array(partners)]
    )
    assert not mixed.support_y[~counts].any()
    assert not mixed.support_x[~counts].any()


def test_augmentations_are_applied_in_order(tasks):
    double = lambda key, e: e._replace(query_y=2 * e.query_y)  # noqa: E731
    add = lambda key, e: e._replace(query_y=e.query_y + jax.random.uniform(key))  # noqa: E731
    sample = jax.jit(augmented(lambda key, e: e, double, add))
    added = sample(jax.random.key(0), tasks).query_y - 2 * tasks.query_y
    assert np.nanmin(added) > 0
    np.testing.assert_allclose(added[1:], added[1, 0], atol=1e-5)
    other = sample(jax.random.key(1), tasks).query_y - 2 * tasks.query_y
    assert abs(other[1, 0] - added[1, 0]) > 1e-3


@pytest.mark.slow
def test_augmentation_keeps_maml_from_memorizing_tasks(code_by_inputs):
    """With few tasks that inputs identify, MAML memorizes each and adapts badly."""
    known, new = (jax.random.normal(jax.random.key(i), (n, 4)) for i, n in enumerate((8, 64)))
    network = Network((24, 24), activation="tanh")
    learner = maml(squared_error(network.apply), optax.adam(3e-3), inner_steps=2)

    def losses(sample_tasks):
        def step(state, key):
            task_key, update_key = jax.random.split(key)
            tasks = sample_tasks(task_key, jnp.tile(known, (4, 1)))
            return learner.update(update_key, state, tasks, HYPER)

        start = learner.init(jax.random.key(0), network.init(jax.random.key(0), 4))
        keys = jax.random.split(jax.random.key(3), 1200)
        state, _ = jax.jit(lambda s, k: jax.lax.scan(step, s, k))(start, keys)
        return [
            learner.evaluate(state.params, code_by_inputs(jax.random.key(5), codes), HYPER).mean()
            for codes in (known, new)
        ]

    by_heart = losses(code_by_inputs)
    augmentation = partial(transform_targets, shift=2.0)
    learned = losses(augmented(code_by_inputs, augmentation))
    assert learned[1] - learned[0] < 0.4 * (by_heart[1] - by_heart[0])
    assert learned[1] < 0.6 * by_heart[1]
