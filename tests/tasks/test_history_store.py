import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pyarrow.dataset as ds
import pytest
from pyarrow import parquet

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Real, Space, get_space
from nmjax.tasks import (
    append_evaluations,
    append_history,
    count_evaluations,
    create_store,
    iter_batches,
    list_tasks,
    load_history,
    open_store,
    sample_history,
    stack_tasks,
)

WRITERS = Path(__file__).with_name("writers.py")


@pytest.fixture
def store(tmp_path, space):
    return create_store(tmp_path / "past", space, metrics=("acc", "time"))


@pytest.fixture
def history(suite):
    """Tasks of 36 and 20 evaluations, one of them failed."""
    drawn = sample_history(jax.random.key(0), suite, ("b", "e"), 36)
    return stack_tasks(
        [drawn.architecture[0], drawn.architecture[1, :20]],
        [{n: v[i, :m] for n, v in drawn.metrics.items()} for i, m in ((0, 36), (1, 20))],
    )


def run_writers(mode, folder):
    subprocess.run([sys.executable, WRITERS, mode, folder], check=True)


def logged(folder):
    logs = folder.parent.glob(f"{folder.name}.*")
    return {int(line) for log in logs for line in log.read_text().split()}


def test_histories_come_back(store, space, history):
    append_history(store, history, ("b", "e"))
    for opened in (store, open_store(store.folder), open_store(store.folder, space)):
        found, tasks = load_history(opened)
        assert tasks == ("b", "e")
        assert np.isnan(found.metrics["acc"][0]).sum() == 1
        jax.tree.map(np.testing.assert_array_equal, found, history)
        assert count_evaluations(opened) == {"b": 36, "e": 20}


def test_appends_follow_one_another(store):
    for number in range(12):
        append_evaluations(store, "t", [[0, 1, 2, 0]] * 2, {"time": [1, 2], "acc": [number, 0.5]})
    found, _ = load_history(store)
    np.testing.assert_array_equal(found.metrics["acc"][0, ::2], range(12))
    np.testing.assert_array_equal(found.metrics["time"][0], [1, 2] * 12)


@pytest.mark.parametrize("task", ["a/b", "..", "=", "x=y", "é %2F", "A b.parquet", "task=t"])
def test_tasks_have_any_name(store, task):
    append_evaluations(store, task, [[0, 0, 0, 0]], {"acc": [1.0], "time": [2.0]})
    assert count_evaluations(open_store(store.folder)) == {task: 1}
    assert load_history(store)[1] == (task,)
    files = [path for path in store.folder.parent.rglob("*") if path.is_file()]
    assert {path.parent.parent for path in files} == {store.folder, store.folder.parent}


def test_one_task_is_read_without_opening_another(store, history):
    append_history(store, history, ("b", "e"))
    for file in store.folder.glob("task=b/*.parquet"):
        file.write_bytes(b"nonsense")
    found, tasks = load_history(store, ("e",))
    assert tasks == ("e",)
    np.testing.assert_array_equal(found.metrics["acc"][0], history.metrics["acc"][1, :20])
    assert list_tasks(store) == ("b", "e")
    for read in (lambda: load_history(store, ("b",)), lambda: count_evaluations(store)):
        with pytest.raises(NmjaxError, match=r"task=b.*cannot be read"):
            read()


def test_files_of_other_columns_are_refused(store):
    append_evaluations(store, "t", [[0, 0, 0, 0]], {"acc": [1.0], "time": [2.0]})
    (file,) = store.folder.glob("task=t/*.parquet")
    parquet.write_table(parquet.read_table(file, partitioning=None).drop(["acc"]), file)
    with pytest.raises(NmjaxError, match=r"cannot be read.*acc"):
        load_history(store)


def test_batches_have_one_shape_whatever_the_appends(store, history):
    cuts = [0, 1, 2, 17, 30, 36]
    for low, high in itertools.pairwise(cuts):
        part = {name: values[0, low:high] for name, values in history.metrics.items()}
        append_evaluations(store, "b", history.architecture[0, low:high], part)
    append_evaluations(
        store, "e", history.architecture[1, :20], {n: v[1, :20] for n, v in history.metrics.items()}
    )
    batches = list(iter_batches(store, batch_size=8))
    assert [task for task, _ in batches] == ["b"] * 5 + ["e"] * 3
    assert {batch.architecture.shape for _, batch in batches} == {(1, 8, 4)}
    for index, (task, length) in enumerate((("b", 36), ("e", 20))):
        mine = [batch for name, batch in batches if name == task]
        joined = jax.tree.map(lambda *leaves: np.concatenate(leaves, 1)[0], *mine)
        assert joined.mask.sum() == length
        np.testing.assert_array_equal(
            joined.architecture[joined.mask], history.architecture[index, :length]
        )
        for name, values in history.metrics.items():
            np.testing.assert_array_equal(joined.metrics[name][:length], values[index, :length])
            assert np.isnan(joined.metrics[name][length:]).all()


def test_streaming_opens_files_as_they_come(store, history):
    append_history(store, history, ("b", "e"))
    batches = iter_batches(store, ("b", "e"), batch_size=36)
    next(batches)
    for file in store.folder.glob("task=e/*.parquet"):
        file.write_bytes(b"nonsense")
    with pytest.raises(NmjaxError, match="task=e"):
        next(batches)


def test_other_tools_read_the_folder(store, history):
    append_history(store, history, ("b", "e"))
    table = ds.dataset(
        store.folder, format="parquet", partitioning="hive", exclude_invalid_files=True
    ).to_table(filter=ds.field("task") == "e")
    np.testing.assert_array_equal(table["op"].to_numpy(), history.architecture[1, :20, 1])
    np.testing.assert_array_equal(table["acc"].to_numpy(), history.metrics["acc"][1, :20])


def test_contexts_are_kept_and_are_one_a_task(tmp_path, space):
    store = create_store(tmp_path / "past", space, metrics=("acc",), context=("rows", "density"))
    row, value = [[0, 0, 0, 0]], {"acc": [1.0]}
    append_evaluations(store, "a", row, value, [5.0, np.nan])
    append_evaluations(store, "a", row, value, [5.0, np.nan])
    append_evaluations(store, "b", row, value, [6.0, 0.5])
    for wrong in ([5.0, 1.0], [6.0, np.nan]):
        with pytest.raises(NmjaxError, match="'a' has the context"):
            append_evaluations(store, "a", row, value, wrong)
    with pytest.raises(NmjaxError, match=r"context is \[0\], expected \[2\]"):
        append_evaluations(store, "a", row, value)
    found, _ = load_history(store)
    np.testing.assert_array_equal(found.context, [[5, np.nan], [6, 0.5]])
    np.testing.assert_array_equal(found.mask, [[True, True], [True, False]])


def test_contexts_that_two_first_writers_gave_are_told_apart(tmp_path, space):
    stores = [
        create_store(tmp_path / name, space, metrics=("acc",), context=("rows",)) for name in "ab"
    ]
    for rows, store in enumerate(stores):
        append_evaluations(store, "t", [[0, 0, 0, 0]], {"acc": [1.0]}, [rows])
    for file in stores[1].folder.glob("task=t/*"):
        file.rename(stores[0].folder / "task=t" / file.name)
    with pytest.raises(NmjaxError, match=r"context \[1.0\], expected \[0.0\]"):
        load_history(stores[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrics": {"acc": [1.0]}}, r"Metrics \['time'\] are missing"),
        ({"metrics": {"acc": [1.0], "tim": [1.0]}}, "Unknown metric .* did you mean 'time'"),
        ({"metrics": {"acc": [1.0], "time": [1.0, 2.0]}}, "metric 'time'"),
        ({"architecture": [[0, 3, 0, 0]]}, "option 3 of choice 'op'"),
        ({"architecture": [[0, 0, 0]]}, "3 choices, expected 4"),
        ({"architecture": np.zeros((0, 4), int)}, "at least"),
        ({"task": ""}, "0 bytes"),
        ({"task": "ü" * 40}, "240 bytes"),
        ({"context": [1.0]}, "context"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(store, change, says):
    given = {"task": "t", "architecture": [[0, 0, 0, 0]], "metrics": {"acc": [1.0], "time": [1.0]}}
    with pytest.raises(NmjaxError, match=says):
        append_evaluations(store, **given | change)
    assert [path.name for path in store.folder.iterdir()] == ["manifest.json"]


def test_unknown_tasks_get_the_nearest(store, history):
    append_history(store, history, ("cora", "photo"))
    for ask in (
        lambda: load_history(store, ("foto",)),
        lambda: next(iter_batches(store, ("foto",), batch_size=2)),
    ):
        with pytest.raises(NmjaxError, match="'foto': did you mean 'photo'"):
            ask()
    with pytest.raises(NmjaxError, match="batch_size is 0"):
        next(iter_batches(store, batch_size=0))
    with pytest.raises(NmjaxError, match="1 task names came, expected 2"):
        append_history(store, history, ("cora",))


def test_spaces_of_the_catalog_are_whole_when_opened(tmp_path, space):
    graph = get_space("nas-bench-graph")
    create_store(tmp_path / "graph", graph, metrics=("acc",))
    assert open_store(tmp_path / "graph").space is graph
    namesake = Space(graph.name, space.choices)
    create_store(tmp_path / "namesake", namesake, metrics=("acc",))
    assert open_store(tmp_path / "namesake").space == namesake


def test_stores_of_something_else_are_refused(tmp_path, store, space):
    other = Space("toy", (*space.choices[:3], Choice("rate", (1, 2), kind="ordinal")))
    with pytest.raises(NmjaxError, match="their options differ"):
        open_store(store.folder, other)
    with pytest.raises(NmjaxError, match="'nas-bench-graph'"):
        create_store(store.folder, get_space("nas-bench-graph"), metrics=store.metrics)
    with pytest.raises(NmjaxError, match="holds metrics"):
        create_store(store.folder, space, metrics=("acc",))
    with pytest.raises(NmjaxError, match="no name twice"):
        create_store(tmp_path / "new", space, metrics=("op",))
    with pytest.raises(NmjaxError, match="at least one metric"):
        create_store(tmp_path / "new", space, metrics=())
    reals = Space("mixed", space.choices, (Real("momentum", 0.0, 1.0),))
    with pytest.raises(NmjaxError, match="real-valued"):
        create_store(tmp_path / "new", reals, metrics=("acc",))
    assert create_store(store.folder, space, metrics=store.metrics) == store
    assert not (tmp_path / "new").exists()
    with pytest.raises(NmjaxError, match="No task"):
        load_history(store)


def test_manifests_that_are_not_ours_are_refused(tmp_path, store):
    with pytest.raises(NmjaxError, match="holds no history"):
        open_store(tmp_path / "absent")
    manifest = store.folder / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"schema": 2}))
    with pytest.raises(NmjaxError, match="schema 2, expected 1"):
        open_store(store.folder)
    for text in ("{", "[]", json.dumps(told | {"space": {}})):
        manifest.write_text(text)
        with pytest.raises(NmjaxError, match="cannot be read as a history's manifest"):
            open_store(store.folder)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_append_that_fails_leaves_what_was_there(store, history, monkeypatch, step):
    append_history(store, history, ("b", "e"))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        append_history(store, history, ("b", "f"))
    found, tasks = load_history(store)
    assert tasks == ("b", "e")
    jax.tree.map(np.testing.assert_array_equal, found, history)
    assert list(store.folder.rglob(".*")) == []


@pytest.mark.slow
def test_killed_writers_lose_at_most_what_was_in_flight(tmp_path):
    folder = tmp_path / "past"
    run_writers("killed", folder)
    found, _ = load_history(open_store(folder))
    numbers, counts = np.unique(found.metrics["acc"], return_counts=True)
    acknowledged = logged(folder)
    assert {number // 1000 for number in acknowledged} == set(range(8))
    np.testing.assert_array_equal(counts, 3000)
    assert acknowledged <= set(numbers)
    unacknowledged = set(numbers) - acknowledged
    assert len({number // 1000 for number in unacknowledged}) == len(unacknowledged)


@pytest.mark.slow
def test_writers_at_once_lose_nothing_of_each_other(tmp_path):
    folder = tmp_path / "past"
    run_writers("together", folder)
    found, tasks = load_history(open_store(folder))
    assert tasks == ("t",)
    numbers, counts = np.unique(found.metrics["acc"], return_counts=True)
    np.testing.assert_array_equal(numbers, [*range(1000, 1015), *range(2000, 2015)])
    np.testing.assert_array_equal(counts, 3000)
    for writer in (1, 2):
        mine = found.metrics["acc"][0][found.metrics["acc"][0] // 1000 == writer]
        assert (np.diff(mine) >= 0).all()
