"""Studies whose algorithm is not the default: baselines, and what is refused."""

import dataclasses

import pytest

import nmjax
from nmjax import (
    BayesianSearch,
    Integer,
    LocalSearch,
    NmjaxError,
    RandomSearch,
    Real,
    RegularizedEvolution,
    Space,
    Study,
)
from nmjax.search import GPSearch, SpaceSearch
from nmjax.study import serialize_study

SPACE = Space("grid", x=["a", "b", "c"], y=["a", "b", "c"], z=["a", "b", "c"])
REAL = Space("real", rate=Real(0.0, 1.0), layers=Integer(1, 9))
EVOLUTION = RegularizedEvolution(capacity=16, population_size=4, tournament_size=4)
BASELINES = (RandomSearch(capacity=16), EVOLUTION, LocalSearch(capacity=16))
NAMES = [type(algorithm).__name__ for algorithm in BASELINES]


def points(config):
    """Number of choices that are the best option, which has one local optimum."""
    return sum(option == "c" for option in config.values())


def distance(one, other):
    return sum(one[name] != other[name] for name in one)


@pytest.mark.parametrize("algorithm", BASELINES, ids=NAMES)
def test_a_baseline_goes_on_after_it_was_saved(algorithm, tmp_path):
    study = Study(SPACE, budget=12, algorithm=algorithm, seed=1)
    for _ in range(7):
        trial = study.ask()
        study.tell(trial, points(trial.config))
    study.fail(study.ask())
    study.ask()
    nmjax.save(study, tmp_path / "study.nmjax")
    restored = nmjax.load(tmp_path / "study.nmjax")
    assert restored.algorithm == algorithm
    assert restored.trials == study.trials
    for one in (study, restored):
        for trial in one:
            one.tell(trial, points(trial.config))
    assert restored.trials == study.trials
    seen = {tuple(trial.config.items()) for trial in study.trials}
    assert len(seen) == len(study.trials) == 12


def test_evolution_changes_one_choice_of_the_best_of_its_population():
    study = Study(SPACE, budget=16, algorithm=EVOLUTION)
    for trial in study:
        study.tell(trial, points(trial.config))
    trials = study.trials
    # A tournament of the whole population breeds from its best member, unless it dies.
    for trial in trials[EVOLUTION.population_size :]:
        assert 1 in [distance(trial.config, parent.config) for parent in trials[: trial.number]]
    best = max(trials[:4], key=lambda trial: trial.value)
    assert distance(trials[4].config, best.config) == 1


def test_local_search_climbs_to_the_optimum():
    study = Study(SPACE, budget=16, algorithm=LocalSearch(capacity=16))
    while study.best is None or study.best.value < 3:
        earlier, trial = study.trials, study.ask()
        assert not earlier or 1 in [distance(trial.config, other.config) for other in earlier]
        study.tell(trial, points(trial.config))


@pytest.mark.parametrize("space", [SPACE, REAL], ids=["enumerated", "sampled"])
def test_random_search_does_not_depend_on_the_results(space):
    rising = Study(space, budget=6, algorithm=BASELINES[0], seed=2)
    falling = Study(space, budget=6, algorithm=BASELINES[0], seed=2, direction="minimize")
    for number in range(6):
        first, second = rising.ask(), falling.ask()
        assert first.config == second.config
        rising.tell(first, number)
        falling.tell(second, None if number == 2 else number)
    assert len({tuple(trial.config.items()) for trial in rising.trials}) == 6


def test_the_capacity_of_a_baseline_grows_with_the_budget():
    study = Study(SPACE, budget=2, algorithm=RandomSearch(capacity=2))
    study.extend(20)
    assert len(list(study)) == 22
    assert study.algorithm == RandomSearch(capacity=32)


def test_algorithms_that_a_study_cannot_use_are_refused():
    for algorithm, says in [
        ("gp", "Got a str as algorithm; give a search of a pool, such as BayesianSearch"),
        (SpaceSearch(SPACE), "Got a SpaceSearch as algorithm"),
        (BayesianSearch(capacity=4), "capacity=5"),
        (RandomSearch(capacity=4), "capacity=5"),
    ]:
        with pytest.raises(NmjaxError, match=says):
            Study(SPACE, budget=5, algorithm=algorithm)
    for algorithm in (*BASELINES[1:], GPSearch()):
        with pytest.raises(NmjaxError, match=r"space 'real'.*give BayesianSearch or RandomSearch"):
            Study(REAL, budget=5, algorithm=algorithm)
    with pytest.raises(NmjaxError, match="feasibility for a LocalSearch, which ignores it"):
        Study(SPACE, budget=5, algorithm=BASELINES[2], feasibility=lambda config: True)


@pytest.mark.parametrize(
    "algorithm",
    [GPSearch(capacity=8), dataclasses.replace(BASELINES[0], evaluate=lambda problem, row: 0.0)],
)
def test_a_study_that_a_file_cannot_hold_is_not_saved(algorithm):
    with pytest.raises(NmjaxError, match=r"a file holds studies with .*RandomSearch, Regularized"):
        serialize_study(Study(SPACE, budget=5, algorithm=algorithm))
