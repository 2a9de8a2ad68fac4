import itertools
import json
import os

import fsspec
import jax
import numpy as np
import pyarrow.dataset as ds
import pytest
from pyarrow import parquet

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Ordinal, RealChoice, Space, get_space, when
from nmjax.tasks import (
    append_evaluations,
    append_history,
    count_evaluations,
    create_store,
    drop_stored,
    iter_batches,
    list_tasks,
    load_history,
    open_store,
    sample_history,
    stack_tasks,
)
from nmjax.tasks.files import store_writer

SPACE = Space.build("toy", (Choice("op", ("a", "b", "c")),))


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    """A folder of a file system, and the URL of one of an object store."""
    if request.param == "local":
        yield str(tmp_path)
    else:
        yield f"memory:/{tmp_path}"
        fsspec.filesystem("memory").store.clear()


@pytest.fixture
def store(place, space):
    return create_store(f"{place}/past", space, metrics=("acc", "time"))


@pytest.fixture
def history(suite):
    """Tasks of 36 and 20 evaluations, one of them failed."""
    drawn = sample_history(jax.random.key(0), suite, ("b", "e"), 36)
    return stack_tasks(
        [drawn.architecture[0], drawn.architecture[1, :20]],
        [{n: v[i, :m] for n, v in drawn.metrics.items()} for i, m in ((0, 36), (1, 20))],
    )


def files_in(folder):
    """The file system of a folder, its path there, and the names of all files below."""
    system, root = fsspec.core.url_to_fs(str(folder))
    return system, root, [path.removeprefix(f"{root}/") for path in system.find(root)]


def spoil(store, task):
    """Overwrite the files of a task."""
    system, root, names = files_in(store.folder)
    for name in names:
        if name.startswith(f"task={task}/"):
            system.pipe_file(f"{root}/{name}", b"nonsense")


def test_histories_come_back(store, space, history):
    append_history(store, history, ("b", "e"))
    for opened in (store, open_store(store.folder), open_store(store.folder, space)):
        past = load_history(opened)
        found, tasks = past.history, past.tasks
        assert tasks == ("b", "e")
        assert np.isnan(found.metrics["acc"][0]).sum() == 1
        jax.tree.map(np.testing.assert_array_equal, found, history)
        assert count_evaluations(opened) == {"b": 36, "e": 20}


@pytest.mark.parametrize("choices", [(), SPACE.choices])
def test_real_valued_choices_come_back(place, choices):
    space = Space.build(
        "mixed", choices, (RealChoice("rate", 1e-4, 0.1, "log"), RealChoice("decay", 0.0, 1.0))
    )
    store = create_store(f"{place}/past", space, metrics=("acc",), context=("rows",))
    tables = [np.array([[1e-4, 0], [0.1, 1]]), np.array([[0.05, 1 / 3]])]
    history = stack_tasks(
        [np.ones((len(table), len(choices)), int) for table in tables],
        [{"acc": np.arange(len(table))} for table in tables],
        [[7], [8]],
        continuous=tables,
        space=space,
    )
    append_history(store, history, ("a", "b"))
    opened = open_store(store.folder)
    assert opened.space == space
    found = load_history(opened).history
    jax.tree.map(np.testing.assert_array_equal, found, history)
    (_, batch), *_ = iter_batches(opened, batch_size=3)
    np.testing.assert_array_equal(batch.continuous[0, :2], history.continuous[0])
    with pytest.raises(NmjaxError, match=r"'decay' is 2\.0"):
        append_evaluations(
            store, "b", np.ones((1, len(choices)), int), {"acc": [1]}, [8], continuous=[[0.1, 2.0]]
        )


def test_appends_follow_one_another(store):
    for number in range(12):
        append_evaluations(store, "t", [[0, 1, 2, 0]] * 2, {"time": [1, 2], "acc": [number, 0.5]})
    found = load_history(store).history
    np.testing.assert_array_equal(found.metrics["acc"][0, ::2], range(12))
    np.testing.assert_array_equal(found.metrics["time"][0], [1, 2] * 12)


@pytest.mark.parametrize("task", ["a/b", "..", "=", "x=y", "é %2F", "A b.parquet", "task=t"])
def test_tasks_have_any_name(place, store, task):
    append_evaluations(store, task, [[0, 0, 0, 0]], {"acc": [1.0], "time": [2.0]})
    assert count_evaluations(open_store(store.folder)) == {task: 1}
    assert load_history(store).tasks == (task,)
    assert sorted(name.count("/") for name in files_in(place)[2]) == [1, 2]


def test_one_task_is_read_without_opening_another(store, history):
    append_history(store, history, ("b", "e"))
    spoil(store, "b")
    past = load_history(store, ("e",))
    found, tasks = past.history, past.tasks
    assert tasks == ("e",)
    np.testing.assert_array_equal(found.metrics["acc"][0], history.metrics["acc"][1, :20])
    assert list_tasks(store) == ("b", "e")
    for read in (lambda: load_history(store, ("b",)), lambda: count_evaluations(store)):
        with pytest.raises(NmjaxError, match=r"task=b.*cannot be read"):
            read()


def test_files_of_other_columns_are_refused(store):
    append_evaluations(store, "t", [[0, 0, 0, 0]], {"acc": [1.0], "time": [2.0]})
    system, root, (_, name) = files_in(store.folder)
    table = parquet.read_table(f"{root}/{name}", filesystem=system, partitioning=None)
    parquet.write_table(table.drop(["acc"]), f"{root}/{name}", filesystem=system)
    with pytest.raises(NmjaxError, match=r"cannot be read.*acc"):
        load_history(store)


def test_rows_of_another_history_are_refused(store, space):
    """As where two are made at once on a server that keeps the last manifest."""
    row = {"architecture": [[0, 0, 0, 0]], "metrics": {"acc": [1.0], "time": [2.0]}}
    append_evaluations(store, "mine", **row)
    system, root, _ = files_in(store.folder)
    system.rm_file(f"{root}/manifest.json")
    turned = Choice("op", ("none", "skip", "gat"))
    other = Space.build("toy", (space.choices[0], turned, *space.choices[2:]))
    winner = create_store(store.folder, other, metrics=store.metrics)
    append_evaluations(winner, "theirs", **row)
    assert load_history(winner, ("theirs",)).history.mask.sum() == 1
    for refused in (
        lambda: load_history(open_store(store.folder)),
        lambda: count_evaluations(winner),
        lambda: append_evaluations(winner, "mine", **row),
        lambda: append_evaluations(store, "theirs", **row),
    ):
        with pytest.raises(NmjaxError, match="rows of another history than manifest"):
            refused()


def test_rows_of_an_equal_space_or_without_a_description_are_read(store, space):
    row = {"architecture": [[0, 0, 1, 0]], "metrics": {"acc": [1.0], "time": [2.0]}}
    width = Choice("width", (16.0, 64.0, 256.0), kind="ordinal", scale="log")
    equal = Space.build("toy", (*space.choices[:2], width, space.choices[3]))
    append_evaluations(open_store(store.folder, equal), "t", **row)
    assert load_history(store).history.mask.sum() == 1
    system, root, (_, name) = files_in(store.folder)
    table = parquet.read_table(f"{root}/{name}", filesystem=system, partitioning=None)
    bare = table.replace_schema_metadata(None)
    parquet.write_table(bare, f"{root}/{name}", filesystem=system)
    assert load_history(store).history.mask.sum() == 1


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
    spoil(store, "e")
    with pytest.raises(NmjaxError, match="task=e"):
        next(batches)


def test_other_tools_read_the_folder(store, history):
    append_history(store, history, ("b", "e"))
    system, root, _ = files_in(store.folder)
    table = ds.dataset(
        root, filesystem=system, format="parquet", partitioning="hive", exclude_invalid_files=True
    ).to_table(filter=ds.field("task") == "e")
    np.testing.assert_array_equal(table["op"].to_numpy(), history.architecture[1, :20, 1])
    np.testing.assert_array_equal(table["acc"].to_numpy(), history.metrics["acc"][1, :20])


def test_contexts_are_kept_and_are_one_a_task(place, space):
    store = create_store(place, space, metrics=("acc",), context=("rows", "density"))
    row, value = [[0, 0, 0, 0]], {"acc": [1.0]}
    append_evaluations(store, "a", row, value, [5.0, np.nan])
    append_evaluations(store, "a", row, value, [5.0, np.nan])
    append_evaluations(store, "b", row, value, [6.0, 0.5])
    for wrong in ([5.0, 1.0], [6.0, np.nan]):
        with pytest.raises(NmjaxError, match="'a' has the context"):
            append_evaluations(store, "a", row, value, wrong)
    with pytest.raises(NmjaxError, match=r"context is \[0\], expected \[2\]"):
        append_evaluations(store, "a", row, value)
    found = load_history(store).history
    np.testing.assert_array_equal(found.context, [[5, np.nan], [6, 0.5]])
    np.testing.assert_array_equal(found.mask, [[True, True], [True, False]])


def test_different_contexts_of_two_first_writers_are_detected(place, space):
    stores = [
        create_store(f"{place}/{name}", space, metrics=("acc",), context=("rows",)) for name in "ab"
    ]
    for rows, store in enumerate(stores):
        append_evaluations(store, "t", [[0, 0, 0, 0]], {"acc": [1.0]}, [rows])
    system, root, (_, name) = files_in(f"{place}/b")
    system.mv(f"{root}/{name}", f"{files_in(f'{place}/a')[1]}/{name}")
    with pytest.raises(NmjaxError, match=r"context \[1.0\], expected \[0.0\]"):
        load_history(stores[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrics": {"acc": [1.0]}}, r"Metrics \['time'\] are missing"),
        ({"metrics": {"acc": [1.0], "tim": [1.0]}}, r"is not a metric of .*; did you mean 'time'"),
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
    assert files_in(store.folder)[2] == ["manifest.json"]


def test_unknown_tasks_get_the_nearest(store, history):
    append_history(store, history, ("cora", "photo"))
    for ask in (
        lambda: load_history(store, ("foto",)),
        lambda: next(iter_batches(store, ("foto",), batch_size=2)),
    ):
        with pytest.raises(NmjaxError, match=r"'foto' is not a task of .*; did you mean 'photo'"):
            ask()
    with pytest.raises(NmjaxError, match="batch_size is 0"):
        next(iter_batches(store, batch_size=0))
    with pytest.raises(NmjaxError, match="Expected 2 task names, got 1"):
        append_history(store, history, ("cora",))


def test_spaces_of_the_catalog_are_whole_when_opened(place, space):
    graph = get_space("nas-bench-graph")
    create_store(f"{place}/graph", graph, metrics=("acc",))
    assert open_store(f"{place}/graph").space is graph
    namesake = Space.build(graph.name, space.choices)
    create_store(f"{place}/namesake", namesake, metrics=("acc",))
    assert open_store(f"{place}/namesake").space == namesake


def test_stores_of_something_else_are_refused(place, store, space):
    other = Space.build("toy", (*space.choices[:3], Choice("rate", (1, 2), kind="ordinal")))
    with pytest.raises(NmjaxError, match="their options differ"):
        open_store(store.folder, other)
    with pytest.raises(NmjaxError, match="'nas-bench-graph'"):
        create_store(store.folder, get_space("nas-bench-graph"), metrics=store.metrics)
    with pytest.raises(NmjaxError, match="holds metrics"):
        create_store(store.folder, space, metrics=("acc",))
    with pytest.raises(NmjaxError, match="no name twice"):
        create_store(f"{place}/new", space, metrics=("op",))
    with pytest.raises(NmjaxError, match="at least one metric"):
        create_store(f"{place}/new", space, metrics=())
    mixed = Space.build(space.name, space.choices, (RealChoice("momentum", 0.0, 1.0),))
    with pytest.raises(NmjaxError, match="'momentum'"):
        open_store(store.folder, mixed)
    assert create_store(store.folder, space, metrics=store.metrics) == store
    assert files_in(place)[2] == ["past/manifest.json"]
    with pytest.raises(NmjaxError, match="Expected at least one task"):
        load_history(store)


def test_manifests_that_are_not_ours_are_refused(place, store):
    with pytest.raises(NmjaxError, match="holds no history"):
        open_store(f"{place}/absent")
    system, root, (manifest,) = files_in(store.folder)
    manifest_fields = json.loads(system.cat_file(f"{root}/{manifest}"))
    system.pipe_file(f"{root}/{manifest}", json.dumps(manifest_fields | {"schema": 2}).encode())
    with pytest.raises(NmjaxError, match="schema 2, expected 1"):
        open_store(store.folder)
    for text in ("{", "[]", json.dumps(manifest_fields | {"space": {}})):
        system.pipe_file(f"{root}/{manifest}", text.encode())
        with pytest.raises(NmjaxError, match="cannot be read as a history's manifest"):
            open_store(store.folder)


@pytest.mark.parametrize(
    ("place", "owner", "step"),
    [
        ("local", os, "fsync"),
        ("local", os, "replace"),
        ("memory", fsspec.get_filesystem_class("memory"), "pipe_file"),
    ],
    indirect=["place"],
)
def test_an_append_that_fails_leaves_what_was_there(store, history, monkeypatch, owner, step):
    append_history(store, history, ("b", "e"))
    names = files_in(store.folder)[2]

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(NmjaxError, match="cannot be written: disk full"):
        append_history(store, history, ("b", "f"))
    past = load_history(store)
    found, tasks = past.history, past.tasks
    assert tasks == ("b", "e")
    jax.tree.map(np.testing.assert_array_equal, found, history)
    assert files_in(store.folder)[2] == names


def test_a_history_is_checked_as_a_whole_before_anything_is_written(store, history):
    for tasks in (("b", "ü" * 40), ("b", "")):
        with pytest.raises(NmjaxError, match="bytes when quoted"):
            append_history(store, history, tasks)
        assert list_tasks(store) == ()


def test_names_of_216_quoted_bytes_are_kept(store):
    name = "数据集" * 8
    append_evaluations(store, name, [[0, 0, 0, 0]], {"acc": [1.0], "time": [2.0]})
    assert list_tasks(store) == (name,)


def test_a_history_whose_second_task_fails_to_be_written_leaves_none(store, history, monkeypatch):
    append_history(store, history, ("b", "e"))
    names, written = files_in(store.folder)[2], []
    content_of = store_writer._file_content

    def fail_second(store, history):
        if written:
            raise OSError("disk full")
        written.append(history)
        return content_of(store, history)

    monkeypatch.setattr(store_writer, "_file_content", fail_second)
    with pytest.raises(NmjaxError, match="disk full"):
        append_history(store, history, ("f", "g"))
    assert len(written) == 1
    assert files_in(store.folder)[2] == names


def test_evaluations_that_are_stored_are_left_out_as_often_as_they_are_there(store):
    row, other = [0, 0, 0, 0], [0, 1, 0, 0]
    append_evaluations(store, "a", [row, row, other], {"acc": [1, 1, np.nan], "time": [2, 2, 3]})
    rows = [row, row, row, row, other, other]
    metrics = {"acc": [1, 1, 1, 5, np.nan, 1], "time": [2, 2, 2, 2, 3, 2]}
    history = stack_tasks([rows, rows], [metrics, metrics])
    kept = drop_stored(store, history, ("a", "b"))
    np.testing.assert_array_equal(kept.mask[0], [False, False, True, True, False, True])
    assert kept.mask[1].all()


def test_conditions_of_choices_are_kept(place):
    space = Space(optimizer=["adam", "sgd"], momentum=when(Ordinal(0.5, 0.9), optimizer="sgd"))
    store = create_store(f"{place}/past", space, metrics=("acc",))
    append_evaluations(store, "t", [[1, 1], [0, 0]], {"acc": [1.0, 2.0]})
    opened = open_store(store.folder)
    assert opened.space == space
    assert opened.space.is_conditional
    assert count_evaluations(opened) == {"t": 2}


def test_a_task_that_is_no_text_is_refused(store):
    with pytest.raises(NmjaxError, match="is not valid Unicode"):
        load_history(store, tasks=["\udcc5"])
