"""Any space and history, through every format and back."""

import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax.spaces import Integer, Ordinal, Real, Space, canonicalize_mixed
from nmjax.tasks import (
    append_history,
    create_store,
    history_from_frame,
    history_to_frame,
    load_history,
    open_store,
    read_history,
    stack_tasks,
    write_history,
)
from tests.spaces.test_properties import any_space, draw_architecture

TASK, METRICS, CONTEXT = "the task", ("loss %", "Größe"), ("ctx 1", "ctx 2")
NAMES = st.lists(
    st.text("ab ,;\"'\\/宽é%.=", min_size=1, max_size=6).filter(lambda t: t.strip() == t),
    min_size=1,
    max_size=3,
    unique_by=str.lower,
)
FLOATS = st.floats(width=32, allow_infinity=False) | st.just(float(np.finfo(np.float32).max))


@st.composite
def any_past(draw):
    """A space, a history of it with canonical architectures, and its tasks."""
    space = draw(any_space())
    tasks = draw(NAMES)
    rows = [[draw_architecture(_Data(draw), space) for _ in range(3)] for _ in tasks]
    canonical = [
        canonicalize_mixed(space, *map(np.stack, zip(*task_rows, strict=True)))
        for task_rows in rows
    ]
    history = stack_tasks(
        [np.asarray(architecture) for architecture, _ in canonical],
        [
            {name: np.float32(draw(st.lists(FLOATS, min_size=3, max_size=3))) for name in METRICS}
            for _ in tasks
        ],
        np.float32([draw(st.lists(FLOATS, min_size=2, max_size=2)) for _ in tasks]),
        continuous=[np.asarray(continuous) for _, continuous in canonical],
    )
    return space, history, tuple(tasks)


class _Data:
    """`draw` of a composite as the `data` that `draw_architecture` takes."""

    def __init__(self, draw):
        self.draw = draw


def delimited(delimiter):
    def write(path, table):
        from pyarrow import csv

        csv.write_csv(table, path, csv.WriteOptions(delimiter=delimiter))

    return write


def feather(path, table):
    from pyarrow import feather

    feather.write_feather(table, path)


WRITERS = {"tsv": delimited("\t"), "semicolons.txt": delimited(";"), "arrow": feather}


def same(found, history, tasks, expected):
    assert tuple(tasks) == expected
    jax.tree.map(np.testing.assert_array_equal, found, history)


def check_formats(past, folder):
    space, history, tasks = past
    columns = {"metrics": METRICS, "task": TASK, "context": CONTEXT}
    written = {"tasks": tasks, "task": TASK, "context": CONTEXT}
    for suffix in ("csv", "jsonl", "parquet"):
        path = folder / f"past.{suffix}"
        write_history(path, history, space, **written)
        again = read_history(path, space, **columns)
        same(again.history, history, again.tasks, tasks)
    frame = history_to_frame(history, space, **written)
    for suffix, write in WRITERS.items():
        path = folder / f"past.{suffix}"
        write(path, frame)
        again = read_history(path, space, **columns)
        same(again.history, history, again.tasks, tasks)
    for other in (frame, frame.to_pandas(), frame.to_pydict(), frame.to_pylist()):
        again = history_from_frame(other, space, **columns)
        same(again.history, history, again.tasks, tasks)


def check_store(past, folder):
    space, history, tasks = past
    store = create_store(folder / "store", space, metrics=METRICS, context=CONTEXT)
    append_history(store, history, tasks)
    assert open_store(folder / "store").space == space
    again = load_history(open_store(folder / "store"), tasks)
    same(again.history, history, again.tasks, tasks)


@pytest.mark.slow
def test_hundreds_of_choices_and_of_options_come_back(tmp_path):
    space = Space(
        "wide",
        **{f"width{place}": Ordinal(16, 32, 64) for place in range(150)},
        **{f"rate{place}": Real(0.0, 1.0 + place) for place in range(150)},
        op=[f"option {place}" for place in range(500)],
        size=Integer(1, 900),
    )
    rng = np.random.default_rng(0)
    architecture = rng.integers(0, space.num_options, (1, 4, space.num_choices))
    history = stack_tasks(
        architecture,
        [{name: np.arange(4.0) for name in METRICS}],
        np.zeros((1, 2)),
        continuous=rng.random((1, 4, 150), np.float32),
    )
    past = space, history, ("a",)
    check_formats(past, tmp_path)
    check_store(past, tmp_path)


@pytest.mark.parametrize("examples", [2, pytest.param(25, marks=pytest.mark.slow)])
@pytest.mark.parametrize("check", [check_formats, check_store])
def test_any_past_comes_back(check, examples):
    @settings(deadline=None, max_examples=examples, derandomize=True)
    @given(any_past())
    def run(past):
        with tempfile.TemporaryDirectory() as folder:
            check(past, Path(folder))

    run()


@pytest.mark.parametrize("options", [(2**53 + 1, 0.5), (2**63, 1)])
def test_integers_that_no_column_of_numbers_holds_become_text(options):
    space = Space(op=list(options))
    history = stack_tasks([np.array([[0], [1]])], [{"loss": np.zeros(2)}])
    frame = history_to_frame(history, space, tasks=("a",))
    assert frame["op"].to_pylist() == [str(option) for option in options]
    again = history_from_frame(frame, space, metrics=("loss",))
    np.testing.assert_array_equal(again.history.architecture, history.architecture)
