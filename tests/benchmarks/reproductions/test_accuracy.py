"""Accuracy across tasks: what of a target is read, the trivial methods by hand, and the rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import BayesianRidge, RidgeCV

from benchmarks.reproductions import accuracy
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.experiments import is_met
from nmjax.search import make_problem
from nmjax.spaces import encode
from nmjax.tasks import leave_one_out, scores
from tests.related import CONFIG, METRIC, SOURCES, learn_related, related_history

METHODS = ("transfer", "kernel-transfer", *accuracy.TRIVIAL, *accuracy.WHOLE)
NEED_LABELS = ("ridge", "ridge on the past", "ridge on tables")


@pytest.fixture(scope="module")
def prepared(related):
    """The last task's, after the past of the others."""
    split = leave_one_out(related, related.tasks[-1])
    knowledge, info = learn_related()
    history = jax.tree.map(lambda leaf: leaf[:-1], related_history())
    target = related.metrics[METRIC.name][-1]
    problem = make_problem(related.space, related.pool, target, knowledge)
    return Prepared(
        related, split, np.arange(SOURCES) < 2, history, knowledge, CONFIG, info, problem
    )


@pytest.fixture(scope="module")
def rows():
    """Rows whose third evaluation failed."""
    drawn = np.random.default_rng(0).permutation(np.delete(np.arange(3**5), 7))
    return jnp.asarray(np.insert(drawn, 2, 7)[: max(accuracy.SHOTS)], jnp.int32)


@pytest.fixture(scope="module")
def predicted(prepared, rows):
    return accuracy.predictions(prepared, rows)


@pytest.mark.slow
@pytest.mark.parametrize("shots", accuracy.SHOTS)
def test_no_label_is_read_but_of_the_support(prepared, rows, predicted, shots):
    problem = prepared.problem
    others = np.delete(np.arange(3**5), rows[:shots])
    noise = np.random.default_rng(1).normal(5, 9, len(others)).astype(np.float32)
    changed = problem._replace(score=problem.score.at[others].set(noise))
    relabeled = Prepared(**(vars(prepared) | {"problem": changed}))
    at = accuracy.SHOTS.index(shots)
    for name, values in accuracy.predictions(relabeled, rows).items():
        np.testing.assert_array_equal(values[at], predicted[name][at], name)


@pytest.mark.slow
def test_labels_of_the_support_are_read(predicted):
    for name, values in predicted.items():
        moved = np.nanmax(np.abs(values[-1] - values[-2]))
        assert (moved > 1e-3) == ("mean" not in name)


@pytest.mark.slow
def test_trivial_methods_by_hand(prepared, rows, predicted):
    assert tuple(predicted) == METHODS
    x = np.asarray(encode(prepared.suite.space, prepared.suite.pool))
    alphas = [0.01, 10**-1.5, 0.1, 10**-0.5, 1, 10**0.5, 10, 10**1.5, 100, 10**2.5, 1000]
    history, columns = prepared.history, []
    for source in range(SOURCES):
        past = np.asarray(history.metrics[METRIC.name][source])
        of_past = np.asarray(encode(prepared.suite.space, history.architecture[source]))
        fit = RidgeCV(alphas).fit(of_past, stats.zscore(stats.rankdata(past)))
        columns.append(fit.predict(x))
    sources = np.stack(columns, axis=1)
    tables = np.nan_to_num(
        stats.zscore(
            stats.rankdata(scores(prepared.suite)[:-1], axis=1, nan_policy="omit"),
            axis=1,
            nan_policy="omit",
        )
    ).T
    score = np.asarray(prepared.problem.score)
    for i, shots in enumerate(accuracy.SHOTS):
        np.testing.assert_allclose(predicted["past mean"][i], sources.mean(1), atol=1e-4)
        seen = np.array([row for row in rows[:shots].tolist() if row != 7])
        if shots == 0:
            for name in NEED_LABELS:
                assert np.isnan(predicted[name][i]).all()
            continue
        ranks = stats.zscore(stats.rankdata(score[seen]))
        alone = RidgeCV(alphas).fit(x[seen], ranks).predict(x)
        np.testing.assert_allclose(predicted["ridge"][i], alone, atol=1e-4)
        mixed = BayesianRidge().fit(sources[seen], ranks).predict(sources)
        np.testing.assert_allclose(predicted["ridge on the past"][i], mixed, atol=1e-3)
        mixed = BayesianRidge().fit(tables[seen], ranks).predict(tables)
        np.testing.assert_allclose(predicted["ridge on tables"][i], mixed, atol=1e-3)


def test_correlations_leave_out_what_was_seen():
    rng = np.random.default_rng(0)
    predicted, score = rng.normal(size=(2, 30)).astype(np.float32), rng.normal(size=30)
    rows = np.arange(0, 30, 3)
    rest = np.delete(np.arange(30), rows)
    found = accuracy.correlations(*map(jnp.asarray, (predicted, score.astype(np.float32), rows)))
    expected = [stats.spearmanr(one[rest], score[rest]).statistic for one in predicted]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
def test_a_row_a_method_over_all_tasks_and_its_target(related):
    rng = np.random.default_rng(0)
    shape = (len(related.tasks), 3, len(accuracy.SHOTS))
    found = {name: rng.uniform(size=shape) for name in METHODS}
    found["transfer"] = 0.1 + np.maximum.reduce([found[name] for name in accuracy.TRIVIAL])
    rows = accuracy.summary_rows(found)
    assert [(row["method"], row["task"]) for row in rows] == [(name, "all") for name in METHODS]
    for row in rows:
        values = found[row["method"]]
        expected = values.reshape(-1, shape[-1]).mean(0)
        np.testing.assert_allclose(row["spearman"], expected, rtol=1e-5)
        low, high = np.transpose(row["spearman_ci"])
        assert (low < expected).all()
        assert (expected < high).all()
    (target,) = accuracy.targets(related, found)
    best = max(accuracy.TRIVIAL, key=lambda name: found[name][:, :, 3].mean())
    assert best in target.name
    assert 0.1 < target.value < (found["transfer"] - found[best])[:, :, 3].mean()
    assert is_met(target)
