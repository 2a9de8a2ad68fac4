"""Random samples of a store and of tables, of which no other rows are converted."""

from dataclasses import replace

import jax
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.tasks import append_evaluations, create_store, load_history
from nmjax.tasks.bounded_past import load_sample, sample_table
from nmjax.tasks.tables.opening import open_table

SPACE = Space(width=list(range(9)))
COUNTS = {"a": 9, "b": 2, "c": 6, "d": 7}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Tasks whose loss tells the architecture."""
    made = create_store(tmp_path_factory.mktemp("store"), SPACE, metrics=["loss"])
    for number, (task, count) in enumerate(COUNTS.items()):
        rows = np.arange(count)
        append_evaluations(made, task, rows[:, None], {"loss": 10.0 * number + rows})
    return made


@pytest.fixture(params=["csv", "parquet", "arrow"])
def table(request, tmp_path):
    """The same tasks in a file, one after the other in turns."""
    rows = [(task, n, 10.0 * k + n) for k, (task, m) in enumerate(COUNTS.items()) for n in range(m)]
    rows.sort(key=lambda row: row[1])
    columns = dict(zip(("task", "width", "loss"), zip(*rows, strict=True), strict=True))
    path = tmp_path / f"past.{request.param}"
    if request.param == "csv":
        lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines))
    elif request.param == "parquet":
        parquet.write_table(pa.table(columns), path)
    else:
        feather.write_feather(pa.table(columns), str(path))
    return open_table(path)


def test_a_sample_of_a_store_has_distinct_rows_of_its_tasks(store):
    past = load_sample(jax.random.key(0), store, minimize="loss", max_tasks=3, task_rows=5)
    assert len(past.tasks) == 3
    assert list(past.tasks) == sorted(past.tasks)
    for task, mask, widths, loss in zip(
        past.tasks,
        past.history.mask,
        past.history.architecture[..., 0],
        past.history.metrics["loss"],
        strict=True,
    ):
        number = list(COUNTS).index(task)
        drawn = np.asarray(widths)[np.asarray(mask)]
        assert len(set(drawn.tolist())) == len(drawn) == min(5, COUNTS[task])
        np.testing.assert_array_equal(np.asarray(loss)[np.asarray(mask)], 10 * number + drawn)
    again = load_sample(jax.random.key(0), store, minimize="loss", max_tasks=3, task_rows=5)
    assert again.tasks == past.tasks
    np.testing.assert_array_equal(again.history.architecture, past.history.architecture)


def test_without_limits_everything_is_read(store):
    whole, sample = (
        load_history(store, minimize="loss"),
        load_sample(jax.random.key(0), store, minimize="loss"),
    )
    assert sample.tasks == whole.tasks
    np.testing.assert_array_equal(sample.history.architecture, whole.history.architecture)


def test_a_sample_of_a_table_converts_its_own_rows_only(table):
    def read(name):
        assert name == "task"
        return table.read(name)

    sample = sample_table(
        jax.random.key(0), replace(table, read=read), task="task", max_tasks=3, task_rows=5
    )
    tasks, widths, losses = (sample.read(name) for name in table.names)
    assert len(set(tasks)) == 3
    for task in set(tasks):
        drawn = [int(w) for t, w in zip(tasks, widths, strict=True) if t == task]
        assert drawn == sorted(set(drawn))
        assert len(drawn) == min(5, COUNTS[task])
    whole = list(zip(*(table.read(name) for name in table.names), strict=True))
    rows = [int(label.removeprefix("row ")) - 1 for label in sample.labels]
    assert [whole[row] for row in rows] == list(zip(tasks, widths, losses, strict=True))
    assert sample_table(jax.random.key(0), table, task="task") is table


def test_a_table_without_a_column_of_tasks_is_one_task(table):
    assert (
        sample_table(jax.random.key(0), table, task="dataset", max_tasks=1, task_rows=4).size == 4
    )


@pytest.mark.parametrize("limits", [{"max_tasks": 0}, {"task_rows": -1}])
def test_limits_below_one_are_refused(store, table, limits):
    with pytest.raises(NmjaxError, match="give 1 or more"):
        load_sample(jax.random.key(0), store, minimize="loss", **limits)
    with pytest.raises(NmjaxError, match="give 1 or more"):
        sample_table(jax.random.key(0), table, task="task", **limits)
