import jax
import numpy as np

from nmjax.knowledge import source_scores
from nmjax.predictors import normal_scores
from nmjax.tasks import select_tasks
from tests.related import ROWS, plain_knowledge, related_history, with_ties


def test_sources_remember_their_scores():
    history = select_tasks(related_history(), np.arange(3))
    expected = jax.vmap(normal_scores)(history.metrics["score"])
    found = jax.jit(source_scores)(plain_knowledge(3))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_source_of_ties_was_evaluated():
    found = jax.jit(source_scores)(with_ties(plain_knowledge(3), 1))
    np.testing.assert_array_equal(found[1], np.zeros(ROWS))
    assert np.isfinite(found).all()
