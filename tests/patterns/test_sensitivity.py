import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nmjax import patterns
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space, encode, enumerate_architectures, option_mask
from nmjax.stats import draws_interval

MIXED = Space.build("mixed", (Choice("a", "xyz"), Choice("b", "uv"), Choice("c", "klmn")))
POOL = enumerate_architectures(MIXED)


def grid_scores(key=0):
    return np.random.default_rng(key).normal(size=len(POOL)).astype(np.float32)


def skewed(space):
    weights = np.random.default_rng(9).uniform(0.2, 1, size=(space.num_choices, space.max_options))
    weights = weights * np.asarray(option_mask(space))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def decomposition(scores, probabilities):
    """{subset: variance of its effect}: the functional ANOVA, effect by effect, on a full grid."""
    options = MIXED.num_options
    marginals = [row[:size].astype(float) for row, size in zip(probabilities, options, strict=True)]
    table, parts = np.asarray(scores, float).reshape(options), {(): 0.0}
    shown = {}
    for order in range(len(options) + 1):
        for subset in itertools.combinations(range(len(options)), order):
            effect = table
            for axis, marginal in enumerate(marginals):
                if axis not in subset:
                    shape = [-1 if axis == a else 1 for a in range(len(options))]
                    mean = (effect * marginal.reshape(shape)).sum(axis, keepdims=True)
                    effect = np.broadcast_to(mean, options)
            for smaller in shown:
                if set(smaller) < set(subset):
                    effect = effect - shown[smaller]
            shown[subset] = effect
            weight = np.einsum("i,j,k->ijk", *marginals)
            parts[subset] = (weight * effect**2).sum() if subset else 0.0
    return parts


UNIFORM = np.asarray(option_mask(MIXED)) / np.array(MIXED.num_options)[:, None]


@pytest.mark.parametrize("probabilities", [None, skewed(MIXED)])
def test_a_full_grid_against_its_decomposition(probabilities):
    scores = grid_scores()
    parts = decomposition(scores, UNIFORM if probabilities is None else probabilities)
    variance = sum(parts.values())
    ours = patterns.sobol_indices(MIXED, POOL, scores, probabilities)
    np.testing.assert_allclose(ours.first, [parts[c,] / variance for c in range(3)], atol=1e-5)
    for a, b in itertools.combinations(range(3), 2):
        np.testing.assert_allclose(
            [ours.pair[a, b], ours.pair[b, a]], parts[a, b] / variance, atol=1e-5
        )
    totals = [sum(v for s, v in parts.items() if c in s) / variance for c in range(3)]
    np.testing.assert_allclose(ours.total, totals, atol=1e-5)
    np.testing.assert_array_equal(np.diag(ours.pair), 0)
    # All orders add up to 1; the third is what the totals leave.
    orders = ours.first.sum() + ours.pair.sum() / 2 + parts[0, 1, 2] / variance
    np.testing.assert_allclose(orders, 1, atol=1e-5)


def test_an_additive_score_has_the_variances_of_its_terms():
    effect = [np.array([0.0, 1, 5]), np.array([2.0, 0]), np.array([0.0, 0, 0, 3])]
    scores = sum(e[POOL[:, c]] for c, e in enumerate(effect)).astype(np.float32)
    variances = np.array([e.var() for e in effect])
    ours = patterns.sobol_indices(MIXED, POOL, scores)
    np.testing.assert_allclose(ours.first, variances / variances.sum(), atol=1e-5)
    np.testing.assert_allclose(ours.total, ours.first, atol=1e-5)
    np.testing.assert_allclose(ours.pair, 0, atol=1e-5)


def test_parity_is_all_interaction():
    bits = Space.build("bits", tuple(Choice(f"b{i}", "01") for i in range(2)))
    ours = patterns.sobol_indices(bits, enumerate_architectures(bits), np.float32([0, 1, 1, 0]))
    np.testing.assert_allclose(ours.first, 0, atol=1e-6)
    np.testing.assert_allclose(ours.pair, [[0, 1], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(ours.total, 1, atol=1e-6)


ISHIGAMI = Space.build(
    "ishigami", tuple(Choice(f"x{i}", tuple(range(64)), "ordinal") for i in range(1, 4))
)


def ishigami(architecture):
    angle = jnp.pi * ((2 * architecture.astype(jnp.float32) + 1) / 64 - 1)
    x1, x2, x3 = angle[:, 0], angle[:, 1], angle[:, 2]
    return jnp.sin(x1) + 7 * jnp.sin(x2) ** 2 + 0.1 * x3**4 * jnp.sin(x1)


V1, V2, V13 = 0.5 * (1 + np.pi**4 / 50) ** 2, 49 / 8, np.pi**8 * 8 / (225 * 100)


@pytest.mark.slow
def test_ishigami_in_closed_form():
    """Ishigami and Homma 1990, with a = 7 and b = 0.1, on a fine grid and by draws."""
    variance = V1 + V2 + V13
    first = np.array([V1, V2, 0]) / variance
    total = np.array([V1 + V13, V2, V13]) / variance
    ours = patterns.sampled_sobol_indices(
        jax.random.key(0), ISHIGAMI, ishigami, samples=8192, resamples=100, level=0.999
    )
    for interval, exact in (
        (ours.first, first),
        (ours.total, total),
        (ours.pair, np.array([[0, 0, V13], [0, 0, 0], [V13, 0, 0]]) / variance),
    ):
        # The grid of midpoints moves x3's fourth moments by some tenths of a percent.
        assert (interval.low - 0.005 <= exact).all()
        assert (exact <= interval.high + 0.005).all()
        assert (interval.high - interval.low < 0.2).all()
    pool = enumerate_architectures(ISHIGAMI)
    grid = patterns.sobol_indices(ISHIGAMI, pool, ishigami(jnp.asarray(pool)))
    np.testing.assert_allclose(grid.first, first, atol=0.003)
    np.testing.assert_allclose(grid.total, total, atol=0.003)


@pytest.mark.slow
def test_draws_agree_with_the_table_and_cover_it():
    scores, probabilities = grid_scores(2), skewed(MIXED)
    exact = patterns.sobol_indices(MIXED, POOL, scores, probabilities)
    table = jnp.asarray(scores).reshape(MIXED.num_options)

    def look_up(architecture):
        return table[architecture[:, 0], architecture[:, 1], architecture[:, 2]]

    covered = []
    for key in jax.random.split(jax.random.key(1), 20):
        ours = patterns.sampled_sobol_indices(
            key, MIXED, look_up, probabilities, samples=500, resamples=200, level=0.9
        )
        for interval, truth in ((ours.first, exact.first), (ours.total, exact.total)):
            covered.append((interval.low <= truth) & (truth <= interval.high))
    # 120 intervals of 90%, of which those of one draw depend on one another.
    assert 0.8 < np.mean(covered) < 0.98


def test_an_incomplete_pool_gives_shares_of_its_own_variance():
    """Rows of two choices that are always equal: each explains all, and neither is needed."""
    twins = Space.build("twins", (Choice("a", "xyz"), Choice("b", "xyz")))
    pool = np.repeat(np.arange(3), 2).reshape(3, 2)
    ours = patterns.sobol_indices(twins, pool, np.float32([0, 1, 5]))
    np.testing.assert_allclose(ours.first, 1, atol=1e-6)
    np.testing.assert_allclose(ours.total, 0, atol=1e-6)
    np.testing.assert_allclose(ours.pair[0, 1], -1, atol=1e-6)


def test_failed_evaluations_leave_the_pool():
    scores = grid_scores(3)
    scores[[1, 5, 17]] = np.nan
    kept = ~np.isnan(scores)
    ours = patterns.sobol_indices(MIXED, POOL, scores)
    pool, values = POOL[kept], scores[kept].astype(float)
    for choice in range(3):
        groups = [values[pool[:, choice] == o] for o in range(MIXED.num_options[choice])]
        between = sum(len(g) * (g.mean() - values.mean()) ** 2 for g in groups)
        share = between / (len(values) * values.var())
        np.testing.assert_allclose(ours.first[choice], share, atol=1e-5)


def test_draws_of_a_posterior_and_batches():
    mean, noise = grid_scores(4), 0.1 * np.random.default_rng(5).normal(size=(200, len(POOL)))
    draws = (mean + noise).astype(np.float32)
    of_draws = jax.jit(lambda s: patterns.sobol_indices(MIXED, POOL, s))(draws)
    alone = patterns.sobol_indices(MIXED, POOL, draws[7])
    for batched, one in zip(of_draws, alone, strict=True):
        np.testing.assert_allclose(batched[7], one, atol=1e-5)
    ours = draws_interval(of_draws, level=0.8)
    np.testing.assert_allclose(ours.total.low, np.quantile(of_draws.total, 0.1, 0), atol=1e-5)
    np.testing.assert_allclose(ours.pair.high, np.quantile(of_draws.pair, 0.9, 0), atol=1e-5)
    np.testing.assert_allclose(ours.first.estimate, np.mean(of_draws.first, 0), atol=1e-5)


def test_constant_scores_have_no_shares():
    ours = patterns.sobol_indices(MIXED, POOL, np.zeros(len(POOL), np.float32))
    assert np.isnan(ours.first).all()


def test_tasks_agree_as_far_as_their_vectors_do():
    indices = np.random.default_rng(6).uniform(size=(5, 4, 7)).astype(np.float32)
    cosine = patterns.sensitivity_agreement(indices)
    ranks = patterns.sensitivity_agreement(indices, ranks=True)
    assert cosine.shape == ranks.shape == (5, 4, 4)
    for a, b in itertools.product(range(4), repeat=2):
        x, y = indices[2, a], indices[2, b]
        expected = x @ y / np.sqrt((x @ x) * (y @ y))
        np.testing.assert_allclose(cosine[2, a, b], expected, atol=1e-5)
        np.testing.assert_allclose(ranks[2, a, b], scipy.stats.spearmanr(x, y)[0], atol=1e-5)


def test_a_predictor_of_encodings():
    """A linear predictor of one-hots has no interactions, whatever its weights."""
    space = Space.build("flat", tuple(Choice(f"c{i}", "abcd") for i in range(5)))
    weights = jax.random.normal(jax.random.key(3), (20,))
    ours = patterns.sampled_sobol_indices(
        jax.random.key(4), space, lambda a: encode(space, a) @ weights, samples=1000, resamples=50
    )
    variance = np.asarray(weights).reshape(5, 4).var(1)
    np.testing.assert_allclose(ours.first.estimate, variance / variance.sum(), atol=0.1)
    np.testing.assert_allclose(ours.total.estimate, variance / variance.sum(), atol=0.1)


BIG = Space.build("big", tuple(Choice(f"c{i}", "abcd") for i in range(12)))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: patterns.sobol_indices(MIXED, POOL[:, :2], grid_scores()), r"\[24, 2\]"),
        (lambda: patterns.sobol_indices(MIXED, POOL, grid_scores()[:5]), r"scores \[5\]"),
        (
            lambda: patterns.sobol_indices(MIXED, POOL, grid_scores(), np.ones((3, 3))),
            r"probabilities \[3, 3\]",
        ),
        (lambda: patterns.sobol_indices(BIG, np.zeros((2, 12), int), np.zeros(2)), "16,777,216"),
        (lambda: patterns.sensitivity_agreement(np.zeros(3)), r"indices \[3\]"),
    ],
)
def test_invalid_arguments_are_refused(call, match):
    with pytest.raises(NmjaxError, match=match):
        call()
