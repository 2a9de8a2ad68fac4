"""Estimates of similarity over several seeds, on small tasks that are related."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from benchmarks.knowledge.similarity_measures import NUMBERS, estimates
from nmjax.spaces import encode
from tests.related import SOURCES, SPACE, learn_related, related_history, related_tasks

SEEDS = 4


@pytest.mark.slow
def test_more_evaluations_tell_more():
    """Correlations with sources, half of them negated, over their whole tables."""
    how = "half-negated"
    tasks, past = related_tasks(), related_history(how).metrics["score"][:-1]
    keys = jax.random.split(jax.random.key(0), SEEDS)
    found = estimates(
        keys,
        learn_related(how)[0],
        encode(SPACE, jnp.asarray(tasks.pool)),
        jnp.asarray(tasks.scores[-1]),
        past,
        measure="rank",
    )
    assert found.estimate.shape == (SEEDS, len(NUMBERS), SOURCES)
    assert np.all(found.low <= found.estimate)
    assert np.all(found.estimate <= found.high)
    truth = [stats.spearmanr(scores, tasks.scores[-1]).statistic for scores in tasks.scores[:-1]]
    truth *= np.where(np.arange(SOURCES) % 2 == 0, -1, 1)
    correlation = np.corrcoef(np.append(found.estimate.mean(0), [truth], axis=0))[-1, :-1]
    assert correlation[-1] > 0.8
    width = (found.high - found.low).mean((0, 2))
    assert np.all(np.diff(width) < 0)
