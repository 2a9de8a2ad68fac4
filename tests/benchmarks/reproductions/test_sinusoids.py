"""The table of sinusoids: its arithmetic by hand, and its core at tiny sizes."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.reproductions import sinusoids
from benchmarks.reproductions.sinusoid_methods import METHODS
from nmjax.experiments import is_met


def scores(error, log_likelihood=0.0):
    error = np.asarray(error, np.float32)
    return sinusoids.Scores(error, np.full_like(error, log_likelihood))


def test_summary_by_hand(monkeypatch):
    monkeypatch.setattr(sinusoids, "BLOCKS", 1)
    found = sinusoids.summary(scores([[1, 2, 3, 4], [2, 2, 30, 100]], -1.5))
    assert found["n"] == 8
    np.testing.assert_allclose(found["mse"], 144 / 8)
    np.testing.assert_allclose(found["mse_of_seeds"], [2.5, 33.5])
    np.testing.assert_allclose(found["median"], 2.5)
    np.testing.assert_allclose(found["diverged"], 2 / 8)
    np.testing.assert_allclose(found["mse_of_not_diverged"], 14 / 6)
    np.testing.assert_allclose(found["log_likelihood"], -1.5)
    # Two seeds drawn from two: one of them twice, a quarter of the time each.
    np.testing.assert_allclose(found["mse_ci"], [2.5, 33.5])


def test_what_is_not_finite_counts_as_diverged_and_is_not_hidden(monkeypatch):
    monkeypatch.setattr(sinusoids, "BLOCKS", 1)
    for value in (math.nan, math.inf):
        found = sinusoids.summary(scores([[1, 2, value, 1]]))
        assert found["diverged"] == 0.25
        assert found["median"] == 1.5
        assert not math.isfinite(found["mse"])
        assert found["mse_of_not_diverged"] == pytest.approx(4 / 3)


def test_calibrated_is_the_normal_density_at_its_likeliest_variance():
    validation = np.array([[1.0, 3.0], [0.2, 0.4]])
    mse = np.array([[2.5], [0.1]])  # of residuals (1, 2) and (.1, -.4359)
    found = sinusoids.calibrated(mse, validation)
    by_hand = [
        stats.norm(0, math.sqrt(2)).logpdf([1, 2]).mean(),
        stats.norm(0, math.sqrt(0.3)).logpdf([0.1, math.sqrt(0.19)]).mean(),
    ]
    np.testing.assert_allclose(found[:, 0], by_hand)
    own = sinusoids.calibrated(validation, validation).mean(1)
    for factor in (0.8, 1.25):
        assert (own > sinusoids.calibrated(validation, factor * validation).mean(1) - 1e-9).all()


@pytest.mark.slow
@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("method", ["cavia", "ensemble", "es_maml", "from_scratch", "constant"])
def test_methods_of_each_kind_are_trained_and_measured(method, monkeypatch):
    monkeypatch.setattr(sinusoids, "SHOTS", (5,))
    monkeypatch.setattr(sinusoids, "VALIDATION_TASKS", 4)
    first = sinusoids.ALL[method][0]
    setting = dataclasses.replace(first, shots=3, test_steps=first.test_steps[:1])
    rows = sinusoids.rows_of(method, setting, "mixed", seeds=(0, 1), updates=3, test_tasks=500)
    assert [row["n"] for row in rows] == [1000]
    assert math.isfinite(rows[0]["median"])
    assert rows[0]["diverged"] < 1  # Three updates train nothing.


@pytest.mark.slow
def test_meta_training_lowers_the_error_and_meets_or_misses_a_target(monkeypatch):
    monkeypatch.setattr(sinusoids, "SHOTS", (10,))
    setting = dataclasses.replace(METHODS["cavia"][0], test_steps=(1,))
    before, after = (
        sinusoids.rows_of(
            "cavia", setting, sinusoids.SINUSOIDS, seeds=(0,), updates=n, test_tasks=200
        )
        for n in (1, 400)
    )
    assert after[0]["mse"] < 0.5 * before[0]["mse"]
    target = sinusoids.targets(after)[0]
    assert target.threshold == 0.2
    assert target.value == after[0]["mse"]
    assert is_met(target) == (after[0]["mse"] <= 0.2)
