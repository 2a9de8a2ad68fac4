import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import patterns
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space, canonicalize, enumerate_architectures, get_space, is_valid

MIXED = Space.build(
    "mixed",
    (Choice("a", "xyz"), Choice("b", "xyz"), Choice("c", "klmn")),
    valid=lambda a: (a[..., 0] != 2) | (a[..., 2] != 3),
    canonical=lambda a: jnp.concatenate([jnp.sort(a[..., :2], axis=-1), a[..., 2:]], axis=-1),
)
POOL = enumerate_architectures(MIXED)[:-2]  # two that nobody measured
ROWS = patterns.neighbor_rows(MIXED, POOL)


def brute_force_neighbors(row):
    """Rows that some one change of a choice leads to, one change after another."""
    found = set()
    for choice, options in enumerate(MIXED.num_options):
        for option in range(options):
            other = np.array(POOL[row])
            other[choice] = option
            if bool(is_valid(MIXED, other)):
                same = (np.asarray(canonicalize(MIXED, other)) == POOL).all(1)
                found |= set(np.flatnonzero(same)) - {row}
    return found


NEIGHBORS = [brute_force_neighbors(row) for row in range(len(POOL))]


def test_neighbors_by_brute_force():
    assert [set(row[row >= 0]) for row in np.asarray(ROWS)] == NEIGHBORS
    assert [(row >= 0).sum() for row in np.asarray(ROWS)] == [len(n) for n in NEIGHBORS]


def table(key, batch=3):
    score = np.random.default_rng(key).normal(size=(batch, len(POOL))).astype(np.float32)
    score[0, [2, 5, 7]] = np.nan
    return score


def test_neighborhoods_by_brute_force():
    score = table(0)
    ours = patterns.neighborhood(ROWS, score)
    for item, row in np.ndindex(score.shape):
        theirs = [score[item, n] for n in NEIGHBORS[row] if not np.isnan(score[item, n])]
        expected = (np.mean(theirs), np.std(theirs), np.min(theirs), len(theirs))
        np.testing.assert_allclose([leaf[item, row] for leaf in ours[:4]], expected, rtol=1e-4)
        assert ours.optimum[item, row] == (score[item, row] >= max(theirs))


def test_climbing_step_by_step():
    score = table(1)
    reached = patterns.climb(ROWS, score)
    for item, row in np.ndindex(score.shape):
        at = row
        while True:
            value = -np.inf if np.isnan(score[item, at]) else score[item, at]
            better = [n for n in NEIGHBORS[at] if score[item, n] > value]
            if not better:
                break
            at = max(better, key=lambda n: score[item, n])
        assert reached[item, row] == at
    optimum = patterns.neighborhood(ROWS, score).optimum
    assert set(np.unique(reached[1])) == set(np.flatnonzero(optimum[1]))


def test_a_spike_loses_to_a_plateau():
    grid = Space.build("grid", (Choice("x", "abc"), Choice("y", "abc")))
    pool = enumerate_architectures(grid)
    rows = patterns.neighbor_rows(grid, pool)
    score = jnp.array([[1.0, 0, 0], [0, 0.8, 0.8], [0, 0.8, 0.8]]).reshape(-1)
    assert int(jnp.argmax(patterns.robust_score(rows, score, jnp.float32(0)))) == 0
    smoothed = patterns.robust_score(rows, score, jnp.float32(0.5))
    np.testing.assert_allclose(smoothed[0], 0.5)  # its four neighbors have nothing
    np.testing.assert_allclose(smoothed[4], 0.5 * 0.8 + 0.5 * 0.4, rtol=1e-6)
    lone = patterns.robust_score(jnp.full((9, 4), -1), score, jnp.float32(0.5))
    np.testing.assert_allclose(lone, score)


def test_traced_once_for_all_weights_and_differentiable():
    score, traces = jnp.asarray(table(2)[1]), []

    @jax.jit
    def best(weight):
        traces.append(None)
        return jnp.max(patterns.robust_score(ROWS, score, weight))

    slope = jax.jit(jax.grad(best))
    slopes = [slope(jnp.float32(weight)) for weight in (0.2, 0.4)]
    assert len(traces) == 1
    assert np.isfinite(slopes).all()


def test_repeatability_by_analysis_of_variance():
    """Shrout and Fleiss 1979, table 2 and 4: ICC(1,1) of six targets by four judges is .17."""
    judges = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    score = np.float32(judges).T
    np.testing.assert_allclose(patterns.repeatability(score), 0.166, atol=5e-4)
    failed = np.concatenate([score, np.float32([[1], [np.nan], [99], [2]])], axis=1)
    np.testing.assert_allclose(
        patterns.repeatability(np.stack([failed, failed])), [0.166] * 2, atol=5e-4
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: patterns.neighbor_rows(MIXED, POOL[:, :2]), r", 2\]"),
        (
            lambda: patterns.neighbor_rows(
                Space.build("big", tuple(Choice(f"c{i}", "abcd") for i in range(16))),
                np.zeros((1, 16), int),
            ),
            "4,294,967,296",
        ),
        (lambda: patterns.neighborhood(ROWS, np.zeros(3)), r"scores \[3\]"),
        (lambda: patterns.repeatability(np.zeros((1, 3))), "two seeds"),
    ],
)
def test_invalid_arguments_are_refused(call, match):
    with pytest.raises(NmjaxError, match=match):
        call()


def test_every_cell_of_nas_bench_201_has_a_neighbor():
    space = get_space("nas-bench-201")
    rows = patterns.neighbor_rows(space, enumerate_architectures(space))
    assert rows.shape == (6466, 24)
    assert (rows >= 0).any(axis=1).all()
