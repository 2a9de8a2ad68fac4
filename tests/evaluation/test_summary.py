import dataclasses

import jax
import numpy as np
import pytest

from nmjax.evaluation.method_runs import MethodRun
from nmjax.evaluation.summary import (
    best_architecture,
    incumbent_rows,
    incumbent_values,
    regret_curves,
    summarize,
)
from nmjax.search import SearchInfo
from nmjax.spaces import parse
from nmjax.tasks import oriented_metric

NAN = np.nan


def make_run(row, score, gain=NAN, transfer_weight=NAN):
    score = np.asarray(score, np.float32)
    full = np.full_like(score, gain)
    trace = SearchInfo(
        np.asarray(row, np.int32),
        score,
        ~np.isnan(full * 0 + 1),
        full,
        full,
        full * NAN
        if np.isnan(transfer_weight)
        else np.linspace(transfer_weight, 1, score.size).reshape(score.shape).astype(np.float32),
    )
    return MethodRun(trace, np.full(len(score), 2 * gain), {"compile": 1.0, "run": 2.0})


def run_of(prepared, row, **kwargs):
    return make_run(row, np.asarray(prepared.problem.score)[np.asarray(row)], **kwargs)


def test_the_incumbent_is_the_first_row_with_the_best_score():
    trace = make_run([[4, 2, 9, 7, 1]], [[NAN, 1.0, 3.0, 3.0, 2.0]]).trace
    np.testing.assert_array_equal(incumbent_rows(trace), [[-1, 2, 9, 9, 9]])
    metric = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(incumbent_values(trace, metric), [[NAN, 2, 9, 9, 9]])


def test_lower_is_better_is_turned_around(prepared):
    suite = prepared.suite
    np.testing.assert_array_equal(oriented_metric(suite, "time"), -suite.metrics["time"])
    np.testing.assert_array_equal(oriented_metric(suite, "acc"), suite.metrics["acc"])


@pytest.mark.parametrize("metric", ["acc", "time"])
def test_regret_is_that_of_the_raw_metric(prepared, metric):
    suite = dataclasses.replace(prepared.suite, score_metric=metric)
    raw = suite.metrics[metric][2].astype(np.float64) * (1 if metric == "acc" else -1)
    row = np.random.default_rng(0).permuted(np.tile(np.arange(64), (3, 1)), axis=1)[:, :12]
    curves = regret_curves(
        dataclasses.replace(prepared, suite=suite), {"random": make_run(row, raw[row])}
    )
    best = np.maximum.accumulate(raw[row], axis=1)
    expected = (raw.max() - best) / (raw.max() - np.median(raw))
    np.testing.assert_allclose(curves["random"], expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def rows(prepared):
    order = np.argsort(np.asarray(prepared.problem.score))
    good = np.stack([order[[60, 61, 63, 0]], order[[60, 62, 63, 1]]])
    bad = np.stack([order[[0, 1, 2, 60]], order[[0, 1, 2, 60]]])
    runs = {
        "transfer": run_of(prepared, good, gain=0.5, transfer_weight=0.25),
        "random": run_of(prepared, bad),
    }
    return {row["method"]: row for row in summarize(jax.random.key(0), prepared, runs)}


def test_a_row_holds_what_the_searches_came_to(prepared, rows):
    accuracy, test = prepared.suite.metrics["acc"][2], prepared.suite.metrics["test"][2]
    best = accuracy.argmax()
    good = rows["transfer"]
    assert list(good["regret"]) == ["1", "4"]
    assert good["best"] == pytest.approx(accuracy[best])
    assert good["test"] == pytest.approx(test[best])
    assert good["quantile"] == 1
    assert good["regret"]["4"]["mean"] == pytest.approx(0, abs=1e-6)
    assert good["expected_information_gain"] == pytest.approx(4 * 0.5)
    assert good["information_gain"] == pytest.approx(1.0)
    assert good["transfer_weight"]["first"] < good["transfer_weight"]["last"] <= 1
    assert good["seconds"] == {"compile": 1.0, "run": 2.0}


@pytest.mark.parametrize("metric", ["acc", "time"])
def test_the_best_architecture_is_printed_in_the_metrics_direction(prepared, metric):
    suite = dataclasses.replace(prepared.suite, score_metric=metric)
    raw = suite.metrics[metric][2]
    sign = 1 if metric == "acc" else -1
    order = np.argsort(sign * raw)
    row = np.stack([order[[3, 60, 5]], order[[1, 2, 62]]])
    run = make_run(row, np.where(row == order[5], NAN, sign * raw[row]))
    changed = dataclasses.replace(prepared, suite=suite)
    found = summarize(jax.random.key(0), changed, {"random": run})[0]
    best = found["best_architecture"]
    np.testing.assert_array_equal(parse(suite.space, best["architecture"]), suite.pool[order[62]])
    assert (best["seed"], best["evaluation"]) == (1, 3)
    assert best["value"] == pytest.approx(raw[order[62]]) != -raw[order[62]]
    assert best["test"] == pytest.approx(suite.metrics["test"][2, order[62]])
    info = suite.metric_info[metric]
    assert (best["metric"], best["unit"], best["direction"]) == (metric, info.unit, info.direction)
    assert found["best"] == pytest.approx(raw[order[[60, 62]]].mean())


def test_no_architecture_is_found_where_all_failed(prepared):
    assert best_architecture(prepared, make_run([[1, 2]], [[NAN, NAN]])) is None


def test_a_row_says_when_it_reached_the_others(rows):
    assert rows["transfer"]["reach"] == {"random": {"evaluations": 1, "ci": [1, 1]}}
    assert rows["random"]["reach"] == {"transfer": {"evaluations": None, "ci": [None, None]}}


def test_the_interval_holds_the_mean_and_is_a_point_where_seeds_agree(rows):
    regret = rows["random"]["regret"]["4"]
    np.testing.assert_allclose(regret["ci"], regret["mean"], rtol=1e-5)
    for row in rows.values():
        for cell in row["regret"].values():
            low, high = cell["ci"]
            assert low - 1e-6 <= cell["mean"] <= high + 1e-6


def test_what_a_method_has_none_of_is_missing(prepared, rows):
    assert np.isnan(rows["random"]["expected_information_gain"])
    assert np.isnan(rows["random"]["transfer_weight"]["last"])
    suite = dataclasses.replace(prepared.suite, test_metric=None)
    run = run_of(prepared, [[0, 1]])
    without = dataclasses.replace(prepared, suite=suite)
    assert summarize(jax.random.key(0), without, {"random": run})[0]["test"] is None
