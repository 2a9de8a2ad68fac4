"""Regret of searches with and without the meta-trained network."""

import numpy as np
import pytest

from benchmarks.search import network_ablation

REGRET = {"with": np.array([0.1, 0.2, 0.6]), "without": np.array([0.2, 0.2, 0.5])}
SECONDS = {"with": 2.0, "without": 1.0}


def test_difference_is_paired_and_has_the_standard_error_of_its_mean():
    row = network_ablation.make_row("toy", REGRET, SECONDS)
    assert (row["regret_with"], row["regret_without"]) == pytest.approx((0.3, 0.3))
    assert row["difference"] == pytest.approx(0)
    assert row["standard_error"] == pytest.approx(0.1 / np.sqrt(3))  # differences -0.1, 0 and 0.1
    assert row["pairs"] == 3
    assert (row["cpu_seconds_with"], row["cpu_seconds_without"]) == (2.0, 1.0)


def test_regret_counts_from_the_third_evaluation_of_each_past(related):
    order = np.argsort(-np.nan_to_num(related.metrics["score"], nan=-9), axis=1)
    middle = order[:, (len(related.pool) - 1) // 2]
    rows = np.tile(middle[:, None, None, None], (1, 2, 2, 6))
    rows[:, 0, :, 2] = order[:, :1]  # The first past's searches find the best third.
    rows[:, 1, 0, 4] = order[:, 0]  # One search of the second past finds it fifth.
    regret = network_ablation.regret_of_pasts(related, rows)
    assert regret.shape == (len(related.tasks), 2)
    np.testing.assert_allclose(regret[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(regret[:, 1], (2 / 4 + 1) / 2, atol=0.1)
