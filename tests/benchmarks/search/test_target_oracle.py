"""Searches that start from given evaluations of their own target."""

import jax
import numpy as np
import pytest

from benchmarks.search import target_oracle
from benchmarks.tables import reference_tables
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments import Result, collect_provenance, write_result
from nmjax.search import BayesianSearch, make_problem
from nmjax.tasks import scores
from tests.related import SPACE, learn_related


@pytest.mark.slow
def test_given_evaluations_are_not_counted(related, monkeypatch):
    monkeypatch.setattr(target_oracle, "BUDGET", 10)
    score = np.asarray(scores(related)[0])
    problem = make_problem(SPACE, related.pool, score, learn_related()[0])
    algorithm = BayesianSearch(capacity=50)
    rows = np.asarray(
        target_oracle.search_after(jax.random.key(0), problem, algorithm=algorithm, free=40)
    )
    draw_key, _ = jax.random.split(jax.random.key(0))
    given = np.asarray(jax.random.permutation(draw_key, len(score)))[:40]
    assert len(set(rows.tolist())) == 10
    assert not set(rows.tolist()) & set(given.tolist())
    assert score[rows[0]] > np.nanquantile(np.delete(score, given), 0.8)


@pytest.mark.slow
def test_rows_count_evaluations_to_the_final_regret_of_rivals(related, monkeypatch, results):
    order = np.argsort(-np.nan_to_num(related.metrics["score"], nan=-9), axis=1)

    def best_at(step):
        rows = np.tile(order[:, None, -101:-1], (1, 2, 1))
        rows[..., step - 1] = order[:, :1]
        return rows

    kept = {name: Trajectories(best_at(90), False, "ours") for name in target_oracle.RIVALS}
    monkeypatch.setattr(target_oracle, "packaged_trajectories", lambda suite: kept)
    row = target_oracle.row_of(related, 12, best_at(7))
    assert [row[f"reaches_{rival}"] for rival in target_oracle.RIVALS] == [7, 7]
    assert row["regret"][-1] == pytest.approx(0, abs=1e-6)

    assert reference_tables.target_oracle() == reference_tables.markdown.UNMEASURED
    result = Result(
        **collect_provenance(), split="s", seeds=(0,), config={}, seconds=1.0, rows=(row,)
    )
    write_result(results / "search/target_oracle.json", result)
    assert "| 7 [7, 7] | 7 [7, 7] |" in reference_tables.target_oracle()
