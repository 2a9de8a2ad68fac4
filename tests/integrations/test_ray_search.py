"""The searcher for Ray Tune: by its own calls, restored, and driven by Ray with real workers."""

import os
import signal

import pytest

import nmjax
from nmjax.errors import NmjaxError

pytest.importorskip("ray.tune")
from nmjax.integrations import RaySearch

SPACE = nmjax.Space(depth=[1, 2, 3], width=nmjax.Ordinal(16, 32, 64))


def loss(config):
    return abs(config["depth"] - 2) + abs(config["width"] - 32) / 16


def test_the_searcher_asks_for_what_a_study_does():
    search = RaySearch(SPACE, budget=6, metric="loss", mode="min", seed=2)
    study = nmjax.Study(SPACE, budget=6, direction="min", seed=2)
    for trial in study:
        config = search.suggest(str(trial.number))
        assert config == trial.config
        search.on_trial_complete(str(trial.number), {"loss": loss(config)})
        study.tell(trial, loss(config))
    assert search.suggest("6") == "FINISHED"
    assert search.study.trials == study.trials


def test_errors_and_missing_metrics_are_failures():
    search = RaySearch(SPACE, budget=4, metric="loss", mode="min")
    for name, result, error in (("a", None, True), ("b", {"other": 1.0}, False), ("c", {}, False)):
        search.suggest(name)
        search.on_trial_complete(name, result, error)
    search.on_trial_complete("a", {"loss": 0.0})
    assert [trial.state for trial in search.study.trials] == ["failed"] * 3


def test_a_restored_searcher_goes_on_with_its_running_trials(tmp_path):
    def begun():
        search = RaySearch(SPACE, budget=6, metric="loss", mode="min")
        for name in "abc":
            search.suggest(name)
        search.on_trial_complete("b", {"loss": 1.0})
        return search

    search = begun()
    search.save_to_dir(str(tmp_path))
    restored = RaySearch(SPACE, budget=6, metric="loss", mode="min")
    restored.restore_from_dir(str(tmp_path))
    for each in (search, restored):
        each.on_trial_complete("a", {"loss": 0.5})
    assert restored.suggest("c") == search.suggest("c")
    assert restored.suggest("d") == search.suggest("d")
    assert restored.study.trials == search.study.trials


def test_a_file_of_something_else_is_refused(tmp_path):
    search = RaySearch(SPACE, budget=2, metric="loss", mode="min")
    nmjax.save(search.study, tmp_path / "study")
    with pytest.raises(NmjaxError, match="give a file that"):
        search.restore(str(tmp_path / "study"))


def test_a_mode_is_required_without_a_past():
    with pytest.raises(NmjaxError, match="mode"):
        RaySearch(SPACE, budget=2, metric="loss")


def trainable(config):
    """Report the loss; the worker of one configuration dies."""
    if config == {"depth": 1, "width": 16}:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"loss": loss(config)}


@pytest.mark.faults
@pytest.mark.slow
def test_ray_runs_a_search_although_a_worker_dies(tmp_path):
    import ray
    from ray import tune

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        search = RaySearch(SPACE, budget=9, metric="loss", mode="min")
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(search_alg=search, num_samples=-1),
            run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
        )
        results = tuner.fit()
    finally:
        ray.shutdown()
    assert results.num_errors == 1
    assert results.get_best_result("loss", "min").config == {"depth": 2, "width": 32}
    states = [trial.state for trial in search.study.trials]
    assert states.count("failed") == 1
    assert states.count("complete") == 8
