"""Pasts that mislead: what optimizers left, and one source of no kin."""

import jax
import numpy as np
import pytest

from nmjax.evaluation.histories import evolved_history, unrelated_history
from nmjax.tasks import num_evaluations, sample_history


@pytest.mark.slow
def test_an_evolved_past_is_biased_and_holds_the_scores_of_the_table(suite):
    """Two searches of all 64 architectures, of which the second is cut short."""
    history = evolved_history(jax.random.key(0), suite, ("one", "three"), 100)
    rows = np.ravel_multi_index(np.moveaxis(history.architecture, -1, 0), suite.space.num_options)
    assert rows.shape == (2, 100)
    np.testing.assert_array_equal(num_evaluations(history), [64, 64])
    for place, task in enumerate((0, 2)):
        table, mask = suite.metrics["acc"][task], np.asarray(history.mask[place])
        assert sorted(rows[place][mask]) == list(range(64))
        np.testing.assert_array_equal(history.metrics["acc"][place], table[rows[place]])
        random, bred = table[rows[place][:20]], table[rows[place][20:40]]
        assert bred.mean() > random.mean()
    alone = evolved_history(jax.random.key(0), suite, ("three",), 100)
    np.testing.assert_array_equal(alone.architecture[0], history.architecture[1])


@pytest.mark.slow
def test_one_task_has_no_kin(suite):
    honest = sample_history(jax.random.key(2), suite, suite.tasks, 50)
    found = unrelated_history(jax.random.key(2), suite, suite.tasks, 50)
    np.testing.assert_array_equal(found.architecture, honest.architecture)
    changed = np.any(found.metrics["acc"] != honest.metrics["acc"], axis=1)
    assert changed.sum() == 1
    (task,) = np.flatnonzero(changed)
    for name, values in honest.metrics.items():
        theirs = found.metrics[name][task]
        np.testing.assert_array_equal(np.sort(theirs), np.sort(values[task]))
        assert np.corrcoef(theirs, values[task])[0, 1] < 0.5
