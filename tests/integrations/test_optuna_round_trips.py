"""Any space and history through Optuna's storages and back, and any study through nmjax."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from nmjax.integrations import read_studies, write_studies
from nmjax.tasks import infer_space
from nmjax.types import Metric
from tests.tasks.test_round_trips import CONTEXT, METRICS, any_past

optuna = pytest.importorskip("optuna")


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def through(storage, past):
    space, history, tasks = past
    objective = Metric(METRICS[0], direction="min")
    write_studies(storage, history, space, tasks=tasks, objectives=[objective], context=CONTEXT)
    return read_studies(
        storage,
        space,
        objectives=[objective],
        studies=tasks,
        attributes=METRICS[1:],
        context=CONTEXT,
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("examples", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_any_past_comes_back_from_optuna(examples):
    @settings(deadline=None, max_examples=examples, derandomize=True)
    @given(any_past())
    def run(past):
        _, history, tasks = past
        again = through(optuna.storages.InMemoryStorage(), past)
        assert again.tasks == tasks
        assert again.metric.direction == "min"
        jax.tree.map(np.testing.assert_array_equal, again.history, history)

    run()


@pytest.mark.slow
def test_any_past_comes_back_from_a_database(tmp_path):
    databases = iter(range(100))

    @settings(deadline=None, max_examples=4, derandomize=True)
    @given(any_past())
    def run(past):
        storage = f"sqlite:///{tmp_path}/{next(databases)}.db"
        again = through(storage, past)
        jax.tree.map(np.testing.assert_array_equal, again.history, past[1])

    run()


def test_a_study_with_branches_comes_back_from_nmjax():
    def objective(trial):
        depth = trial.suggest_int("depth", 1, 2)
        for layer in range(depth):
            trial.suggest_categorical(f"kernel{layer}", [None, "3x3", 5, 0.5, True, False])
        trial.suggest_float("rate", 1e-5, 1e-1, log=True)
        if trial.number == 3:
            raise optuna.TrialPruned
        return trial.number

    study = optuna.create_study(
        study_name="a", sampler=optuna.samplers.RandomSampler(seed=1), direction="maximize"
    )
    study.optimize(objective, n_trials=20)
    space = infer_space(study)
    storage = optuna.storages.InMemoryStorage()
    optuna.copy_study(from_study_name="a", from_storage=study._storage, to_storage=storage)
    past = read_studies(storage, space, objectives=["score"])
    other = optuna.storages.InMemoryStorage()
    write_studies(other, past.history, space, tasks=past.tasks, objectives=[Metric("score")])
    again = optuna.load_study(study_name="a", storage=other)
    assert len(again.trials) == 20
    for mine, theirs in zip(again.trials, study.trials, strict=True):
        assert mine.value == theirs.value
        rate = mine.params.pop("rate")
        assert mine.params == {n: v for n, v in theirs.params.items() if n != "rate"}
        assert rate == pytest.approx(theirs.params["rate"])
