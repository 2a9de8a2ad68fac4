import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import Integer, Real, Space, when
from nmjax.tasks import read_history
from nmjax.types import Metric

FILES = Path(__file__).parent / "files"
DEPTH = Integer(1, 3)
RAY = Space(depth=DEPTH, lr=[0.5], act=["relu"], bias=[True, False])
KERAS = Space(
    depth=DEPTH,
    optimizer=["adam", "sgd"],
    bias=[False, True],
    momentum=when(Real(0.0, 1.0), optimizer="sgd"),
)
SMAC = Space(
    depth=DEPTH,
    optimizer=["adam", "sgd"],
    lr=Real(1e-4, 1e-1, log=True),
    bias=[True, False],
    momentum=when(Real(0.0, 1.0), optimizer="sgd"),
)
SYNE = Space(depth=DEPTH, lr=Real(0.0, 1.0), act=["relu", "tanh"])
AX = Space(depth=DEPTH, lr=Real(1e-4, 1e-1, log=True), act=["relu", "tanh"])


def depths(past):
    return (np.asarray(past.history.architecture)[0, :, 0] + 1).tolist()


def values(past, metric):
    return np.asarray(past.history.metrics[metric])[0]


def test_an_experiment_of_ray_tune():
    past = read_history(FILES / "ray_tune" / "cora", RAY, minimize="loss")
    assert past.tasks == ("cora",)
    assert depths(past) == [1, 2, 3]
    np.testing.assert_allclose(values(past, "loss"), [1.25, 2.25, np.nan])


def test_a_folder_of_experiments_has_a_task_for_each(tmp_path):
    for name in ("cs", "cora"):
        (tmp_path / name).symlink_to(FILES / "ray_tune" / "cora")
    past = read_history(tmp_path, RAY, minimize="loss", tasks=["cs"])
    assert past.tasks == ("cs",)
    assert read_history(tmp_path, RAY, minimize="loss").tasks == ("cora", "cs")


def test_progress_of_ray_tune_replaces_its_results(tmp_path):
    trial = tmp_path / "exp" / "trial"
    trial.mkdir(parents=True)
    source = next((FILES / "ray_tune" / "cora").glob("*depth=2"))
    for name in ("params.json", "progress.csv"):
        (trial / name).write_bytes((source / name).read_bytes())
    past = read_history(tmp_path / "exp", RAY, minimize="loss")
    np.testing.assert_allclose(values(past, "loss"), [2.25])


def test_a_data_frame_of_ray_tune_as_csv():
    past = read_history(FILES / "ray_tune" / "results.csv", RAY, minimize="loss")
    assert past.tasks == ("results",)
    np.testing.assert_allclose(values(past, "loss")[:2], [1.25, 2.25])


def test_a_project_of_keras_tuner_states_its_objective():
    past = read_history(FILES / "keras_tuner" / "cora", KERAS, metrics=["loss"])
    assert past.metric is None
    past = read_history(FILES / "keras_tuner" / "cora", KERAS)
    assert past.metric == Metric("val_accuracy", direction="max")
    failed = np.array(depths(past)) == 3
    assert failed.any()
    expected = np.where(failed, np.nan, np.array(depths(past)) / 4)
    np.testing.assert_allclose(values(past, "val_accuracy"), expected)
    with pytest.raises(NmjaxError, match="says that 'loss' is minimized; pass minimize='loss'"):
        read_history(FILES / "keras_tuner", KERAS, maximize="loss")


def test_a_run_history_of_smac_states_its_objective():
    folder = FILES / "smac" / "cora" / "0"
    for path in (folder, folder / "runhistory.json", FILES / "smac" / "cora"):
        past = read_history(path, SMAC)
        assert past.metric == Metric("loss", direction="min")
        assert past.tasks == ("cora",)
        failed = np.array(depths(past)) == 3
        np.testing.assert_array_equal(np.isnan(values(past, "loss")), failed)
        loss = np.array(depths(past)) + np.asarray(past.history.continuous)[0, :, 0]
        np.testing.assert_allclose(values(past, "loss")[~failed], loss[~failed], rtol=1e-6)
    with pytest.raises(NmjaxError, match="says that 'loss' is minimized"):
        read_history(folder, SMAC, maximize="loss")


def test_two_objectives_of_smac_are_a_metric_and_a_cost():
    past = read_history(FILES / "smac" / "two", SMAC)
    assert (past.metric.name, past.cost.name) == ("loss", "seconds")
    np.testing.assert_array_equal(values(past, "seconds"), [2.0, 2.0, 2.0])
    with pytest.raises(NmjaxError, match="studies 'cora' and 'two', which optimize 'loss'"):
        read_history(FILES / "smac", SMAC)
    assert read_history(FILES / "smac", SMAC, tasks=["two"]).tasks == ("two",)


@pytest.mark.parametrize(
    "runs",
    [
        # SMAC 1.4 and SMAC 2.0 in their documented forms.
        [
            [[1, None, 0, 9.0], [0.5, 1.0, {"__enum__": "StatusType.SUCCESS"}, 0, 1, {}]],
            [[2, None, 0, 9.0], [9e9, 1.0, {"__enum__": "StatusType.CRASHED"}, 0, 1, {}]],
            [[2, None, 0, 3.0], [0.7, 1.0, {"__enum__": "StatusType.SUCCESS"}, 0, 1, {}]],
        ],
        [
            [1, None, 0, 9.0, 0.5, 1.0, 1, 0, 1, {}],
            [2, None, 0, 9.0, 9e9, 1.0, 2, 0, 1, {}],
            [2, None, 0, 3.0, 0.7, 1.0, 1, 0, 1, {}],
        ],
    ],
)
def test_older_run_histories_of_smac_and_budgets(tmp_path, runs):
    path = tmp_path / "cs" / "runhistory.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"data": runs, "configs": {"1": {"depth": 1}, "2": {"depth": 2}}}))
    past = read_history(path, Space(depth=DEPTH), minimize="loss")
    assert past.tasks == ("cs",)
    np.testing.assert_array_equal(values(past, "loss"), [0.5, np.nan])
    path.write_text(json.dumps({"data": [*runs, [7]], "configs": {}}))
    with pytest.raises(NmjaxError, match="run 4 is damaged"):
        read_history(path, Space(depth=DEPTH), minimize="loss")


def test_an_experiment_of_syne_tune_is_read_by_its_last_reports():
    folder = FILES / "syne_tune" / "cora"
    for path in (folder, folder / "results.csv.zip"):
        past = read_history(path, SYNE)
        assert past.metric == Metric("loss", direction="min")
        assert past.tasks == ("cora",)
        rate = np.asarray(past.history.continuous)[0, :, 0]
        whole = np.array(depths(past)) < 3
        loss = np.array(depths(past)) + rate / np.where(whole, 2, 1)
        np.testing.assert_allclose(values(past, "loss"), loss, rtol=1e-6)


@pytest.mark.parametrize("name", ["experiment", "client"])
def test_an_experiment_of_ax_states_its_objective(tmp_path, name):
    past = read_history(FILES / "ax" / f"{name}.json.gz", AX, metrics=["seconds"])
    assert past.metric is None
    past = read_history(FILES / "ax" / f"{name}.json.gz", AX)
    assert past.metric == Metric("loss", direction="min")
    assert past.tasks == ("cora",)
    loss = np.array(depths(past)) + np.asarray(past.history.continuous)[0, :, 0]
    np.testing.assert_allclose(values(past, "loss"), [*loss[:3], np.nan, np.nan], rtol=1e-6)
    with pytest.raises(NmjaxError, match="says that 'loss' is minimized; pass minimize='loss'"):
        read_history(FILES / "ax" / f"{name}.json.gz", AX, maximize="loss")
    # Before version 1, Ax wrote the metric of an objective.
    document = json.loads(gzip.decompress((FILES / "ax" / f"{name}.json.gz").read_bytes()))
    document.get("experiment", document)["optimization_config"]["objective"] = {
        "__type": "MultiObjective",
        "objectives": [
            {"__type": "Objective", "metric": {"name": "loss"}, "minimize": True},
            {"__type": "Objective", "metric": {"name": "seconds"}, "minimize": True},
        ],
    }
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document))
    past = read_history(path, AX)
    assert (past.metric.name, past.cost.name) == ("loss", "seconds")


def test_a_client_of_ax():
    past = read_history(FILES / "ax" / "api.json.gz", Space(depth=DEPTH, act=["relu", "tanh"]))
    assert past.metric == Metric("loss", direction="min")
    expected = [*depths(past)[:2], np.nan]
    np.testing.assert_allclose(values(past, "loss"), expected)


WANDB = {
    # The table of the web page, and the one of the script in the documentation of its API.
    "page.csv": (
        "Name,State,Notes,User,Tags,Created,Runtime,Sweep,depth,optim.lr,val_loss\n"
        "a-1,finished,-,me,,2026-01-01,9,x,2,0.5,0.25\n"
        "a-2,crashed,-,me,,2026-01-01,9,x,3,0.5,0.75\n"
        "a-3,running,-,me,,2026-01-01,9,x,3,0.5,\n"
    ),
    "script.csv": (
        ",summary,config,name\n"
        "0,\"{'val_loss': 0.25, '_step': 3}\",\"{'depth': 2, 'optim': {'lr': 0.5}}\",a-1\n"
        "1,\"{'val_loss': nan}\",\"{'depth': 3, 'optim': {'lr': 0.5}}\",a-2\n"
    ),
}


@pytest.mark.parametrize("name", WANDB)
def test_tables_of_weights_and_biases(tmp_path, name):
    (tmp_path / name).write_text(WANDB[name])
    past = read_history(tmp_path / name, Space(depth=DEPTH, lr=[0.5]), minimize="val_loss")
    assert past.tasks == (name[:-4],)
    assert depths(past) == [2, 3]
    np.testing.assert_array_equal(values(past, "val_loss"), [0.25, np.nan])


def test_runs_of_mlflow(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(
        "run_id,experiment_id,status,params.depth,metrics.loss\na,1,FINISHED,1,0.5\n"
        "b,1,FAILED,2,0.1\n"
    )
    past = read_history(path, Space(depth=DEPTH), minimize="loss", task_name="cora")
    np.testing.assert_array_equal(values(past, "loss"), [0.5, np.nan])


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("trial_0/trial.json", "{}", "damaged, expected a trial of Keras Tuner"),
        ("a/params.json", "{", "a/params.json cannot be read as JSON"),
        ("runhistory.json", "[]", "damaged, expected a run history of SMAC"),
        ("notes.txt", "", "without trials of Ray Tune, Keras Tuner, SMAC or Syne Tune"),
    ],
)
def test_a_folder_without_whole_trials_is_refused(tmp_path, path, content, says):
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(content)
    with pytest.raises(NmjaxError, match=says):
        read_history(tmp_path, Space(depth=DEPTH), minimize="loss")


def test_a_damaged_experiment_of_ax_is_refused(tmp_path):
    path = tmp_path / "ax.json"
    path.write_text('{"__type": "Experiment", "trials": {"0": {}}, "optimization_config": 3}')
    with pytest.raises(NmjaxError, match=r"ax\.json is damaged, expected an experiment of Ax"):
        read_history(path, Space(depth=DEPTH), minimize="loss")


def test_a_killed_trial_of_ray_tune_leaves_half_a_line(tmp_path):
    trial = tmp_path / "cora" / "trial"
    trial.mkdir(parents=True)
    (trial / "params.json").write_text('{"depth": 2}')
    (trial / "result.json").write_text('{"loss": 0.5}\n{"loss": 0.25, "tr')
    past = read_history(tmp_path / "cora", Space(depth=DEPTH), minimize="loss")
    np.testing.assert_array_equal(values(past, "loss"), [0.5])
