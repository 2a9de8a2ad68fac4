"""Folders of histories: what is refused, and writes that fail, leave what was there."""

import json
import os

import fsspec
import jax
import numpy as np
import pytest
from pyarrow import parquet

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, RealChoice, Space, get_space
from nmjax.tasks import (
    append_evaluations,
    append_history,
    count_evaluations,
    create_store,
    iter_batches,
    list_tasks,
    load_history,
    open_store,
)
from nmjax.tasks.files import store_writer
from tests.tasks.files.stored import files_in


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
    with pytest.raises(NmjaxError, match="batch_size=0"):
        next(iter_batches(store, batch_size=0))
    with pytest.raises(NmjaxError, match="Expected 2 task names, got 1"):
        append_history(store, history, ("cora",))


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


def test_a_task_that_is_no_text_is_refused(store):
    with pytest.raises(NmjaxError, match="is not valid Unicode"):
        load_history(store, tasks=["\udcc5"])
