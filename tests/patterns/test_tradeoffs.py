import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import patterns
from nmjax.errors import NmjaxError


def dominates(a, b):
    return (a >= b).all() and (a > b).any()


def by_inclusion_exclusion(scores, reference):
    """The volume of a union of boxes, from the volumes of all their intersections."""
    total = 0.0
    for size in range(1, len(scores) + 1):
        for rows in itertools.combinations(scores, size):
            overlap = np.prod(np.maximum(np.min(rows, axis=0) - reference, 0))
            total += (-1) ** (size + 1) * overlap
    return total


def draws(*shape, key=0):
    return np.random.default_rng(key).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_a_front_is_the_undominated_points(objectives):
    scores = np.round(draws(90, objectives, key=objectives), 1)
    expected = [not any(dominates(a, b) for a in scores) for b in scores]
    assert 0 < sum(expected) < 90
    np.testing.assert_array_equal(patterns.pareto_front(scores), expected)


def test_ties_are_kept_and_failures_left_out():
    nan = np.nan
    scores = np.array([[1, 2], [1, 2], [2, 1], [0, 2], [nan, 9], [9, nan], [nan, nan]], np.float32)
    front = [True, True, True, False, False, False, False]
    np.testing.assert_array_equal(patterns.pareto_front(scores), front)
    assert not patterns.pareto_front(scores[4:]).any()
    volume = patterns.hypervolume(scores, np.zeros(2, np.float32))
    np.testing.assert_allclose(volume, 3)  # two boxes of 2, of which they share 1


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_volumes_by_inclusion_and_exclusion(objectives):
    scores = draws(9, objectives, key=10 + objectives)
    scores[1] = scores[0]
    reference = np.full(objectives, -0.7, np.float32)
    expected = by_inclusion_exclusion(scores, reference)
    assert expected > 0
    np.testing.assert_allclose(patterns.hypervolume(scores, reference), expected, rtol=1e-5)
    contributions = [
        expected - by_inclusion_exclusion(np.delete(scores, row, axis=0), reference)
        for row in range(9)
    ]
    assert max(contributions) > 0
    np.testing.assert_allclose(
        patterns.hypervolume_contribution(scores, reference), contributions, atol=1e-5
    )


def test_a_volume_is_the_chance_to_be_dominated():
    scores = np.random.default_rng(3).uniform(size=(40, 3)).astype(np.float32)
    thrown = np.random.default_rng(4).uniform(size=(50_000, 3))
    share = (thrown[:, None] <= scores).all(-1).any(-1).mean()
    volume = patterns.hypervolume(scores, np.zeros(3, np.float32))
    np.testing.assert_allclose(volume, share, atol=4 * np.sqrt(share * (1 - share) / 50_000))


def test_only_the_front_contributes_volume():
    scores, reference = draws(60, 3), np.full(3, -3, np.float32)
    front = np.asarray(patterns.pareto_front(scores))
    contribution = patterns.hypervolume_contribution(scores, reference)
    assert (contribution[front] > 1e-3).all()
    np.testing.assert_allclose(contribution[~front], 0, atol=1e-4)
    np.testing.assert_allclose(
        patterns.hypervolume(scores[front], reference),
        patterns.hypervolume(scores, reference),
        rtol=1e-5,
    )


def test_batch_items_are_independent_and_shapes_trace_once():
    scores, reference = draws(4, 12, 2), np.full(2, -1, np.float32)
    traces = []

    @jax.jit
    def both(scores):
        traces.append(None)
        return patterns.pareto_front(scores), patterns.hypervolume(scores, reference)

    fronts, volumes = both(scores)
    both(scores + 1)
    assert len(traces) == 1
    for item in range(4):
        np.testing.assert_array_equal(fronts[item], patterns.pareto_front(scores[item]))
        alone = by_inclusion_exclusion(scores[item], reference)
        np.testing.assert_allclose(volumes[item], alone, rtol=1e-4)


def test_the_gradient_of_a_volume_is_the_moving_side():
    scores = jnp.array([[1.0, 3.0], [2.0, 2.0], [1.5, 1.5]])
    slope = jax.jit(jax.grad(patterns.hypervolume))(scores, jnp.zeros(2))
    np.testing.assert_allclose(slope, [[1, 1], [2, 1], [0, 0]])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: patterns.pareto_front(np.zeros(3)), r"scores \[3\]"),
        (lambda: patterns.hypervolume(np.zeros((0, 2)), np.zeros(2)), r"scores \[0, 2\]"),
        (lambda: patterns.hypervolume(np.zeros((3, 2)), np.zeros(3)), r"reference \[3\]"),
        (lambda: patterns.hypervolume_contribution(np.zeros((3, 2)), 0.0), r"reference \[\]"),
    ],
)
def test_invalid_arguments_are_refused(call, match):
    with pytest.raises(NmjaxError, match=match):
        call()
