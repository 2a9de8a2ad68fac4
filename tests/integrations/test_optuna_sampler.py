"""The sampler for Optuna: alone, with other samplers' trials, and shared by workers."""

import multiprocessing
import os
import signal
import time

import pytest

import nmjax
from nmjax.errors import NmjaxError

optuna = pytest.importorskip("optuna")
from nmjax.integrations import OptunaSampler  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = nmjax.Space(depth=[1, 2, 3], width=nmjax.Ordinal(16, 32, 64))


def loss(trial):
    depth = trial.suggest_int("depth", 1, 3)
    width = trial.suggest_categorical("width", [16, 32, 64])
    return abs(depth - 2) + abs(width - 32) / 16


def configurations(study):
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


def test_a_study_evaluates_each_configuration_once_and_stops():
    study = optuna.create_study(sampler=OptunaSampler(SPACE))
    study.optimize(loss, n_trials=20)
    assert len(set(configurations(study))) == len(study.trials) == 9
    assert study.best_params == {"depth": 2, "width": 32}


def test_the_sampler_asks_for_what_a_study_of_nmjax_does():
    study = optuna.create_study(direction="minimize", sampler=OptunaSampler(SPACE, seed=3))
    study.optimize(loss, n_trials=6)
    own = nmjax.Study(SPACE, budget=6, seed=3, direction="minimize")
    for trial in own:
        own.tell(trial, abs(trial.config["depth"] - 2) + abs(trial.config["width"] - 32) / 16)
    assert [trial.params for trial in study.trials] == [trial.config for trial in own.trials]


def test_trials_of_others_are_results_too():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(loss, n_trials=4)
    before = set(configurations(study))
    study.sampler = OptunaSampler(SPACE)
    study.enqueue_trial({"depth": 2, "width": 64})
    study.optimize(loss, n_trials=20)
    enqueued, *later = configurations(study)[4:]
    assert later
    assert not {enqueued, *before} & set(later)


def test_failures_and_pruned_trials_are_not_repeated():
    def fails(trial):
        value = loss(trial)
        if trial.number == 1:
            raise RuntimeError
        if trial.number == 2:
            raise optuna.TrialPruned
        return value

    study = optuna.create_study(sampler=OptunaSampler(SPACE))
    study.optimize(fails, n_trials=9, catch=(RuntimeError,))
    assert len(set(configurations(study))) == 9


def test_running_trials_are_not_suggested_again():
    study = optuna.create_study(sampler=OptunaSampler(SPACE))
    asked = [study.ask() for _ in range(9)]
    for trial in asked:
        loss(trial)
    assert len({tuple(trial.params.items()) for trial in asked}) == 9
    with pytest.raises(NmjaxError, match="Every configuration"):
        loss(study.ask())


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda trial: trial.suggest_int("dept", 1, 3), "Unknown active choice 'dept'"),
        (lambda trial: trial.suggest_int("depth", 7, 9), "does not contain"),
    ],
)
def test_parameters_that_do_not_fit_are_named(objective, message):
    study = optuna.create_study(sampler=OptunaSampler(SPACE))
    with pytest.raises(NmjaxError, match=message):
        study.optimize(objective, n_trials=1)


def test_several_objectives_are_refused():
    study = optuna.create_study(directions=["minimize"] * 2, sampler=OptunaSampler(SPACE))
    with pytest.raises(NmjaxError, match="2 objectives"):
        study.optimize(lambda trial: (loss(trial), 1.0), n_trials=1)


def work(url, seconds):
    """Evaluate trials of a shared study, slowly."""

    def slow(trial):
        value = loss(trial)
        time.sleep(seconds)
        return value

    study = optuna.load_study(study_name="shared", storage=url, sampler=OptunaSampler(SPACE))
    study.optimize(slow, n_trials=4)


@pytest.mark.faults
@pytest.mark.slow
def test_workers_share_a_study_and_one_may_be_killed(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    study = optuna.create_study(study_name="shared", storage=url, sampler=OptunaSampler(SPACE))
    context = multiprocessing.get_context("spawn")
    killed = context.Process(target=work, args=(url, 600.0))
    killed.start()
    while not any(len(trial.params) == 2 for trial in study.trials):
        assert killed.is_alive()
        time.sleep(0.2)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    workers = [context.Process(target=work, args=(url, 0.3)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=300)
        assert worker.exitcode == 0
    states = [trial.state.name for trial in study.trials]
    assert states.count("RUNNING") == 1
    assert states.count("COMPLETE") == 8
    assert study.best_value <= 1
    study.tell(study.trials[0].number, state=optuna.trial.TrialState.FAIL)
    assert len(study.trials) == 9
