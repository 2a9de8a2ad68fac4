from functools import partial

import jax
import numpy as np
import pytest
from scipy import stats

from nmjax.errors import NmjaxError
from nmjax.tasks import CURVES, CurveRanges, sample_curves

RANGES = CurveRanges()


@pytest.fixture(scope="module")
def sampled():
    """Encodings and scores float[T, M] of 400 tasks of one kind."""

    def draw(kind, **ranges):
        episode = sample_curves(
            jax.random.key(0),
            RANGES._replace(**ranges),
            tasks=400,
            support=12,
            query=28,
            kinds=(kind,),
        )
        assert episode.support_x.shape == (400, 12, 1)
        assert episode.query_mask.shape == (400, 28)
        x = np.concatenate([episode.support_x, episode.query_x], 1)[..., 0].astype(np.float64)
        return x, np.concatenate([episode.support_y, episode.query_y], 1).astype(np.float64)

    return draw


def fit(basis, y):
    """Least squares of each task on float[T, M, B]: coefficients, and the largest residual."""
    coefficients = np.linalg.pinv(basis) @ y[..., None]
    return coefficients[..., 0], np.abs(basis @ coefficients - y[..., None]).max()


def assert_uniform(values, low, high):
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_sinusoids(sampled):
    x, y = sampled("sinusoid")
    assert_uniform(x.ravel(), -5, 5)
    coefficients, worst = fit(np.stack([np.sin(x), np.cos(x)], -1), y)
    a, b = coefficients.T
    assert worst < 1e-4
    assert_uniform(np.hypot(a, b), 0.1, 5)
    assert_uniform(np.arctan2(-b, a) % (2 * np.pi), 0, np.pi)


def test_lines(sampled):
    x, y = sampled("line")
    coefficients, worst = fit(np.stack([x, np.ones_like(x)], -1), y)
    assert worst < 1e-4
    assert_uniform(coefficients[:, 0], -1, 1)
    assert_uniform(coefficients[:, 1], -3, 3)


def test_parabolas(sampled):
    x, y = sampled("quadratic", curvature=(0.1, 0.5))
    coefficients, worst = fit(np.stack([x**2, x, np.ones_like(x)], -1), y)
    a, b, c = coefficients.T
    assert worst < 1e-3
    assert_uniform(a, 0.1, 0.5)
    vertex = -b / (2 * a)
    assert_uniform(vertex, -3, 3)
    assert_uniform(c - a * vertex**2, -3, 3)


def test_steps(sampled):
    x, y = sampled("step", position=(-2.0, -1.0))
    for low, high in ((-5, -2), (-1, 5)):
        assert_uniform(np.unique(y[(low < x) & (x < high)]), -3, 3)
    changes = np.diff(np.take_along_axis(y, x.argsort(axis=1), axis=1), axis=1) != 0
    assert (changes.sum(axis=1) <= 1).all()
    assert (changes.sum(axis=1) == 1).mean() > 0.95


def test_noise_is_normal_and_each_scores_own(sampled):
    clean, noisy = sampled("line")[1], sampled("line", noise=0.3)[1]
    noise = noisy - clean
    assert stats.kstest(noise.ravel(), stats.norm(0, 0.3).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.2


def test_kinds_come_equally_often():
    flat = RANGES._replace(amplitude=(0.0, 0.0), curvature=(0.0, 0.0))
    draw = partial(sample_curves, tasks=2000, support=1, query=40, kinds=CURVES)
    y = np.asarray(draw(jax.random.key(1), flat).query_y)
    distinct = np.array([len(np.unique(row)) for row in y])
    sinusoid, parabola = (y == 0).all(axis=1), (y != 0).all(axis=1) & (distinct == 1)
    for share in (sinusoid, parabola, distinct == 2, distinct == 40):
        assert abs(share.mean() - 0.25) < 0.04


def test_support_and_query_are_apart_and_ranges_are_traced():
    traces = []

    @jax.jit
    def draw(key, ranges):
        traces.append(None)
        return sample_curves(key, ranges, tasks=3, support=4, query=5)

    first, same, other = (
        draw(jax.random.key(seed), RANGES._replace(noise=noise))
        for seed, noise in ((0, 0.0), (0, 0.0), (1, 0.5))
    )
    np.testing.assert_array_equal(first.support_y, same.support_y)
    assert (first.support_y != other.support_y).all()
    assert len(np.unique(np.append(first.support_x, first.query_x))) == 3 * 9
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"tasks": 0}, "tasks=0"),
        ({"query": 0}, "query=0"),
        ({"kinds": ()}, "at least one kind"),
        ({"kinds": ("sine",)}, "did you mean"),
    ],
)
def test_invalid_arguments_are_refused(options, match):
    with pytest.raises(NmjaxError, match=match):
        sample_curves(jax.random.key(0), RANGES, **{"tasks": 1, "support": 1, "query": 1} | options)
