"""Regret of searches with and without the meta-trained network."""

import numpy as np
import pytest

from benchmarks.search import network_ablation
from benchmarks.tables import markdown, reference_tables
from nmjax.experiments import Result, collect_provenance, write_result

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


def test_table_shows_the_difference_with_its_sign(results):
    assert reference_tables.network_ablation() == markdown.UNMEASURED
    more = {name: values + 0.25 * (name == "with") for name, values in REGRET.items()}
    row = network_ablation.make_row("all", more, SECONDS)
    result = Result(
        **collect_provenance(), split="s", seeds=(0,), config={}, seconds=1.0, rows=(row,)
    )
    write_result(results / "search/network_ablation.json", result)
    assert "| all | 0.5500 | 0.3000 | +0.2500 (0.0577) | 3 |" in reference_tables.network_ablation()
