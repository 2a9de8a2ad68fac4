"""Numbers made by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import ttest_ind

from nmjax.errors import NmjaxError
from nmjax.meta import (
    Adaptation,
    MetaLearner,
    adaptation_speed,
    few_shot_curve,
    meta_generalization,
    sample_efficiency,
    transfer_efficiency,
)
from nmjax.tasks import Episode


def evaluate_mean(params, tasks, hyper):
    """The squared error of the mean of support scores that count."""
    mean = jnp.mean(tasks.support_y, axis=-1, where=tasks.support_mask)
    return (params + mean - tasks.query_y[:, 0]) ** 2 * hyper


TRACES = []


def counted(params, tasks, hyper):
    TRACES.append(None)
    return evaluate_mean(params, tasks, hyper)


def test_few_shot_curve_hides_rows():
    learner = MetaLearner(None, None, lambda p, b, h: Adaptation(p, b.y), counted)
    y = jnp.array([[2.0, 4.0, 6.0, 8.0], [1.0, 5.0, 9.0, 100.0]])
    mask = jnp.array([[True] * 4, [True, False, True, False]])
    blank = jnp.zeros((2, 4, 1))
    tasks = Episode(blank, y, blank[:, :1], jnp.zeros((2, 1)), mask, mask[:, :1])
    curves = [
        few_shot_curve(jnp.asarray(0.0), tasks, jnp.asarray(1.0), shots, learner=learner)
        for shots in (jnp.array([1, 2, 4]), jnp.array([3, 2, 1]))
    ]
    np.testing.assert_allclose(curves[0], [[4, 1], [9, 25], [25, 25]])
    np.testing.assert_allclose(curves[1], [[16, 25], [9, 25], [4, 1]])
    assert len(TRACES) == 1


def test_adaptation_speed():
    losses = jnp.array(
        [
            [10.0, 5.0, 0.9, 0.5, 0.0],  # 9.1 of 10 after two steps
            [10.0, 0.0, 3.0, 2.0, 2.0],  # overshoots: 10 of 8 after one
            [1.0, 1.0, 1.0, 1.0, 0.0],
            [1.0, 0.5, 1.0, 1.0, 1.0],  # ends where it began
            [1.0, 0.5, 0.2, np.nan, np.nan],  # diverges
        ]
    )
    np.testing.assert_array_equal(jax.jit(adaptation_speed)(losses), [2, 1, 4, 5, 5])
    np.testing.assert_array_equal(adaptation_speed(losses[0], 0.5), 1)
    for share in (0.0, 1.5):
        with pytest.raises(NmjaxError, match=f"share={share}"):
            adaptation_speed(losses, share)


def test_transfer_efficiency():
    adapted, scratch = jnp.array([1.0, 2.0, 3.0, 0.0]), jnp.array([4.0, 2.0, 2.0, 5.0])
    np.testing.assert_allclose(transfer_efficiency(adapted, scratch), [0.75, 0, -0.5, 1])


def test_sample_efficiency():
    shots = jnp.array([1, 5, 10, 20])
    losses, scratch = jnp.array([0.5, 0.3, 0.1, 0.1]), jnp.array([0.9, 0.5, 0.3, 0.2])
    np.testing.assert_allclose(sample_efficiency(shots, losses, scratch), [5, 2, np.inf, np.inf])
    np.testing.assert_allclose(sample_efficiency(shots, scratch, scratch), 1)
    np.testing.assert_allclose(sample_efficiency(shots, scratch, losses)[2:], [0.5, 0.5])


def test_meta_generalization_is_the_difference_that_welch_tests():
    seen, unseen = np.random.default_rng(0).normal(size=7), np.array([2.0, 3.5, 2.5])
    gap = meta_generalization(jnp.asarray(seen), jnp.asarray(unseen))
    test = ttest_ind(unseen, seen, equal_var=False)
    np.testing.assert_allclose(gap.difference / gap.standard_error, test.statistic, rtol=1e-5)
    assert gap.difference > 0
    with pytest.raises(NmjaxError, match="1 unseen"):
        meta_generalization(jnp.zeros(4), jnp.zeros(1))
