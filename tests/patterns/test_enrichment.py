import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nmjax import patterns
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space, get_space, sample

LETTERS = Space.build("letters", tuple(Choice(f"c{i}", "abcd") for i in range(10)))
NAMES = patterns.motif_names(LETTERS)


def rows_of(a, b, c, d):
    """Evaluations with the table [[a, b], [c, d]] of (chosen or not) by (motif or not)."""
    present = np.repeat([True, False, True, False], [a, b, c, d])[:, None]
    return present, np.arange(a + b + c + d) < a + b


TABLES = [(8, 2, 1, 5), (0, 5, 7, 3), (3, 0, 2, 9), (40, 60, 700, 900), (90, 10, 400, 1500)]


@pytest.mark.parametrize("table", TABLES)
def test_tables_against_scipy(table):
    ours = patterns.motif_enrichment(*rows_of(*table), level=0.9)
    cells = np.reshape(table, (2, 2))
    for alternative, p_value in (("greater", ours.enriched), ("less", ours.depleted)):
        exact = scipy.stats.fisher_exact(cells, alternative=alternative).pvalue
        np.testing.assert_allclose(p_value[0], exact, rtol=1e-3, atol=1e-37)
    (a, b), (c, d) = cells + 0.5
    log_odds, std = np.log(a * d / (b * c)), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    np.testing.assert_allclose(ours.log_odds[0], log_odds, rtol=1e-4)
    ends = scipy.stats.norm.interval(0.9, log_odds, std)
    np.testing.assert_allclose([ours.low[0], ours.high[0]], ends, rtol=1e-3)


def test_large_pools_keep_precision():
    """Where log-factorials would be hundreds of thousands."""
    for motif in (700, 780, 860):
        ours = patterns.motif_enrichment(*rows_of(motif, 1562 - motif, 7030, 7033))
        law = scipy.stats.hypergeom(15_625, 7030 + motif, 1562)
        np.testing.assert_allclose(ours.enriched[0], law.sf(motif - 1), rtol=1e-3)
        np.testing.assert_allclose(ours.depleted[0], law.cdf(motif), rtol=1e-3)


def test_masks_batches_and_untestable_motifs():
    rng = np.random.default_rng(0)
    present, chosen = rng.random((3, 50, 4)) < 0.4, rng.random((3, 50)) < 0.3
    present[..., 2], present[..., 3] = True, False
    mask = np.arange(50) < 35
    traces = []

    @jax.jit
    def enrich(present, chosen, mask):
        traces.append(None)
        return patterns.motif_enrichment(present, chosen, mask)

    both = [enrich(present, chosen, keep) for keep in (jnp.asarray(mask), jnp.ones(50, bool))]
    assert len(traces) == 1
    for item in range(3):
        alone = patterns.motif_enrichment(present[item, :35], chosen[item, :35])
        for ours, expected in zip(both[0], alone, strict=True):
            np.testing.assert_allclose(ours[item], expected, rtol=1e-4)
    assert np.isnan(both[0].enriched[:, 2:]).all()
    assert np.isnan(both[0].depleted[:, 2:]).all()
    assert np.isfinite(both[0].enriched[:, :2]).all()
    assert np.isnan(enrich(present, np.zeros_like(chosen), jnp.asarray(mask)).enriched).all()


def test_the_best_include_ties_and_no_failures():
    scores = np.array([3, np.nan, 1, 2, 2, 0, 0, 0, 0, 9, 0], np.float32)
    mask = np.arange(11) != 9
    best = patterns.is_best(scores, 0.25, mask)
    np.testing.assert_array_equal(np.flatnonzero(best), [0, 3, 4])


@pytest.mark.parametrize("any_dependence", [False, True])
def test_false_discovery_rates_against_scipy(any_dependence):
    p_value = np.random.default_rng(1).uniform(size=(4, 60)).astype(np.float32) ** 3
    p_value[:, :5] = p_value[:, 5:10]
    method = "by" if any_dependence else "bh"
    expected = scipy.stats.false_discovery_control(p_value, axis=-1, method=method)
    untested = np.concatenate([p_value, np.full((4, 7), np.nan, np.float32)], axis=-1)
    order = np.random.default_rng(2).permutation(67)
    ours = np.asarray(
        patterns.false_discovery_rate(untested[:, order], any_dependence=any_dependence)
    )[:, np.argsort(order)]
    np.testing.assert_allclose(ours[:, :60], expected, rtol=1e-4)
    assert np.isnan(ours[:, 60:]).all()


def planted_histories(batch, evaluations, effect):
    """Histories in which c2=b and c7=d each add `effect` to scores of unit noise."""
    keys = jax.random.split(jax.random.key(0), 2)
    architecture = sample(keys[0], LETTERS, (batch, evaluations))
    lift = (architecture[..., 2] == 1).astype(jnp.float32)
    lift = lift + (architecture[..., 7] == 3).astype(jnp.float32)
    noise = jax.random.normal(keys[1], (batch, evaluations))
    return architecture, effect * lift + noise


def discoveries(architecture, scores, *, rate):
    best = patterns.is_best(scores, 0.2)
    tests = patterns.motif_enrichment(patterns.find_motifs(LETTERS, architecture), best)
    return np.asarray(patterns.false_discovery_rate(tests.enriched)) <= rate


PLANTED = np.isin(NAMES, ["c2=b", "c7=d"])
# The other options of a planted choice are depleted; nothing is enriched but what was planted.


@pytest.mark.slow
def test_planted_motifs_are_found_and_few_others():
    found = discoveries(*planted_histories(150, 800, 0.8), rate=0.1)
    recall = found[:, PLANTED].mean()
    share = (found[:, ~PLANTED].sum(1) / np.maximum(found.sum(1), 1)).mean()
    assert recall > 0.95
    assert share < 0.1 + 2 * np.sqrt(0.1 * 0.9 / 150)
    # Nothing planted: any discovery is false, so a share of 1 where there is one.
    null = discoveries(*planted_histories(150, 800, 0.0), rate=0.1)
    assert null.any(1).mean() < 0.1 + 3 * np.sqrt(0.1 * 0.9 / 150)
    # Testing each at 0.1 would not do.
    tests = patterns.motif_enrichment(
        patterns.find_motifs(LETTERS, planted_histories(20, 800, 0.0)[0]),
        patterns.is_best(planted_histories(20, 800, 0.0)[1], 0.2),
    )
    assert (np.asarray(tests.enriched) <= 0.1).any(1).mean() > 0.8


@pytest.mark.slow
def test_a_planted_pair_leads_the_pairs_and_failures_have_theirs():
    space = get_space("nas-bench-201")
    names = patterns.motif_names(space)
    architecture = sample(jax.random.key(1), space, (1500,))
    present = patterns.find_motifs(space, architecture)
    pair = present[:, names.index("nor_conv_3x3>skip_connect")]
    noise = jax.random.normal(jax.random.key(2), (1500,))
    none = jnp.sum(architecture == 0, axis=-1) >= 3
    scores = jnp.where(none & (noise > 0), jnp.nan, noise + 1.5 * pair.astype(jnp.float32))
    best = patterns.motif_enrichment(present, patterns.is_best(scores, 0.1), ~jnp.isnan(scores))
    pairs = [i for i, n in enumerate(names) if n.count(">") == 1 and "put" not in n]
    leader = min(pairs, key=lambda i: best.enriched[i])
    assert names[leader] == "nor_conv_3x3>skip_connect"
    assert best.low[leader] > 0
    failed = patterns.motif_enrichment(present, jnp.isnan(scores))
    counts = [i for i, n in enumerate(names) if n.startswith("count")]
    rates = patterns.false_discovery_rate(failed.enriched)
    assert [names[i] for i in counts if rates[i] <= 0.01] == ["count none"]


@pytest.mark.slow
def test_intervals_cover_the_odds_ratio():
    """Known odds: 0.5 among the chosen, 0.2 among the rest, so a ratio of 4."""
    chosen = jnp.arange(200)[:, None] < 40
    chance = jnp.where(chosen, 0.5, 0.2)
    present = jax.random.uniform(jax.random.key(3), (200, 2000)) < chance
    ours = patterns.motif_enrichment(present, chosen[:, 0], level=0.9)
    inside = (ours.low <= np.log(4)) & (np.log(4) <= ours.high)
    assert abs(inside.mean() - 0.9) < 0.025


def enrichment_of(log_odds, std, p_value):
    log_odds, std, p_value = (np.asarray(x, np.float32) for x in (log_odds, std, p_value))
    return patterns.Enrichment(log_odds, std, log_odds, log_odds, p_value, 1 - p_value)


def test_replication_by_hand():
    effect, std = np.array([1.0, 1.4, -0.2]), np.array([0.2, 0.4, 0.25])
    ours = patterns.replicate(
        enrichment_of(effect[:, None], std[:, None], [[0.01], [0.002], [0.8]])
    )
    np.testing.assert_allclose(ours.everywhere, [0.8])
    np.testing.assert_allclose(ours.somewhere, [0.006], rtol=1e-5)
    weight = 1 / std**2
    q = (weight * (effect - np.average(effect, weights=weight)) ** 2).sum()
    between = (q - 2) / (weight.sum() - (weight**2).sum() / weight.sum())
    np.testing.assert_allclose(ours.differs, [scipy.stats.chi2.sf(q, 2)], rtol=1e-3)
    weight = 1 / (std**2 + between)
    mean = np.average(effect, weights=weight)
    ends = scipy.stats.norm.interval(0.95, mean, weight.sum() ** -0.5)
    np.testing.assert_allclose(ours.log_odds, [mean], rtol=1e-4)
    np.testing.assert_allclose([ours.low[0], ours.high[0]], ends, rtol=1e-4)
    other = patterns.replicate(
        enrichment_of(effect[:, None], std[:, None], [[0.01], [0.002], [0.8]]),
        direction="depleted",
    )
    np.testing.assert_allclose(other.somewhere, [3 * 0.2], rtol=1e-5)


def test_a_task_without_the_motif_is_no_evidence():
    nan = np.nan
    tasks = enrichment_of([[1.0, 2, 2], [1.0, 9, 9]], np.ones((2, 3)), [[0.1] * 3, [0.1, nan, nan]])
    ours = patterns.replicate(tasks)
    np.testing.assert_allclose(ours.log_odds, [1, 2, 2], rtol=1e-5)
    np.testing.assert_allclose(ours.everywhere, [0.1, 1, 1])
    np.testing.assert_allclose(ours.differs, [1, nan, nan])


@pytest.mark.slow
def test_motifs_that_hold_everywhere_differ_from_those_that_hold_somewhere():
    """Six tasks: c2=b lifts scores in all, c7=d in the first three."""
    keys = jax.random.split(jax.random.key(4), 2)
    architecture = sample(keys[0], LETTERS, (6, 1500))
    lift = (architecture[..., 2] == 1).astype(jnp.float32)
    somewhere = (architecture[..., 7] == 3) & (jnp.arange(6) < 3)[:, None]
    scores = lift + somewhere.astype(jnp.float32) + jax.random.normal(keys[1], (6, 1500))
    present = patterns.find_motifs(LETTERS, architecture)
    ours = patterns.replicate(patterns.motif_enrichment(present, patterns.is_best(scores, 0.2)))
    rates = [np.asarray(patterns.false_discovery_rate(p)) <= 0.05 for p in ours[3:]]
    everywhere, in_some, differs = ([n for n, k in zip(NAMES, r, strict=True) if k] for r in rates)
    assert everywhere == ["c2=b"]
    assert in_some == ["c2=b", "c7=d"]
    assert "c7=d" in differs
    assert "c2=b" not in differs


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: patterns.motif_enrichment(np.ones((4, 2)), np.ones(3)), r"chosen \[3\]"),
        (lambda: patterns.motif_enrichment(np.ones((4, 2)), np.ones(4), level=95), "level=95"),
        (lambda: patterns.replicate(enrichment_of([[1.0]], [[1.0]], [[0.5]])), r"\[1, 1\]"),
        (
            lambda: patterns.replicate(enrichment_of(*np.ones((3, 2, 1))), direction="up"),
            "direction='up'",
        ),
    ],
)
def test_invalid_arguments_are_refused(call, match):
    with pytest.raises(NmjaxError, match=match):
        call()
