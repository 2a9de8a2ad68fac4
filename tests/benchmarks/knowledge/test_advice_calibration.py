"""Advice on held-out tasks against outcomes of searches, made up and on small tasks."""

import jax
import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from benchmarks.knowledge import advice_calibration
from nmjax.evaluation.leave_one_out import prepare
from nmjax.tasks import leave_one_out
from tests.related import CONFIG

RNG = np.random.default_rng(0)
TASKS, SEARCHES = 5, 40


def made_up(calibrated):
    """Outcomes with the predicted probability, or with one half."""
    probability = RNG.uniform(size=(TASKS, 2, SEARCHES))
    chance = probability if calibrated else 0.5
    helped = (RNG.uniform(size=probability.shape) < chance).astype(float)
    saved = np.where(helped > 0, 5.0, -5.0)
    return advice_calibration.Outcome(probability, helped, saved, helped, 0.5 + 0 * helped)


@pytest.mark.slow
def test_forecasts_are_scored_as_by_scikit_learn():
    found = made_up(True)
    rows, targets = advice_calibration.summarize(tuple("abcde"), "made up", found)
    own = next(
        row for row in rows if row.get("error") == "Brier score per search" and row["kind"] == "all"
    )
    expected = brier_score_loss(found.helped.ravel(), found.probability.ravel())
    np.testing.assert_allclose(own["advice"], expected, rtol=1e-5)
    others = [np.delete(found.helped, t, axis=0).mean() for t in range(TASKS)]
    base = np.mean([np.square(found.helped[t] - others[t]).mean() for t in range(TASKS)])
    np.testing.assert_allclose(own["base_rate"], base, rtol=1e-5)
    observed, predicted = calibration_curve(
        found.helped.ravel(), found.probability.ravel(), n_bins=5
    )
    bins = [row for row in rows if "bin" in row]
    np.testing.assert_allclose([row["observed"] for row in bins], observed)
    np.testing.assert_allclose([row["predicted"] for row in bins], predicted)
    assert targets[0].value < 0 > targets[0].ci[1]


def test_uninformative_forecasts_lose_to_the_base_rate():
    _, targets = advice_calibration.summarize(tuple("abcde"), "made up", made_up(False))
    assert targets[0].value > 0
    assert len(targets) == 2


@pytest.mark.slow
def test_advice_on_a_task_and_the_outcomes_of_its_searches(related, monkeypatch):
    monkeypatch.setattr(advice_calibration, "BUDGET", 8)
    monkeypatch.setattr(advice_calibration, "REPLAYS", 3)
    split = leave_one_out(related, "task 4")
    prepared = prepare(jax.random.key(0), related, split, history_size=60, config=CONFIG)
    found = advice_calibration.measure_task(jax.random.key(1), prepared, 3)
    assert {leaf.shape for leaf in found} == {(2, 3)}
    assert np.all((found.probability > 0) & (found.probability < 1))
    assert found.probability[0].mean() > found.probability[1].mean()
    np.testing.assert_array_equal(found.helped, 0.5 * (1 + np.sign(found.saved)))
    assert np.all((found.saved >= -8) & (found.saved <= 7))
    assert np.all((found.best >= found.best_without) | (found.helped < 1))
