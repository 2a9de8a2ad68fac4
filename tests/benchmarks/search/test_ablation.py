"""Regret of searches without each part of what the past teaches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.search import ablation
from benchmarks.tables import markdown, reference_tables
from nmjax.evaluation import prepare
from nmjax.experiments import Result, collect_provenance, write_result
from nmjax.knowledge import LearnConfig, source_features
from nmjax.tasks import leave_one_out

BETTER = np.array([[0.1, 0.0], [0.2, 0.1], [0.6, 0.1]])
WORSE = np.array([[0.2, 0.1], [0.2, 0.1], [0.5, 0.1]])


def test_difference_is_paired_and_has_the_standard_error_of_its_mean():
    _, row = ablation.make_rows("design", {ablation.ALL: BETTER, "less": WORSE})
    assert row["regret"] == pytest.approx([0.3, 0.1])
    assert row["difference"] == pytest.approx([0, 0.1 / 3])
    # Differences 0.1, 0 and -0.1; and 0.1, 0 and 0.
    assert row["standard_error"] == pytest.approx([0.1 / np.sqrt(3), 0.1 / 3])
    assert row["pairs"] == 3


def test_regret_counts_from_the_third_evaluation_of_each_past(related):
    order = np.argsort(-np.nan_to_num(related.metrics["score"], nan=-9), axis=1)
    middle = order[:, (len(related.pool) - 1) // 2]
    rows = np.tile(middle[:, None, None, None], (1, 2, 2, 6))
    rows[:, 0, :, 2] = order[:, :1]  # The first past's searches find the best third.
    rows[:, 1, 0, 4] = order[:, 0]  # One search of the second past finds it fifth.
    regret = ablation.regret_of_pasts(related, rows)
    assert regret.shape == (len(related.tasks), 2, 2)
    np.testing.assert_allclose(regret[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(regret[:, 1, 0], (2 / 4 + 1) / 2, atol=0.1)
    np.testing.assert_allclose(regret[:, 1, 1], 1 / 2, atol=0.1)


def test_variants_bar_the_part_that_they_name(related):
    config = LearnConfig(kernel_steps=2, prior_steps=2, replay_size=8)
    split = leave_one_out(related, related.tasks[0])
    learned = prepare(jax.random.key(0), related, split, history_size=12, config=config)

    def problem(name):
        return ablation.vary(learned, ablation.VARIANTS[name]).problem

    whole, sources = learned.problem, source_features(len(split.sources))
    weight = jnp.exp(problem("without the guard").log_weights)
    np.testing.assert_allclose(weight, [1, 0], atol=1e-6)
    assert whole.prior.mean[0, sources].any()
    assert not problem("without the sources' means").prior.mean[0, sources].any()
    assert (problem("without the portfolio").portfolio == -1).all()
    assert len(problem("kernel alone").log_weights) == 1
    flat = problem("portfolio alone")
    assert (flat.portfolio >= 0).all()
    jax.tree.map(lambda leaf: np.testing.assert_array_equal(leaf[0], leaf[1]), flat.prior)


def test_table_shows_differences_with_their_signs(results):
    assert reference_tables.ablation() == markdown.UNMEASURED
    rows = ablation.make_rows("design", {ablation.ALL: BETTER, "nothing": BETTER + 0.25})
    rows += ablation.make_rows("frozen", {ablation.ALL: WORSE, "nothing": WORSE - 0.25})
    result = Result(
        **collect_provenance(), split="s", seeds=(0,), config={}, seconds=1.0, rows=tuple(rows)
    )
    write_result(results / "search/ablation.json", result)
    table = reference_tables.ablation()
    assert "| nothing | +0.2500 (0.0000) | +0.2500 (0.0000) | -0.2500 (0.0000) |" in table
    assert "| all parts, regret itself | 0.3000 | 0.0667 | 0.3000 | 0.1000 |" in table
