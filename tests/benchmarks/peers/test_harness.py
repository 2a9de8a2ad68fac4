"""The protocol of the peers, with a stand-in for Optuna that draws at random."""

import importlib
import json
import shutil
import sys

import numpy as np
import pytest

from benchmarks.peers import harness
from benchmarks.peers.export import export_tasks
from benchmarks.peers.programs import optuna_tpe
from benchmarks.peers.searches import Search, read_tasks, run_searches, to_options, to_values
from nmjax.errors import NmjaxError
from nmjax.evaluation.protocol import prepare_search
from nmjax.spaces import Choice, RealChoice, Space, encode
from nmjax.tasks import Suite, scores
from nmjax.types import Metric

OPTUNA = """
import random
import sys
from types import SimpleNamespace

assert "nmjax" not in sys.modules and "jax" not in sys.modules
__version__ = "0"
logging = SimpleNamespace(set_verbosity=print, WARNING=0)
trial = SimpleNamespace(TrialState=SimpleNamespace(PRUNED="pruned"))


class TPESampler:
    def __init__(self, *, multivariate=None, seed=None):
        self.random = random.Random(seed)


class Trial:
    def __init__(self, random):
        self.suggest_int = lambda name, low, high: random.randint(low, high)
        self.suggest_categorical = lambda name, options: random.choice(options)


class Study:
    def __init__(self, direction, sampler):
        self.ask = lambda: Trial(sampler.random)

    def tell(self, trial, value=None, state=None):
        assert (state == "pruned") if value is None else value == value


samplers = SimpleNamespace(TPESampler=TPESampler)
create_study = Study
"""


@pytest.fixture(scope="module")
def suite():
    """Ends of an edge can be swapped, (0, 0) is no architecture, and one evaluation failed."""
    space = Space.build(
        "edge",
        (
            Choice("from", ("a", "b", "c")),
            Choice("to", ("a", "b", "c")),
            Choice("width", (4, 16), kind="ordinal", scale="log"),
        ),
        valid=lambda x: (x[..., 0] > 0) | (x[..., 1] > 0),
        canonical=lambda x: x.at[..., :2].set(x[..., :2].sort(axis=-1)),
    )
    ends = [(0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    pool = np.array([(*end, width) for end in ends for width in (0, 1)], np.int32)
    loss = np.exp(np.random.default_rng(0).normal(size=(2, len(pool)))).astype(np.float32)
    loss[1, 3] = np.nan
    return Suite(
        name="edges",
        space=space,
        tasks=("a", "b"),
        families=(("a",), ("b",)),
        pool=pool,
        metrics={"loss": loss},
        metric_info={"loss": Metric("loss", "loss", "min", "log")},
        score_metric="loss",
        test_metric=None,
        license="none",
        citation="none",
        package="edges 1",
    )


def make_python(folder):
    """An interpreter that finds the stand-in."""
    (folder / "optuna.py").write_text(OPTUNA)
    path = folder / "python"
    call = f'PYTHONPATH="$PYTHONPATH:{folder}" exec "{sys.executable}" "$@"'
    path.write_text(f"#!/bin/sh\n{call}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def python(tmp_path):
    return make_python(tmp_path)


@pytest.fixture(scope="module")
def kept(suite, tmp_path_factory):
    """A folder with the trajectories of one seed and budget 9."""
    folder = tmp_path_factory.mktemp("kept")
    sizes = {"seeds": 1, "budget": 9, "python": make_python(folder)}
    harness.run_peer("optuna_tpe", suite, **sizes, results=folder)
    return folder


def test_what_a_peer_sees(suite, tmp_path):
    tasks = read_tasks(export_tasks(suite, tmp_path, seeds=8))
    choices = tasks.pool.choices
    assert [choice.kind for choice in choices] == ["categorical", "categorical", "ordinal"]
    assert choices[2] == ("width", "ordinal", ("4", "16"))
    assert np.array_equal(tasks.pool.architectures, suite.pool)
    assert np.array_equal(tasks.pool.encoding, np.asarray(encode(suite.space, suite.pool)))
    for architecture in suite.pool:
        values = to_values(choices, architecture)
        assert values["from"] == "abc"[architecture[0]]
        assert values["width"] == architecture[2]
        assert to_options(choices, values) == architecture.tolist()
    for row, (one, other, width) in enumerate(suite.pool):
        assert tasks.lookup[one, other, width] == tasks.lookup[other, one, width] == row
    assert tasks.lookup[0, 0].tolist() == [-1, -1]
    assert tasks.lookup.shape == (3, 3, 2)
    assert np.array_equal(tasks.scores, np.asarray(scores(suite)), equal_nan=True)
    finite = tasks.scores[0]
    assert np.array_equal(np.argsort(finite), np.argsort(-suite.metrics["loss"][0]))


@pytest.fixture
def short_past(monkeypatch):
    """Pasts of 9 evaluations, for pools that are small."""
    monkeypatch.setattr("nmjax.evaluation.protocol.HISTORY_SIZE", 9)
    monkeypatch.setattr("benchmarks.peers.export.HISTORY_SIZE", 9)


def test_a_peer_gets_the_past_that_our_own_methods_get(related, tmp_path, monkeypatch, short_past):
    related = Suite(
        **{
            **vars(related),
            "pool": related.pool[:10],
            "metrics": {"score": related.metrics["score"][:, :10]},
        }
    )
    learn = "nmjax.evaluation.leave_one_out.learn_from_history"
    monkeypatch.setattr(learn, lambda key, history, *_, **__: (history, None))
    monkeypatch.setattr("nmjax.evaluation.leave_one_out.make_problem", lambda *_: 0)
    tasks = read_tasks(export_tasks(related, tmp_path, seeds=2, transfer=True))
    given = []

    def optimize(search, pool, seed):
        given.append(search.past)

    run_searches(optimize, tasks, seeds=2, budget=1, kept=tmp_path)
    table = np.asarray(scores(related))
    for (t, seed), past in zip(np.ndindex(6, 2), given, strict=True):
        prepared, _ = prepare_search(related, related.tasks[t], seed, history_size=9)
        rows = np.array([source.rows for source in past])
        assert np.array_equal(related.pool[rows], prepared.knowledge.architecture)
        assert np.array_equal(
            [source.scores for source in past],
            np.take_along_axis(np.delete(table, t, axis=0), rows, axis=-1),
            equal_nan=True,
        )
    assert np.isnan(tasks.past_scores).any()


def test_only_those_that_ask_are_given_a_past(suite, python, tmp_path, monkeypatch, short_past):
    sizes = {"seeds": 1, "budget": 2, "python": python, "results": tmp_path}
    monkeypatch.setattr(optuna_tpe, "TRANSFER", ("independent",))
    for name, transfer in (("optuna_tpe", False), ("optuna_tpe-independent", True)):
        harness.run_peer(name, suite, **sizes)
        _, record = harness.read_trajectories(name, suite, results=tmp_path)
        assert record.transfer == transfer


def test_a_run_that_was_stopped_goes_on(suite, tmp_path):
    tasks = read_tasks(export_tasks(suite, tmp_path, seeds=3))
    ran = []

    def optimize(search, pool, seed):
        if len(ran) == stop:
            raise KeyboardInterrupt
        ran.append(seed)
        search.evaluate((2, 1, seed % 2))

    def run(tasks, **changes):
        settings = {"seeds": 2, "budget": 4, "kept": tmp_path, **changes}
        return run_searches(optimize, tasks, **settings)

    stop = 3
    with pytest.raises(KeyboardInterrupt):
        run(tasks)
    stop = None
    found = run(tasks)
    assert len(ran) == len(set(ran)) == 4
    assert np.array_equal(found["indices"][..., 0] % 2, np.reshape(ran, (2, 2)) % 2)
    more = run(tasks, seeds=3)
    assert np.array_equal(more["indices"][:, :2], found["indices"])
    assert len(ran) == len(set(ran)) == 6
    for changes in (
        {"budget": 5},
        {"code": b"other"},
        {"tasks": tasks._replace(scores=-tasks.scores)},
    ):
        before = len(ran)
        run(**{"tasks": tasks, **changes})
        assert len(ran) == before + 4


def test_a_repeated_row_counts_once_against_the_budget(suite, tmp_path):
    tasks = read_tasks(export_tasks(suite, tmp_path, seeds=8))
    search = Search(tasks.lookup, tasks.scores[1], budget=3)
    assert search.evaluate((0, 1, 0)) == search.evaluate((1, 0, 0)) == tasks.scores[1, 0]
    assert np.isnan(search.evaluate((0, 0, 1)))
    assert np.isnan(search.evaluate((2, 0, 1)))
    assert not search.finished
    search.evaluate((2, 2, 0))
    assert search.finished
    assert search.rows == [0, 3, 8]
    assert (search.suggestions, search.repeated, search.invalid) == (5, 1, 1)
    with pytest.raises(RuntimeError, match="finished"):
        search.evaluate((2, 2, 1))


def test_a_peer_that_repeats_rows_is_completed_with_random_rows(suite, tmp_path):
    def optimize(search, pool, seed):
        while not search.finished:
            search.evaluate((2, 1, 1))

    tasks = read_tasks(export_tasks(suite, tmp_path, seeds=8))
    arrays = run_searches(optimize, tasks, seeds=8, budget=4, kept=tmp_path)
    assert arrays["indices"].shape == (2, 8, 4)
    assert (arrays["indices"][..., 0] == 7).all()
    assert all(len(set(row)) == 4 for row in arrays["indices"].reshape(-1, 4).tolist())
    assert len(np.unique(arrays["indices"].reshape(-1, 4), axis=0)) > 8
    assert (arrays["suggestions"] == 80).all()
    assert (arrays["repeated"] == 79).all()
    assert (arrays["filled"] == 3).all()


def test_seeds_differ_and_more_of_them_change_none(suite, tmp_path):
    tasks = read_tasks(export_tasks(suite, tmp_path, seeds=8))
    given = []

    def optimize(search, pool, seed):
        given.append(seed)

    few = run_searches(optimize, tasks, seeds=2, budget=4, kept=tmp_path)["indices"]
    many = run_searches(optimize, tasks, seeds=5, budget=4, kept=tmp_path)["indices"]
    assert np.array_equal(many[:, :2], few)
    assert len(set(given)) == 10


def test_a_run_is_read_back_and_is_the_same_again(suite, python, tmp_path, monkeypatch):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "optuna.py").write_text("raise RuntimeError('ours')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "ours"))
    sizes = {"seeds": 3, "budget": 10, "python": python, "results": tmp_path / "results"}
    path = harness.run_peer("optuna_tpe", suite, **sizes)
    indices, record = harness.read_trajectories("optuna_tpe", suite, results=path.parent)
    assert (indices.dtype, indices.shape) == (np.int32, (2, 3, 10))
    assert all(len(set(row)) == 10 for row in indices.reshape(-1, 10).tolist())
    assert len(np.unique(indices.reshape(-1, 10), axis=0)) == 6
    assert record.version == "optuna 0"
    assert record.settings == {"sampler": "TPESampler", "multivariate": None}
    assert record.suggestions == 60 + record.repeated + record.invalid
    assert record.repeated > 0
    assert record.filled == record.filled_searches == 0
    assert record.cpu_seconds >= 0
    assert str(tmp_path) not in path.with_suffix(".json").read_text()
    elsewhere = tmp_path / "elsewhere"
    harness.run_peer("optuna_tpe", suite, **{**sizes, "results": elsewhere})
    again, _ = harness.read_trajectories("optuna_tpe", suite, results=elsewhere)
    assert np.array_equal(again, indices)


def test_a_variant_is_a_row_of_its_own(suite, python, tmp_path):
    path = harness.run_peer(
        "optuna_tpe-independent", suite, seeds=1, budget=2, python=python, results=tmp_path
    )
    assert path.name == "optuna_tpe-independent_edges.npz"
    assert json.loads(path.with_suffix(".json").read_text())["settings"]["multivariate"] is False


def test_every_peer_has_its_variant_and_pins_what_it_needs():
    names = [name.partition("-")[::2] for name in harness.PEERS]
    for module in {module for module, _ in names}:
        peer = importlib.import_module(f"benchmarks.peers.programs.{module}")
        assert {variant for other, variant in names if other == module} == set(peer.VARIANTS)
        assert set(peer.TRANSFER) <= set(peer.VARIANTS)
        pinned = (*peer.REQUIREMENTS, *getattr(peer, "OVERRIDES", ()))
        assert all("==" in requirement for requirement in pinned)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"package": "edges 2"}, "edges 2"),
        ({"tasks": ("a", "c")}, "run the peer again"),
        ({"pool": np.zeros((3, 3), np.int32)}, "outside the pool of 3"),
    ],
)
def test_trajectories_of_other_data_are_refused(suite, kept, change, match):
    other = Suite(**{**vars(suite), **change})
    with pytest.raises(NmjaxError, match=match):
        harness.read_trajectories("optuna_tpe", other, results=kept)


@pytest.mark.parametrize(
    "indices",
    [
        np.arange(8, dtype=np.int32).reshape(1, 1, 8).repeat(2, 0),
        np.arange(9).reshape(1, 1, 9).repeat(2, 0),
        np.zeros((2, 1, 9), np.int32),
        np.full((2, 1, 9), b"x"),
    ],
)
def test_damaged_trajectories_are_refused(suite, kept, tmp_path, indices):
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    np.savez(tmp_path / "optuna_tpe_edges.npz", indices=indices)
    with pytest.raises(NmjaxError, match="expected"):
        harness.read_trajectories("optuna_tpe", suite, results=tmp_path)


@pytest.mark.parametrize("name", ["optuna_tpe_edges.npz", "optuna_tpe_edges.json"])
@pytest.mark.parametrize("keep", [0, 100])
def test_truncated_trajectories_are_refused(suite, kept, tmp_path, name, keep):
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_bytes((kept / name).read_bytes()[:keep])
    with pytest.raises(NmjaxError, match="no trajectories"):
        harness.read_trajectories("optuna_tpe", suite, results=tmp_path)


def test_runs_that_are_impossible_are_refused(suite, tmp_path):
    sizes = {"seeds": 1, "budget": 2, "results": tmp_path}
    with pytest.raises(NmjaxError, match=r"did you mean .*'optuna_tpe'"):
        harness.run_peer("optuna", suite, **sizes)
    with pytest.raises(NmjaxError, match=r"did you mean .*'optuna_tpe'"):
        harness.read_trajectories("optuna", suite, results=tmp_path)
    with pytest.raises(NmjaxError, match="optuna_tpe --suite edges"):
        harness.read_trajectories("optuna_tpe", suite, results=tmp_path)
    with pytest.raises(NmjaxError, match="budget of 11"):
        harness.run_peer("optuna_tpe", suite, seeds=1, budget=11)
    with pytest.raises(NmjaxError, match="cannot be run"):
        harness.run_peer("optuna_tpe", suite, **sizes, python=tmp_path / "none")
    real = Space.build("real", suite.space.choices, (RealChoice("rate", 0.0, 1.0),))
    with pytest.raises(NmjaxError, match="1 real-valued"):
        export_tasks(Suite(**{**vars(suite), "space": real}), tmp_path, seeds=1)


def test_a_failing_peer_is_reported_and_leaves_no_files(suite, python, tmp_path, capfd):
    (tmp_path / "optuna.py").write_text("raise RuntimeError('broken')")
    with pytest.raises(NmjaxError, match="ended with status 1"):
        harness.run_peer(
            "optuna_tpe", suite, seeds=1, budget=2, python=python, results=tmp_path / "results"
        )
    assert "broken" in capfd.readouterr().err
    assert not (tmp_path / "results").exists()


def test_the_command_line_reports_invalid_arguments(capsys):
    assert harness.main(["run", "optuna_tpe", "--suite", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_what_is_kept_is_small_distinct_and_complete():
    paths = sorted(harness.RESULTS.glob("*.npz"))
    assert "optuna_tpe_nas-bench-graph" in [path.stem for path in paths]
    for path in paths:
        record = json.loads(path.with_suffix(".json").read_text())
        assert path.stem == f"{record['name']}_{record['suite']}"
        assert record["name"] in harness.PEERS
        assert path.stat().st_size < 300_000
        with np.load(path, allow_pickle=False) as file:
            rows, counts = np.sort(file["indices"], axis=-1), file["filled"]
        assert rows.shape == (len(record["tasks"]), record["seeds"], record["budget"])
        assert (np.diff(rows, axis=-1) > 0).all()
        assert counts.sum() == record["filled"]
