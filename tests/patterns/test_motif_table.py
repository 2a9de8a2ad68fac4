import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from nmjax import patterns
from nmjax.errors import NmjaxError
from nmjax.patterns import Patterns, leading_motifs
from nmjax.spaces import Choice, Space, sample

MIRROR = Space.build(
    "mirror",
    (Choice("a", "xyz"), Choice("b", "xyz")),
    canonical=lambda architecture: jnp.sort(architecture, axis=-1),
)


@pytest.fixture(scope="module")
def past():
    """Three tasks of 300: an x among the choices helps on all, one has failures."""
    keys = jax.random.split(jax.random.key(0))
    rows = sample(keys[0], MIRROR, (3, 300))
    score = (rows == 0).any(-1).astype(jnp.float32) + jax.random.normal(keys[1], (3, 300))
    return rows, np.array(patterns.is_best(score, jnp.float32(0.2))), np.arange(300) < 280


def fisher(rows, chosen, name):
    """The p-value of a motif such as "a=x" being no more frequent among the chosen, by SciPy."""
    present = np.sort(rows, axis=-1)[:, "ab".index(name[0])] == "xyz".index(name[2])
    cells = [[(present & side).sum(), (~present & side).sum()] for side in (chosen, ~chosen)]
    return scipy.stats.fisher_exact(cells, alternative="greater").pvalue


@pytest.mark.slow
def test_tables_are_of_canonical_architectures_and_rates_of_all_tests(past):
    rows, chosen, known = past
    table = patterns.motif_table(MIRROR, rows, chosen, jnp.asarray(known))
    names = patterns.motif_names(MIRROR)
    tasks = list(zip(np.asarray(rows)[:, known], chosen[:, known], strict=True))
    p_values = np.array([[fisher(*task, name) for name in names] for task in tasks])
    rates = scipy.stats.false_discovery_control(p_values.ravel()).reshape(p_values.shape)
    np.testing.assert_allclose(table.task_rate, rates, rtol=2e-3)
    everywhere = scipy.stats.false_discovery_control(p_values.max(0))
    np.testing.assert_allclose(table.everywhere, everywhere, rtol=2e-3)
    assert table.everywhere[names.index("a=x")] < 0.01
    assert table.everywhere[names.index("b=z")] > 0.5


def test_one_task_is_its_own_everywhere_and_somewhere(past):
    rows, chosen, _ = past
    table = patterns.motif_table(MIRROR, rows[:1], chosen[:1])
    np.testing.assert_array_equal(table.everywhere, table.task_rate[0])
    np.testing.assert_array_equal(table.somewhere, table.task_rate[0])
    np.testing.assert_array_equal(table.log_odds, table.task_log_odds[0])
    assert (table.low < table.log_odds).all()
    assert np.isnan(table.differs).all()


def test_a_motif_that_accompanies_a_more_certain_one_is_left_out():
    low = np.array([0.5, 2.0, 1.9, 1.0, 3.0])
    rate = np.array([0.01, 0.01, 0.01, 0.01, 0.2])
    nothing = np.zeros(5)
    table = patterns.MotifTable(nothing, low, low, rate, rate, nothing, low[None], rate[None])
    overlap = np.eye(5)
    overlap[1, 2] = overlap[2, 1] = 0.8
    overlap[3, 2] = overlap[2, 3] = 0.8  # which is left out itself
    found = Patterns(tuple("abcde"), overlap, {}, None, {})
    np.testing.assert_array_equal(leading_motifs(found, table, rate=0.05), [1, 3, 0])
    assert leading_motifs(found, table, rate=0.001).shape == (0,)


def test_arrays_that_are_not_of_tasks_are_refused():
    with pytest.raises(NmjaxError, match=r"chosen \[4\]"):
        patterns.motif_table(MIRROR, np.zeros((4, 2), int), np.zeros(4, bool))
