"""Studies of spaces with real-valued choices, without a past."""

import numpy as np

from nmjax import Integer, Real, Space, Study

SPACE = Space(x=Real(1e-3, 1e3, log=True), kind=["a", "b", "c"], layers=Integer(1, 8))


def plateau(x, kind, layers):
    """Rounded score that is constant over a third of the space, and higher in a corner of it."""
    ceiling = {"a": 0.9, "b": 0.88, "c": 0.7}[kind]
    at = np.log10(x)
    bump = 0.06 * np.exp(-((at - 2) ** 2) / 0.5) * (kind == "b") * (layers > 4)
    return round(min(ceiling, 0.5 + 0.1 * (at + 3)) + bump, 2)


def test_equal_scores_do_not_hold_a_study():
    study = Study(SPACE, budget=32, seed=0)
    for trial in study:
        study.tell(trial, plateau(**trial.config))
    late = [trial.config for trial in study.trials[16:]]
    assert len({config["kind"] for config in late}) > 1
    positions = np.log10([config["x"] for config in late])
    assert np.std(positions) > 0.2


def test_only_real_valued_choices_are_improved_without_noise():
    assert Study(SPACE, budget=3).algorithm.acquisition.noise_free
    assert not Study(Space(kind=["a", "b"]), budget=2).algorithm.acquisition.noise_free
