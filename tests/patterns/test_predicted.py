import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import patterns
from nmjax.errors import NmjaxError
from nmjax.patterns.factorial import LaplacePosterior, prior, sample_grid
from nmjax.predictors import normal_scores
from nmjax.spaces import Choice, Space, canonicalize, from_index, to_index
from nmjax.tasks import list_suites, load_suite, scores

SMALL = Space.build("small", (Choice("a", "xyz"), Choice("b", (1, 2, 4, 8), "ordinal", "log")))
HPOBENCH = next(info for info in list_suites() if info.name == "hpobench")


def dense_posterior(params, architecture, score):
    """Mean and covariance over the grid by the textbook's formulas, kernel entry by entry."""
    grid = np.stack(np.unravel_index(np.arange(SMALL.size), SMALL.num_options), -1)

    def kernel(x, y):
        value = np.exp(params.log_amplitude)
        for place, choice in enumerate(SMALL.choices):
            if choice.kind == "ordinal":
                gap = abs(choice.values[x[place]] - choice.values[y[place]])
                r = np.sqrt(5) * gap / np.exp(params.log_length[place])
                effect = (1 + r + r * r / 3) * np.exp(-r)
            else:
                effect = float(x[place] == y[place])
            weight = np.exp(params.log_weight[place])
            value = value * (1 + weight * effect) / (1 + weight)
        return value

    def gram(a, b):
        return np.array([[kernel(x, y) for y in b] for x in a])

    noisy = gram(architecture, architecture) + np.exp(params.log_noise) * np.eye(len(score))
    cross = gram(grid, architecture)
    mean = cross @ np.linalg.solve(noisy, score)
    return mean, gram(grid, grid) - cross @ np.linalg.solve(noisy, cross.T)


@pytest.mark.slow
def test_draws_are_those_of_the_exact_posterior():
    """One evaluation, so that all resamples are alike, and hyperparameters that are known."""
    params = prior(2)[0]._replace(log_weight=jnp.array([0.5, 1.0]), log_length=jnp.array([0, -0.3]))
    flat, _ = jax.flatten_util.ravel_pytree(params)
    posterior = LaplacePosterior(flat, jnp.zeros((len(flat), len(flat))))
    architecture, score = np.array([[1, 2]], np.int32), np.float32([1.7])
    draw = jax.jit(
        jax.vmap(lambda key: sample_grid(key, SMALL, posterior, architecture, score)[0])
    )(jax.random.split(jax.random.key(0), 20_000))
    mean, covariance = dense_posterior(jax.tree.map(np.asarray, params), architecture, score)
    np.testing.assert_allclose(np.mean(draw, 0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(np.asarray(draw).T), covariance, atol=0.04)


@pytest.mark.slow
def test_intervals_hold_the_indices_of_the_full_tables():
    """Brute force over all 30,000 networks of each of HPOBench's tasks, from 256 of them."""
    if not HPOBENCH.installed:
        pytest.skip(f"{HPOBENCH.package} is not installed")
    suite = load_suite("hpobench")
    table = jax.vmap(normal_scores)(scores(suite)[:4])
    exact = patterns.sobol_indices(suite.space, suite.pool, table)
    rows = jax.vmap(lambda key: jax.random.permutation(key, len(suite.pool))[:256])(
        jax.random.split(jax.random.key(0), 4)
    )
    ours = patterns.predicted_sobol_indices(
        jax.random.key(1),
        suite.space,
        jnp.asarray(suite.pool)[rows],
        jnp.take_along_axis(table, rows, axis=1),
        draws=48,
        level=0.9,
    )
    for interval, truth in ((ours.first, exact.first), (ours.total, exact.total)):
        inside = (interval.low <= truth) & (truth <= interval.high)
        assert inside.mean() >= 0.65  # of 20, which depend on one another
        np.testing.assert_allclose(interval.estimate, truth, atol=0.12)
        assert np.abs(interval.estimate - truth).mean() < 0.04
        assert (interval.high - interval.low).mean() < 0.12
    # Conditional means over so few rows fit noise instead.
    chosen = zip(jnp.asarray(suite.pool)[rows], jnp.take_along_axis(table, rows, 1), strict=True)
    raw = [patterns.sobol_indices(suite.space, *of_task).total for of_task in chosen]
    assert np.abs(np.stack(raw) - exact.total).mean() > 0.1


@pytest.mark.slow
def test_isomorphic_architectures_share_their_score_and_noise_is_a_share_of_totals():
    """Mirror images have equal scores, so both choices of a pair have equal effects."""

    def sorted_options(architecture):
        return jnp.sort(architecture, axis=-1)

    mirror = Space.build(
        "mirror", (Choice("a", "xyz"), Choice("b", "xyz")), canonical=sorted_options
    )
    architecture = from_index(mirror, np.arange(9, dtype=np.int32))
    same = to_index(mirror, canonicalize(mirror, architecture))
    score = jax.random.normal(jax.random.key(3), (9,))[same]
    with_noise, without = (
        patterns.predicted_sobol_indices(
            jax.random.key(4), mirror, architecture, score, noise=noise, draws=16, steps=20
        )
        for noise in (True, False)
    )
    for found in (with_noise, without):
        np.testing.assert_allclose(found.first.estimate[0], found.first.estimate[1], atol=1e-5)
        np.testing.assert_allclose(found.total.low[0], found.total.low[1], atol=1e-5)
    assert (with_noise.total.estimate > without.total.estimate).all()


@pytest.mark.parametrize(
    ("space", "rows", "match"),
    [
        (SMALL, (5, 3), r"\[5, 3\]"),
        (SMALL, (0, 2), r"\[0, 2\]"),
        (
            Space.build("big", tuple(Choice(f"c{i}", "abcd") for i in range(10))),
            (5, 10),
            "1,048,576",
        ),
    ],
)
def test_invalid_arguments_are_refused(space, rows, match):
    with pytest.raises(NmjaxError, match=match):
        patterns.predicted_sobol_indices(
            jax.random.key(0), space, np.zeros(rows, np.int32), np.zeros(rows[:1], np.float32)
        )
