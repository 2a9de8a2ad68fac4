"""Shares of failed evaluations with and without the probability of success."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.search import failures
from benchmarks.tables import markdown, reference_tables
from nmjax.experiments import Result, collect_provenance, write_result


def test_an_architecture_fails_if_all_named_edges_are_convolutions():
    suite = SimpleNamespace(pool=np.array([[0, 0, 0, 0, 3, 3], [0, 0, 0, 0, 1, 3], [3] * 5 + [0]]))
    assert failures.failing(suite, (5,)).tolist() == [True, True, False]
    assert failures.failing(suite, (4, 5)).tolist() == [True, False, False]
    assert not failures.failing(suite, ()).any()


def test_shares_and_regret_of_a_trace():
    table = np.array([0.0, 0.5, 1.0, np.nan, 0.25])
    score = np.full((2, failures.BUDGET), 0.5)
    score[0, :10] = np.nan
    score[1, -1] = 1.0
    row = failures.summarize(score, table)
    assert row["failed_first_10"] == 0.5
    assert row["failed_last_half"] == 0
    # The median is 0.375; a search without a success has the regret of the worst.
    assert row["regret"] == pytest.approx([(1.6 + 0.8) / 2, (1.6 + 0.8) / 2, 0.8, 0.4])


def test_the_table_has_a_row_a_method(results):
    assert reference_tables.failures() == markdown.UNMEASURED
    row = failures.summarize(np.ones((1, failures.BUDGET)), np.arange(3.0))
    row |= {"fails": "one option", "method": "bayesian", "past": "no past", "barred": True}
    result = Result(
        **collect_provenance(), split="s", seeds=(0,), config={}, seconds=1.0, rows=(row,)
    )
    write_result(results / "search/failures.json", result)
    expected = "| one option | bayesian | no past | barred | 0.000 | 0.000 | 1.000 |"
    assert expected in reference_tables.failures()
