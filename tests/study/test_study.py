"""Studies: suggestions, results and refused arguments."""

import copy
import math
import pickle

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nmjax
from nmjax import NmjaxError
from nmjax.search.choose import is_enumerated
from nmjax.study import serialize_study

SPACE = nmjax.Space("small", block=["conv", "attention", "mlp"], width=nmjax.Ordinal(64, 128, 256))
MIXED = nmjax.Space(
    "mixed",
    block=["conv", "attention"],
    heads=nmjax.when(nmjax.Integer(1, 4), block="attention"),
    rate=nmjax.Real(1e-4, 1e-1, log=True),
)


def accuracy(block, width):
    return 0.5 + 0.1 * math.log2(width / 64) + 0.05 * (block == "mlp")


def test_every_configuration_is_asked_for_once():
    study = nmjax.Study(SPACE, budget=20)
    for trial in study:
        study.tell(trial, accuracy(**trial.config))
    seen = [tuple(trial.config.items()) for trial in study.trials]
    assert len(seen) == len(set(seen)) == 9
    assert study.best.config == {"block": "mlp", "width": 256}
    assert study.best.value == accuracy("mlp", 256)


def test_the_budget_ends_a_study():
    study = nmjax.Study(SPACE, budget=4)
    assert [trial.number for trial in study] == [0, 1, 2, 3]
    with pytest.raises(NmjaxError, match="no evaluations left"):
        study.ask()


def test_the_same_seed_asks_for_the_same():
    def run(seed):
        study = nmjax.Study(SPACE, budget=6, seed=seed)
        for trial in study:
            study.tell(trial, accuracy(**trial.config))
        return [trial.config for trial in study.trials]

    assert run(3) == run(3)
    assert any(run(3) != run(seed) for seed in (4, 5))


def test_running_trials_are_not_asked_for_again():
    study = nmjax.Study(SPACE, budget=9)
    asked = [study.ask() for _ in range(9)]
    assert len({tuple(trial.config.items()) for trial in asked}) == 9
    assert study.best is None


def test_results_come_in_any_order():
    study = nmjax.Study(SPACE, budget=6)
    asked = [study.ask() for _ in range(3)]
    for trial in reversed(asked):
        study.tell(trial, accuracy(**trial.config))
    assert [trial.value for trial in study.trials] == [accuracy(**t.config) for t in asked]
    study.tell(study.ask(), 0.1)


def test_results_that_were_not_asked_for_count():
    study = nmjax.Study(SPACE, budget=3)
    trial = study.tell({"block": "mlp", "width": 256}, 0.9)
    assert (trial.number, study.best.value) == (0, 0.9)
    others = [trial.config for trial in study]
    assert len(others) == 2
    assert trial.config not in others


def test_attached_trials_are_running_until_they_are_told():
    study = nmjax.Study(SPACE, budget=9)
    attached = study.attach({"block": "mlp", "width": 256})
    assert attached.state == "running"
    with pytest.raises(NmjaxError, match="trial 0 already"):
        study.attach(attached.config)
    asked = [study.ask() for _ in range(4)]
    assert attached.config not in [trial.config for trial in asked]
    study.tell(attached, 0.9)
    assert study.best.config == attached.config


def test_an_extended_study_goes_on_where_a_larger_one_would_be():
    def told(study, number):
        for _ in range(number):
            trial = study.ask()
            study.tell(trial, accuracy(**trial.config))

    extended, larger = nmjax.Study(SPACE, budget=3, seed=1), nmjax.Study(SPACE, budget=8, seed=1)
    told(extended, 3)
    assert extended.is_finished
    extended.extend(5)
    told(extended, 5)
    told(larger, 8)
    assert extended.trials == larger.trials
    assert extended.is_finished
    with pytest.raises(NmjaxError, match="evaluations"):
        extended.extend(0)


def test_results_beyond_the_capacity_count():
    space = nmjax.Space(x=nmjax.Integer(0, 49))
    study = nmjax.Study(space, budget=2)
    for x in range(0, 40):
        study.tell({"x": x}, float(x))
    assert study.algorithm.capacity >= 40
    study.extend(39)
    assert study.ask().config["x"] in range(40, 50)


@pytest.mark.parametrize(
    "failure", [None, math.nan, math.inf, -math.inf, np.float32("nan"), 1e38, -1e17, 10.0**300]
)
def test_failed_trials_are_recorded_as_failures(failure):
    study = nmjax.Study(SPACE, budget=9)
    trial = study.tell(study.ask(), failure)
    assert (trial.state, trial.value, study.best) == ("failed", None, None)
    again = [other.config for other in study]
    assert trial.config not in again
    assert study.fail(study.trials[1]).state == "failed"


def test_configurations_that_resemble_failed_ones_are_avoided():
    space = nmjax.Space(op=["good", "fails", "fair"], width=nmjax.Integer(1, 24))
    study = nmjax.Study(space, budget=24, seed=1)
    for trial in study:
        value = (7 * trial.config["width"]) % 24 / 24
        study.tell(trial, None if trial.config["op"] == "fails" else value)
    states = [trial.state for trial in study.trials]
    assert "failed" in states
    assert states[12:].count("failed") <= 1


@pytest.mark.parametrize("value", ["0.3", {"accuracy": 1}, [0.3], True, 1j, object()])
def test_results_that_are_not_numbers_are_refused(value):
    study = nmjax.Study(SPACE, budget=2)
    with pytest.raises(NmjaxError, match="Expected a number"):
        study.tell(study.ask(), value)
    assert study.trials[0].state == "running"


@pytest.mark.parametrize("offset", [-2.5e8, 1.7e9])
def test_values_far_from_zero_are_distinguished(offset):
    def best(offset):
        study = nmjax.Study(SPACE, budget=6, seed=1)
        for trial in study:
            study.tell(trial, offset + 10 * accuracy(**trial.config))
        return [trial.config for trial in study.trials]

    assert best(offset) == best(2.0**16)


def test_a_trial_takes_one_result():
    study = nmjax.Study(SPACE, budget=5)
    trial = study.ask()
    study.tell(trial, 0.5)
    for again in (trial, trial.config):
        with pytest.raises(NmjaxError, match="already has a result"):
            study.tell(again, 0.6)
    assert study.best.value == 0.5


def test_trials_of_other_studies_are_refused():
    study, other = nmjax.Study(SPACE, budget=5), nmjax.Study(SPACE, budget=5, seed=1)
    study.ask()
    asked = [other.ask() for _ in range(2)]
    with pytest.raises(NmjaxError, match="not a trial of this study"):
        study.tell(asked[1], 0.5)
    with pytest.raises(NmjaxError, match="dictionary"):
        study.tell(3, 0.5)


@pytest.mark.parametrize(
    "config",
    [
        {"block": "conv"},
        {"block": "convv", "width": 64},
        {"block": "conv", "width": 65},
        {"block": "conv", "width": 64, "depth": 1},
    ],
)
def test_configurations_outside_the_space_are_refused(config):
    study = nmjax.Study(SPACE, budget=5)
    with pytest.raises(NmjaxError):
        study.tell(config, 0.5)
    assert study.trials == ()


@pytest.mark.parametrize("budget", [0, -1, 2.5, "3", True])
def test_budgets_are_whole_and_positive(budget):
    with pytest.raises(NmjaxError, match="budget"):
        nmjax.Study(SPACE, budget=budget)


def test_seeds_that_are_not_integers_are_refused():
    with pytest.raises(NmjaxError, match="Got seed='a', expected a whole number"):
        nmjax.Study(SPACE, budget=5, seed="a")


def test_a_metric_to_be_minimized_is_minimized():
    study = nmjax.Study(SPACE, budget=9, direction="minimize")
    losses = [1 - accuracy(**study.tell(t, 1 - accuracy(**t.config)).config) for t in study]
    assert study.best.value == min(losses)
    assert study.best.config == {"block": "mlp", "width": 256}


def test_unknown_directions_are_refused():
    for direction in ("higher", "up and away"):
        with pytest.raises(NmjaxError, match=f"Unknown direction '{direction}'.*'maximize'"):
            nmjax.Study(SPACE, budget=2, direction=direction)


def test_conditional_and_continuous_choices_are_searched():
    study = nmjax.Study(MIXED, budget=6, seed=2)
    for trial in study:
        config = trial.config
        assert 1e-4 <= config["rate"] <= 1e-1
        assert ("heads" in config) == (config["block"] == "attention")
        study.tell(trial, -((math.log10(config["rate"]) + 2.5) ** 2))
    assert len({tuple(trial.config.items()) for trial in study.trials}) == 6


def test_later_candidates_gather_around_the_best():
    space = nmjax.Space(x=nmjax.Real(0.0, 1.0), y=nmjax.Real(0.0, 1.0))
    study = nmjax.Study(space, budget=24)
    for trial in study:
        study.tell(trial, -((trial.config["x"] - 0.3) ** 2) - (trial.config["y"] - 0.7) ** 2)
    # The nearest of 24 uniform draws is at a squared distance of 1 / (24 pi) = 0.013 on average.
    assert study.best.value > -0.004


def test_a_result_of_a_real_valued_choice_keeps_its_value():
    study = nmjax.Study(MIXED, budget=4)
    study.tell({"block": "conv", "rate": 0.012345}, 1.0)
    assert study.best.config["rate"] == pytest.approx(0.012345)
    study.tell(study.ask(), 0.5)


@pytest.mark.slow
def test_large_spaces_are_searched_without_a_list():
    space = nmjax.Space(**{f"layer{i}": list(range(30)) for i in range(3)})
    assert not is_enumerated(space)
    study = nmjax.Study(space, budget=3)
    for trial in study:
        study.tell(trial, sum(trial.config.values()))
    assert len(study.trials) == 3


@pytest.mark.parametrize("space", [SPACE, MIXED], ids=["enumerated", "sampled"])
def test_a_study_that_was_saved_goes_on_as_before(space, tmp_path):
    study = nmjax.Study(space, budget=6, seed=1, direction="minimize")
    for value in (0.5, None, 0.25):
        study.tell(study.ask(), value)
    study.ask()
    nmjax.save(study, tmp_path / "study.nmjax")
    restored = nmjax.load(tmp_path / "study.nmjax")
    assert (restored.trials, restored.best, restored.space) == (
        study.trials,
        study.best,
        study.space,
    )
    assert restored.ask() == study.ask()
    assert restored.tell(restored.trials[3], 0.1) == study.tell(study.trials[3], 0.1)
    assert restored.ask() == study.ask()
    assert restored.is_finished
    assert study.is_finished


@settings(
    deadline=None,
    max_examples=12,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_result_is_lost_and_none_invented(data):
    study = nmjax.Study(SPACE, budget=9, seed=0)
    running, known = [], {}
    for _ in range(data.draw(st.integers(1, 12))):
        if running and (study.is_finished or data.draw(st.booleans())):
            trial = running.pop(data.draw(st.integers(0, len(running) - 1)))
            value = data.draw(st.one_of(st.none(), st.floats(-1e3, 1e3)))
            study.tell(trial, value)
            known[trial.number] = value
        elif not study.is_finished:
            running.append(study.ask())
    for trial in study.trials:
        assert trial.value == known.get(trial.number)
        assert (trial.state == "running") == (trial.number not in known)
    finite = [value for value in known.values() if value is not None]
    assert (study.best.value if study.best else None) == max(finite, default=None)


@pytest.mark.slow
def test_configurations_beyond_a_known_limit_are_not_asked_for():
    def is_small(config):
        return config["width"] < 256

    study = nmjax.Study(SPACE, budget=9, feasibility=is_small)
    for trial in study:
        assert is_small(trial.config)
        study.tell(trial, accuracy(**trial.config))
    assert len(study.trials) == 6
    with pytest.raises(NmjaxError, match="function of feasibility, which a file cannot hold"):
        serialize_study(study)


@pytest.mark.parametrize("returned", [None, "fast"])
def test_a_function_of_feasibility_that_returns_no_number_is_refused(returned):
    study = nmjax.Study(SPACE, budget=2, feasibility=lambda config: returned)
    with pytest.raises(NmjaxError, match=f"Got {returned!r} from the function of feasibility"):
        study.ask()


def test_the_names_of_optuna_lead_to_those_of_nmjax():
    study = nmjax.Study(SPACE, budget=3)
    for name, instead in [
        ("best_trial", "study.best"),
        ("best_params", "study.best.config"),
        ("best_value", "study.best.value"),
        ("optimize", "for trial in study"),
        ("trials_dataframe", "study.to_records"),
    ]:
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; use .*{instead}"):
            getattr(study, name)
    trial = nmjax.study.Trial(0, {"width": 64})
    for name in ("params", "suggest_float"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; use trial.config"):
            getattr(trial, name)
    assert copy.deepcopy(trial) == pickle.loads(pickle.dumps(trial)) == trial
    assert not hasattr(study, "nothing")


def test_records_of_trials_are_a_past_of_another_study():
    study = nmjax.Study(MIXED, budget=4, direction="minimize")
    study.tell({"block": "conv", "rate": 0.01}, 2.0)
    study.fail({"block": "attention", "heads": 2, "rate": 0.01})
    study.attach({"block": "attention", "heads": 3, "rate": 0.01})
    records = study.to_records()
    assert list(records[0]) == ["number", "state", "block", "heads", "rate", "value"]
    assert [record["state"] for record in records] == ["complete", "failed", "running"]
    frame = pandas.DataFrame(records)
    for rows in (records, frame):
        past = nmjax.history_from_frame(rows, MIXED, minimize="value", task_name="new")
        np.testing.assert_array_equal(past.history.metrics["value"], [[2.0, np.nan]])
    with pytest.raises(NmjaxError, match="Choice 'state' has the name of another column"):
        nmjax.Study(nmjax.Space(state=[1, 2]), budget=2).to_records()
