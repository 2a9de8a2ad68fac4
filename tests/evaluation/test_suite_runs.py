import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.evaluation import finished_searches, run_suite, suite_runs
from nmjax.evaluation.finished_searches import read_finished, write_finished
from nmjax.experiments import batch_mesh
from tests.experiments.two_processes import prepare_toy

METHODS = ("random", "evolution")


def run(suite, prepare=prepare_toy, **settings):
    return run_suite(suite, methods=METHODS, seeds=2, budget=30, prepare=prepare, **settings)


@pytest.fixture(scope="module")
def whole(suite):
    return run(suite)


def counting(limit):
    """`prepare_toy` that is interrupted after a number of calls, and the calls."""
    calls = []

    def prepare(suite, task, seed):
        if len(calls) == limit:
            raise KeyboardInterrupt
        calls.append((task, seed))
        return prepare_toy(suite, task, seed)

    return prepare, calls


def test_each_search_evaluates_distinct_rows_by_task_and_seed(suite, whole):
    rows = whole["evolution"].rows
    assert rows.shape == (3, 2, 30)
    assert (np.diff(np.sort(rows, axis=-1), axis=-1) > 0).all()
    assert len({tuple(row) for row in rows.reshape(6, 30).tolist()}) == 6
    assert (whole["random"].kind, whole["random"].transfer) == ("baseline", False)


@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")
def test_one_device_chooses_the_rows_of_two(suite, whole, monkeypatch):
    monkeypatch.setattr(suite_runs, "batch_mesh", lambda local: batch_mesh(1))
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    alone = run(suite)
    for name in METHODS:
        np.testing.assert_array_equal(alone[name].rows, whole[name].rows)


def test_an_interrupted_run_continues_after_its_finished_searches(suite, whole, tmp_path):
    path = tmp_path / "finished.npz"
    prepare, begun = counting(3)
    with pytest.raises(KeyboardInterrupt):
        run(suite, prepare, path=path)
    prepare, rest = counting(None)
    resumed = run(suite, prepare, path=path)
    devices = jax.device_count()
    assert begun[: len(begun) // devices * devices] + rest == [
        (task, seed) for task in suite.tasks for seed in range(2)
    ]
    for name in METHODS:
        np.testing.assert_array_equal(resumed[name].rows, whole[name].rows)


def test_problems_of_different_structure_run_in_programs_of_their_own(suite, whole):
    def prepare(suite, task, seed):
        prepared, key = prepare_toy(suite, task, seed)
        if seed:
            del prepared.__dict__["problem"]
            bare = prepare_toy(suite, task, seed)[0].problem._replace(past_mean=None)
            prepared.__dict__["problem"] = bare
        return prepared, key

    mixed = run(suite, prepare)
    np.testing.assert_array_equal(mixed["random"].rows, whole["random"].rows)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"seeds": 0}, "Got 0 seeds"),
        ({"budget": 65}, "Got a budget of 65"),
        ({"methods": ("rndom",)}, "did you mean 'random'"),
    ],
)
def test_invalid_runs_are_refused(suite, settings, says):
    with pytest.raises(NmjaxError, match=says):
        run_suite(suite, **{"methods": METHODS, "budget": 30, "prepare": prepare_toy, **settings})


def test_finished_searches_of_another_run_version_or_damaged_are_refused(tmp_path, monkeypatch):
    path, shape = tmp_path / "finished.npz", (2, 3, 1, 5)
    found = read_finished(path, shape, config="mine")
    assert len(found.waiting) == 6
    found.rows[1, 2] = np.arange(5)
    found.seconds[1, 2] = 0.5
    write_finished(path, found, config="mine")
    assert read_finished(path, shape, config="mine").waiting == found.waiting[:5]
    for other in ({"shape": (2, 3, 1, 6), "config": "mine"}, {"shape": shape, "config": "yours"}):
        with pytest.raises(NmjaxError, match="other settings or of another version"):
            read_finished(path, **other)
    monkeypatch.setattr("nmjax.experiments.checkpoint.__version__", "99")
    with pytest.raises(NmjaxError, match="another version"):
        read_finished(path, shape, config="mine")
    monkeypatch.undo()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(NmjaxError, match="is damaged"):
        read_finished(path, shape, config="mine")


def test_a_write_that_fails_keeps_the_searches_before(tmp_path, monkeypatch):
    path, shape = tmp_path / "finished.npz", (1, 2, 1, 5)
    found = read_finished(path, shape, config=None)
    found.rows[0, 0] = np.arange(5)
    write_finished(path, found, config=None)

    def full(file, **arrays):
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(finished_searches.np, "savez_compressed", full)
    found.rows[0, 1] = np.arange(5)
    with pytest.raises(NmjaxError, match="No space left"):
        write_finished(path, found, config=None)
    assert read_finished(path, shape, config=None).waiting == [(0, 1)]
    assert [file.name for file in tmp_path.iterdir()] == ["finished.npz"]
