"""Comparisons over tasks, against Demšar's example and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nmjax.analysis import (
    average_ranks,
    critical_difference,
    differ_by_mean,
    friedman,
    indistinct_groups,
)
from nmjax.errors import NmjaxError

# Table 6 of Demšar (2006): areas under the curve of C4.5, with -m, with -cf, with both. Its
# ranks say that the last two of "voting" are .975 by rounding only.
AREAS = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.97499],
        [0.957, 0.978, 0.946, 0.970],
    ],
    np.float32,
)


def test_the_published_example():
    ranks = np.asarray(jax.jit(average_ranks)(-AREAS))
    np.testing.assert_allclose(ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    difference = critical_difference(4, 14, level=0.9)
    np.testing.assert_allclose(difference, 1.12, atol=5e-3)
    differ = np.abs(ranks[:, None] - ranks) > difference
    assert indistinct_groups(ranks, differ) == ((3, 1, 2), (2, 0))


def test_friedman_is_scipys_ties_included():
    compiled = jax.jit(friedman)
    statistic, p_value = compiled(-AREAS)
    theirs = scipy.stats.friedmanchisquare(*AREAS.T)
    np.testing.assert_allclose([statistic, p_value], theirs, rtol=1e-4)
    assert np.isnan(compiled(np.ones_like(AREAS)).statistic)


def test_critical_values_are_the_published_ones():
    """Table 5 (a) of Demšar (2006), at .05."""
    published = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
    ours = [critical_difference(k, 1) / np.sqrt(k * (k + 1) / 6) for k in range(2, 11)]
    np.testing.assert_allclose(ours, published, atol=1.1e-3)
    np.testing.assert_allclose(
        critical_difference(5, 40), critical_difference(5, 10) / 2, rtol=1e-6
    )


def test_means_that_differ_by_paired_bootstrap():
    rng = np.random.default_rng(0)
    item = rng.normal(size=(6, 10, 1))
    values = item + [0.0, 0.0, 0.3] + 0.05 * rng.normal(size=(6, 10, 3))
    one, other, more = jnp.moveaxis(jnp.asarray(values, jnp.float32), -1, 0)
    alike = [[False, False, True]] * 2 + [[True, True, False]]
    differ = differ_by_mean(jax.random.key(0), (one, other, more), resamples=500)
    assert differ.tolist() == alike
    fewer = (one, other.at[:, 7:].add(2.0), more[:, :7])
    differ = differ_by_mean(jax.random.key(0), fewer, resamples=500)
    assert differ.tolist() == [[False, True, True], [True, False, True], [True, True, False]]


def test_a_method_of_few_seeds_does_not_limit_the_seeds_of_others():
    """Two that differ on all of their seeds, but not on the first three."""
    rng = np.random.default_rng(0)
    one = jnp.asarray(rng.normal(size=(6, 20)), jnp.float32)
    other = one.at[:, 3:].add(0.5)
    differ = differ_by_mean(jax.random.key(0), (one, other, one[:, :3]), resamples=500)
    assert differ.tolist() == [[False, True, False], [True, False, False], [False] * 3]


@pytest.mark.parametrize(
    ("position", "pairs", "expected"),
    [
        ([1, 2, 3], [], ((0, 1, 2),)),
        ([3, 2, 1], [(0, 2)], ((2, 1), (1, 0))),
        ([1, 2, 3], [(0, 1), (1, 2)], ()),
        ([1, 2, 3, 4], [(0, 2), (0, 3)], ((0, 1), (1, 2, 3))),
        ([1, 2, 3], [(0, 1)], ((1, 2),)),
    ],
)
def test_groups_are_the_longest_runs_of_which_no_two_differ(position, pairs, expected):
    differ = np.zeros((len(position),) * 2, bool)
    for one, other in pairs:
        differ[one, other] = differ[other, one] = True
    assert indistinct_groups(position, differ) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1, 5), "Got 1 methods"), ((3, 0), "0 tasks"), ((3, 5, 1.0), "level=1.0")],
)
def test_incomparable_methods_are_refused(arguments, message):
    methods, tasks, *level = arguments
    with pytest.raises(NmjaxError, match=message):
        critical_difference(methods, tasks, **({"level": level[0]} if level else {}))
