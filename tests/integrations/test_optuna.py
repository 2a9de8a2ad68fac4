import sys

import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.integrations import read_studies, write_studies
from nmjax.spaces import Choice, RealChoice, Space, when
from nmjax.tasks import make_history, stack_tasks
from nmjax.types import Metric

SPACE = Space.build(
    "toy",
    (
        Choice("op", ("gat", "skip", "none")),
        Choice("width", (16, 64, 256), "ordinal", "log"),
        Choice("rate", (1e-3, 1e-2), "ordinal", "log"),
    ),
)
ACCURACY, SECONDS = Metric("acc", "accuracy"), Metric("time", "s", "min", "log")


@pytest.fixture
def optuna():
    library = pytest.importorskip("optuna")
    library.logging.set_verbosity(library.logging.WARNING)
    return library


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'past.db'}"


def test_a_study_that_optuna_ran(optuna, storage):
    """Three ways to write down an option, trials that fail and are pruned, and one still open."""
    seen = []

    def objective(trial):
        chosen = (
            trial.suggest_categorical("operation", ["gat", "skip", "none"]),
            trial.suggest_categorical("width", [16, 64, 256]),
            trial.suggest_float("rate", 1e-3, 1e-2, step=9e-3),
        )
        trial.suggest_float("momentum", 0, 1)
        pairs = zip(SPACE.choices[:2], chosen, strict=False)
        seen.append([*(c.options.index(x) for c, x in pairs), int(chosen[2] > 5e-3)])
        if trial.number == 2:
            raise optuna.TrialPruned
        if trial.number == 4:
            raise ValueError
        trial.set_user_attr("seconds", 10.0 + trial.number)
        return trial.number / 10

    for name in ("cora", "empty"):
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        study.set_user_attr("nodes", 2708)
    study = optuna.load_study(study_name="cora", storage=storage)
    study.optimize(objective, n_trials=6, catch=ValueError)
    study.ask()
    past_searches = read_studies(
        storage,
        SPACE,
        objectives=("acc",),
        attributes=("seconds",),
        context=("nodes",),
        columns={"op": "operation"},
    )
    history, tasks = past_searches.history, past_searches.tasks
    assert tasks == ("cora",)
    np.testing.assert_array_equal(history.architecture[0], seen)
    nan = np.nan
    np.testing.assert_allclose(history.metrics["acc"][0], [0, 0.1, nan, 0.3, nan, 0.5], rtol=1e-6)
    np.testing.assert_allclose(history.metrics["seconds"][0], [10, 11, nan, 13, nan, 15])
    np.testing.assert_array_equal(history.context, [[2708]])


def test_a_trial_without_parameters_is_not_an_evaluation(optuna, storage):
    def objective(trial):
        trial.suggest_categorical("op", ["gat", "skip", "none"])
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            raise ValueError
        trial.suggest_categorical("width", [16, 64, 256])
        trial.suggest_categorical("rate", [1e-3, 1e-2])
        if trial.number == 3:
            raise ValueError
        return trial.number / 10

    for name, ends in (("cora", 5), ("stopped", 0)):
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        study.optimize(objective, n_trials=ends, catch=ValueError)
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
    past_searches = read_studies(storage, SPACE, objectives=("acc",))
    history, tasks = past_searches.history, past_searches.tasks
    assert tasks == ("cora",)
    np.testing.assert_allclose(history.metrics["acc"], [[0, np.nan, 0.4]], rtol=1e-6)
    with pytest.raises(NmjaxError, match=r"finished trial with the parameters \['op', 'width', "):
        read_studies(storage, SPACE, objectives=("acc",), studies=("stopped",))
    study.add_trial(optuna.trial.create_trial(value=0.5))
    with pytest.raises(NmjaxError, match="op is None"):
        read_studies(storage, SPACE, objectives=("acc",))


def past():
    rng = np.random.default_rng(0)
    sizes = (7, 4)
    metrics = [
        {"acc": rng.uniform(size=m), "time": rng.uniform(1, 9, size=m), "size": np.arange(m) + 0.5}
        for m in sizes
    ]
    metrics[0]["acc"][2] = metrics[0]["time"][2] = np.nan
    rows = [rng.integers(0, SPACE.num_options, size=(m, 3)) for m in sizes]
    return stack_tasks(rows, metrics, [[1.0], [2.0]])


def test_histories_become_studies_and_come_back(optuna, storage):
    history = past()
    write_studies(
        storage,
        history,
        SPACE,
        tasks=("a", "b"),
        objectives=(ACCURACY, SECONDS),
        context=("rows",),
    )
    study = optuna.load_study(study_name="a", storage=storage)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    best = np.nanargmax(history.metrics["acc"][0, :7])
    assert best in [trial.number for trial in study.best_trials]
    past_searches = read_studies(
        storage,
        SPACE,
        objectives=("acc", "time"),
        attributes=("size",),
        context=("rows",),
        studies=("a", "b"),
    )
    found, tasks = past_searches.history, past_searches.tasks
    assert tasks == ("a", "b")
    jax.tree.map(np.testing.assert_array_equal, found, history)
    with pytest.raises(NmjaxError, match=r"\['a', 'b'\] exist already"):
        write_studies(
            storage, history, SPACE, tasks=("a", "b"), objectives=(ACCURACY,), context=("rows",)
        )


def test_real_valued_choices_become_floats_and_come_back(optuna, storage):
    space = Space.build(
        "mixed", SPACE.choices[:1], (RealChoice("lr", 1e-4, 0.1, "log"), RealChoice("wd", 0.0, 1.0))
    )
    continuous = np.array([[1e-4, 0.0], [0.1, 1.0], [0.03, 0.3]])
    history = stack_tasks(
        [[[0], [1], [2]]], [{"acc": [1, 2, 3]}], continuous=[continuous], space=space
    )
    write_studies(storage, history, space, tasks=("a",), objectives=(ACCURACY,))
    trial = optuna.load_study(study_name="a", storage=storage).trials[1]
    assert trial.params == {"op": "skip", "lr": 0.1, "wd": 1.0}
    assert trial.distributions["lr"] == optuna.distributions.FloatDistribution(1e-4, 0.1, log=True)
    found = read_studies(storage, space, objectives=("acc",)).history
    jax.tree.map(np.testing.assert_array_equal, found, history)


def test_mismatched_arguments_are_refused(optuna, storage):
    write_studies(
        storage, past(), SPACE, tasks=("a", "b"), objectives=(ACCURACY,), context=("rows",)
    )
    fits = {"objectives": ("acc",)}
    for options, says in (
        (fits | {"studies": ("c",)}, "Unknown study 'c'"),
        (fits | {"context": ("row",)}, "did you mean 'rows'"),
        (fits | {"columns": {"opp": "x"}}, "did you mean 'op'"),
        (fits | {"columns": {"op": "absent"}}, "Unknown parameter 'absent'"),
        ({"objectives": ("acc", "time")}, "1 objectives, got 2 names"),
    ):
        with pytest.raises(NmjaxError, match=says):
            read_studies(storage, SPACE, **options)
    for options, says in (
        ({"tasks": ("c",), "objectives": (ACCURACY,)}, "1 task names"),
        ({"tasks": ("c", "d"), "objectives": ()}, "0 objectives"),
        ({"tasks": ("c", "d"), "objectives": (Metric("ac", ""),)}, "did you mean 'acc'"),
        ({"tasks": ("c", "c"), "objectives": (ACCURACY,)}, r"\['c'\] occur more than once"),
    ):
        with pytest.raises(NmjaxError, match=says):
            write_studies(storage, past(), SPACE, context=("rows",), **options)
    assert optuna.get_all_study_names(storage) == ["a", "b"]
    optuna.create_study(study_name="none yet", storage=storage)
    with pytest.raises(NmjaxError, match="has a finished trial"):
        read_studies(storage, SPACE, objectives=("acc",), studies=("none yet",))


def test_without_optuna_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NmjaxError, match=r"nmjax\[optuna\]"):
        read_studies("sqlite://", SPACE, objectives=("acc",))


def test_the_direction_of_a_study_is_that_of_its_metric(optuna):
    storage = optuna.storages.InMemoryStorage()
    metrics = (ACCURACY, SECONDS)
    write_studies(storage, past(), SPACE, tasks=("a", "b"), objectives=metrics, context=("rows",))
    read = read_studies(storage, SPACE, objectives=(ACCURACY.name, SECONDS))
    assert read.metric.direction == "max"
    assert read.cost == SECONDS
    loss = read_studies(storage, SPACE, objectives=("loss", "seconds"), attributes=("size",))
    assert loss.metric == Metric("loss", direction="max")
    study = optuna.create_study(study_name="c", storage=storage, directions=["minimize"] * 2)
    study.add_trial(optuna.load_study(study_name="a", storage=storage).trials[0])
    with pytest.raises(NmjaxError, match="'a' and 'c' have different directions"):
        read_studies(storage, SPACE, objectives=("acc", "time"))
    only = read_studies(storage, SPACE, objectives=("acc", "time"), studies=("c",))
    assert only.metric.direction == "min"


def test_a_parameter_that_a_trial_lacks_is_not_the_option_none(optuna):
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(study_name="s", storage=storage, direction="maximize")

    def objective(trial):
        depth = trial.suggest_categorical("depth", [1, 2])
        if depth == 2:
            trial.suggest_categorical("norm", ["batch", "None"])
        return depth

    study.enqueue_trial({"depth": 1})
    study.enqueue_trial({"depth": 2, "norm": "None"})
    study.optimize(objective, n_trials=2)
    with pytest.raises(NmjaxError, match="norm is None"):
        read_studies(storage, Space(depth=[1, 2], norm=["batch", "None"]), objectives=("acc",))
    space = Space(depth=[1, 2], norm=when(["batch", "None"], depth=2))
    history = read_studies(storage, space, objectives=("acc",)).history
    np.testing.assert_array_equal(history.architecture, [[[0, 0], [1, 1]]])
    again = optuna.storages.InMemoryStorage()
    write_studies(again, history, space, tasks=("s",), objectives=(ACCURACY,))
    trials = optuna.load_study(study_name="s", storage=again).trials
    assert [trial.params for trial in trials] == [{"depth": 1}, {"depth": 2, "norm": "None"}]


def test_equal_names_of_objectives_and_attributes_are_refused(optuna):
    storage = optuna.storages.InMemoryStorage()
    for names in ({"attributes": ("acc",)}, {"context": ("acc",)}, {"attributes": ("op",)}):
        with pytest.raises(NmjaxError, match="Expected different names"):
            read_studies(storage, SPACE, objectives=("acc",), **names)


def test_reading_makes_no_file_and_changes_none(optuna, tmp_path):
    path = tmp_path / "past #1.db"
    study = optuna.create_study(study_name="cora", storage=f"sqlite:///{path}")
    study.optimize(lambda trial: trial.suggest_categorical("op", ["gat", "gcn"]) == "gat", 2)
    content = path.read_bytes()
    space = Space(op=["gat", "gcn"])
    past = read_studies(f"sqlite:///{path}", space, objectives=("loss",))
    assert past.history.mask.sum() == 2
    assert path.read_bytes() == content
    with pytest.raises(NmjaxError, match="Unknown parameter 'operation': choose one of 'op'"):
        read_studies(study._storage, space, objectives=("loss",), columns={"op": "operation"})
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("no database " * 100)
    for name in ("missing.db", "new/missing.db", "empty.db", "text.db"):
        with pytest.raises(NmjaxError, match="cannot be read") as error:
            read_studies(f"sqlite:///{tmp_path / name}", space, objectives=("loss",))
        assert "\n" not in str(error.value)
    with pytest.raises(NmjaxError, match="The storage nonsense cannot be read"):
        read_studies("nonsense", space, objectives=("loss",))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.db", "past #1.db", "text.db"]
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_studies_are_written_all_or_none(optuna, monkeypatch):
    storage, space = optuna.storages.InMemoryStorage(), Space(op=["gat", "gcn"])
    history = make_history([[[0]], [[1]]], {"acc": [[0.5], [0.6]]})
    add_trials = optuna.Study.add_trials

    def fail_second(study, trials):
        if study.study_name == "cs":
            raise OSError("disk full")
        add_trials(study, trials)

    monkeypatch.setattr(optuna.Study, "add_trials", fail_second)
    with pytest.raises(OSError, match="disk full"):
        write_studies(storage, history, space, tasks=("cora", "cs"), objectives=(ACCURACY,))
    assert optuna.get_all_study_names(storage) == []
