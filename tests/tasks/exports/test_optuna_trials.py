import json
import sqlite3

import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.integrations import read_studies
from nmjax.spaces import Integer, Real, Space, when
from nmjax.tasks import history_from_frame, read_history
from nmjax.types import Metric

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = Space(
    optimizer=["adam", "sgd", None],
    depth=Integer(1, 3),
    lr=Real(1e-4, 1e-1, log=True),
    nesterov=when([True, False], optimizer="sgd"),
)


def objective(trial):
    optimizer = trial.suggest_categorical("optimizer", ["adam", "sgd", None])
    depth = trial.suggest_int("depth", 1, 3)
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    if optimizer == "sgd":
        trial.suggest_categorical("nesterov", [True, False])
    trial.set_user_attr("millions", depth * 1.5)
    if trial.number == 2:
        raise optuna.TrialPruned
    if trial.number == 3:
        raise ValueError
    return float("inf") if trial.number == 4 else depth + lr


def run(storage, names=("cora", "cs")):
    for seed, name in enumerate(names):
        sampler = optuna.samplers.RandomSampler(seed=seed)
        study = optuna.create_study(storage=storage, study_name=name, sampler=sampler)
        study.set_user_attr("classes", 7 + seed)
        study.enqueue_trial({"optimizer": "sgd", "depth": 2, "lr": 1e-3, "nesterov": False})
        study.enqueue_trial({"optimizer": None, "depth": 1, "lr": 1e-2})
        study.optimize(objective, n_trials=2 if seed else 6, catch=ValueError)
        if seed:
            continue
        study.add_trial(
            optuna.create_trial(
                params={"depth": 3},
                distributions={"depth": optuna.distributions.IntDistribution(1, 3)},
                state=optuna.trial.TrialState.FAIL,
            )
        )
        study.ask()
    return optuna.load_study(study_name="cora", storage=storage)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optuna")
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "journal.log"))
    run(optuna.storages.JournalStorage(backend))
    for name in ("cora", "cs"):
        optuna.copy_study(
            from_study_name=name,
            from_storage=optuna.storages.JournalStorage(backend),
            to_storage=f"sqlite:///{folder}/study.db",
        )
    study = optuna.load_study(study_name="cora", storage=f"sqlite:///{folder}/study.db")
    study.trials_dataframe().to_csv(folder / "cora.csv")
    return folder


def check(past, *, study="cora"):
    names = past.space.to_config(past.history.architecture[0, 1], past.history.continuous[0, 1])
    assert names == {"optimizer": None, "depth": 1, "lr": 0.01}
    assert past.tasks[0] == study
    loss = np.asarray(past.history.metrics["loss"])[0]
    np.testing.assert_allclose(loss[:2], [2.001, 1.01], rtol=1e-6)
    assert np.isnan(loss).tolist() == [False, False, True, True, True, False]


@pytest.mark.parametrize("name", ["study.db", "journal.log"])
def test_databases_and_journals_are_read_as_optuna_reads_them(folder, name):
    past = read_history(
        folder / name, SPACE, minimize="loss", metrics=["millions"], context=["classes"]
    )
    assert past.tasks == ("cora", "cs")
    check(past)
    np.testing.assert_array_equal(past.history.context, [[7.0], [8.0]])
    storage = f"sqlite:///{folder / name}"
    if name == "journal.log":
        backend = optuna.storages.journal.JournalFileBackend(str(folder / name))
        storage = optuna.storages.JournalStorage(backend)
    other = read_studies(
        storage, SPACE, objectives=["loss"], attributes=["millions"], context=["classes"]
    )
    for mine, theirs in zip(past.history, other.history, strict=True):
        for name in mine if isinstance(mine, dict) else [None]:
            values = (mine, theirs) if name is None else (mine[name], theirs[name])
            np.testing.assert_array_equal(*values)


def test_the_direction_is_that_of_the_studies(folder):
    assert read_history(folder / "study.db", SPACE).metric == Metric("value", direction="min")
    with pytest.raises(NmjaxError, match="says that 'value' is minimized; pass minimize='loss'"):
        read_history(folder / "journal.log", SPACE, maximize="loss")


def test_some_studies_are_read(folder):
    past = read_history(f"sqlite:///{folder}/study.db", SPACE, minimize="loss", tasks=["cs"])
    assert past.tasks == ("cs",)
    with pytest.raises(NmjaxError, match=r"^study\.db has no study with trials called 'x'; its"):
        read_history(folder / "study.db", SPACE, minimize="loss", tasks=["x"])


def test_a_table_of_trials_needs_no_mapping(folder):
    past = read_history(folder / "cora.csv", SPACE, minimize="loss", metrics=["millions"])
    assert past.tasks == ("cora",)
    assert np.asarray(past.history.architecture)[0, :2, 0].tolist() == [1, 2]
    np.testing.assert_allclose(
        np.asarray(past.history.metrics["loss"])[0, :2], [2.001, 1.01], rtol=1e-6
    )
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(folder / "cora.csv")
    again = history_from_frame(frame, SPACE, minimize="loss", task_name="cora")
    np.testing.assert_array_equal(again.history.architecture, past.history.architecture)


def test_several_objectives_keep_their_names_and_directions(tmp_path):
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path}/two.db",
        directions=["maximize", "minimize"],
        study_name="two",
    )
    study.set_metric_names(["accuracy", "seconds"])
    study.optimize(lambda trial: (trial.suggest_int("depth", 1, 3) / 4, 2.0), n_trials=2)
    space = Space(depth=Integer(1, 3))
    past = read_history(tmp_path / "two.db", space)
    assert past.metric == Metric("values_accuracy", direction="max")
    assert past.cost == Metric("values_seconds", direction="min")
    past = read_history(tmp_path / "two.db", space, maximize="accuracy", metrics=["seconds"])
    np.testing.assert_array_equal(past.history.metrics["seconds"], [[2.0, 2.0]])
    study.trials_dataframe().to_csv(tmp_path / "two.csv")
    past = read_history(tmp_path / "two.csv", space, maximize="accuracy")
    assert past.metric.name == "accuracy"


def test_studies_of_opposite_directions_are_not_mixed(tmp_path):
    for direction in ("minimize", "maximize"):
        study = optuna.create_study(
            storage=f"sqlite:///{tmp_path}/both.db", study_name=direction, direction=direction
        )
        study.optimize(lambda trial: trial.suggest_int("depth", 1, 3), n_trials=1)
    space = Space(depth=Integer(1, 3))
    with pytest.raises(NmjaxError, match=r"'value' \(min\) and 'value' \(max\). Read them apart"):
        read_history(tmp_path / "both.db", space, minimize="loss")
    past = read_history(tmp_path / "both.db", space, maximize="score", tasks=["maximize"])
    assert past.tasks == ("maximize",)


def test_two_metrics_are_not_the_one_objective(tmp_path):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/o.db", study_name="o")
    study.optimize(lambda trial: trial.suggest_int("depth", 1, 3), n_trials=2)
    with pytest.raises(NmjaxError, match="has the column 'value' for 'loss' and for 'secs'"):
        read_history(tmp_path / "o.db", Space(depth=Integer(1, 3)), metrics=["loss", "secs"])


def test_a_parameter_with_the_name_of_another_column_is_given_by_hand(tmp_path):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/n.db", study_name="n")
    study.optimize(lambda trial: trial.suggest_int("value", 1, 3), n_trials=2)
    space = Space(value=Integer(1, 3))
    with pytest.raises(NmjaxError, match="several columns for 'value': value, params_value"):
        read_history(tmp_path / "n.db", space, minimize="loss")
    past = read_history(
        tmp_path / "n.db", space, minimize="loss", columns={"value": "params_value"}
    )
    loss = np.asarray(past.history.metrics["loss"])[0]
    np.testing.assert_array_equal(np.asarray(past.history.architecture)[0, :, 0] + 1, loss)


def test_reading_creates_and_changes_no_file(folder, tmp_path):
    with pytest.raises(NmjaxError, match="cannot be read"):
        read_history(tmp_path / "absent.db", SPACE, minimize="loss")
    path = tmp_path / "logged.db"
    path.write_bytes((folder / "study.db").read_bytes())
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    before = path.read_bytes()
    for place in (path, folder / "journal.log"):
        names = sorted(place.parent.iterdir())
        read_history(place, SPACE, minimize="loss")
        assert sorted(place.parent.iterdir()) == names
    assert path.read_bytes() == before


def test_a_write_ahead_log_is_read(folder, tmp_path):
    path = tmp_path / "logged.db"
    path.write_bytes((folder / "study.db").read_bytes())
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("UPDATE trial_values SET value = 0.5 WHERE trial_id = 1")
    connection.commit()
    past = read_history(path, SPACE, minimize="loss")
    connection.close()
    assert past.history.metrics["loss"][0, 0] == 0.5


def test_damaged_databases_and_journals_are_refused(folder, tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    connection.close()
    with pytest.raises(NmjaxError, match=r"other\.db cannot be read as a database of Optuna"):
        read_history(path, SPACE, minimize="loss")
    path.write_bytes((folder / "study.db").read_bytes()[:5000])
    with pytest.raises(NmjaxError, match=r"other\.db cannot be read as a database"):
        read_history(path, SPACE, minimize="loss")
    lines = (folder / "journal.log").read_text().splitlines(keepends=True)
    path = tmp_path / "journal.log"
    created = {
        "op_code": 4,
        "study_id": 0,
        "distributions": {"x": "[" * 100_000},
        "params": {"x": 1},
    }
    path.write_text(f"{''.join(lines)}{json.dumps(created)}\n")
    with pytest.raises(NmjaxError, match=r"journal\.log, line \d+ is damaged.*RecursionError"):
        read_history(path, SPACE, minimize="loss")
    path.write_text("".join(lines) + '{"op_code": 4, "stu')
    check(read_history(path, SPACE, minimize="loss"))
    path.write_text("".join([*lines, json.dumps({"op_code": 6, "trial_id": 999}) + "\n"]))
    with pytest.raises(NmjaxError, match=f"journal.log, line {len(lines) + 1} is damaged"):
        read_history(path, SPACE, minimize="loss")
