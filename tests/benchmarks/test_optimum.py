import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.reproductions import optimum


def test_evaluations_to_the_best_by_hand():
    score = np.array([0.1, 0.9, np.nan, 0.9, 0.3])
    at = optimum.found_at(np.array([[0, 4, 3], [1, 3, 0], [2, 0, 4]]), score)
    np.testing.assert_array_equal(at, [3, 1, np.inf])
    row = optimum.summarise("local-search", "cifar100", at)
    assert (row["median"], row["mean"], row["found"]) == (3, None, pytest.approx(2 / 3))
    assert optimum.summarise("evolution", "cifar10", at[:2])["mean"] == 2


def test_random_search_is_known_exactly():
    """The first of two best among three: 1, 1 or 2 draws, equally likely."""
    assert optimum.exact_random(jnp.array([1.0, 0.0, 1.0])) == pytest.approx(4 / 3)
