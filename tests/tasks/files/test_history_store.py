"""Folders of histories: what is written comes back."""

import itertools

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
    stack_tasks,
)
from tests.tasks.files.stored import files_in, spoil

SPACE = Space.build("toy", (Choice("op", ("a", "b", "c")),))


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


def test_spaces_of_the_catalog_are_whole_when_opened(place, space):
    graph = get_space("nas-bench-graph")
    create_store(f"{place}/graph", graph, metrics=("acc",))
    assert open_store(f"{place}/graph").space is graph
    namesake = Space.build(graph.name, space.choices)
    create_store(f"{place}/namesake", namesake, metrics=("acc",))
    assert open_store(f"{place}/namesake").space == namesake


def test_names_of_216_quoted_bytes_are_kept(store):
    name = "数据集" * 8
    append_evaluations(store, name, [[0, 0, 0, 0]], {"acc": [1.0], "time": [2.0]})
    assert list_tasks(store) == (name,)


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
