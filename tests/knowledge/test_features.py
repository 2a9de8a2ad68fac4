import jax
import numpy as np

from nmjax.knowledge import source_scores
from nmjax.predictors import normal_scores
from nmjax.tasks import select_tasks
from tests.related import plain_knowledge, related_history


def test_sources_remember_their_scores():
    history = select_tasks(related_history(), np.arange(3))
    expected = jax.vmap(normal_scores)(history.metrics["score"])
    found = jax.jit(source_scores)(plain_knowledge(3))
    np.testing.assert_allclose(found, expected, atol=1e-3)
