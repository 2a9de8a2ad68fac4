import json

import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import (
    Choice,
    Ordinal,
    Real,
    RealChoice,
    Space,
    get_space,
    parse,
    sample,
    when,
)
from nmjax.tasks import (
    history_from_frame,
    history_to_frame,
    make_history,
    read_history,
    sample_history,
    stack_tasks,
    write_history,
)

HEADER = "task,link,op,width,rate,acc\n"
ROW = "t,0012,gat,16,1e-8,0.5\n"


@pytest.fixture(params=["csv", "parquet", "jsonl"])
def path(request, tmp_path):
    return tmp_path / f"past.{request.param}"


def test_histories_come_back_from_files(path, space, suite):
    drawn = sample_history(jax.random.key(0), suite, ("b", "e"), 36)
    history = stack_tasks(
        [drawn.architecture[0], drawn.architecture[1, :20]],
        [{n: v[i, :m] for n, v in drawn.metrics.items()} for i, m in ((0, 36), (1, 20))],
        context=[[1.5, -2.0], [0.25, 3e-9]],
    )
    options = {"task": "data set", "context": ("rows", "columns")}
    write_history(path, history, space, tasks=("b", "e"), **options)
    past = read_history(path, space, metrics=("acc", "time"), **options)
    found, tasks = past.history, past.tasks
    assert tasks == ("b", "e")
    assert np.isnan(found.metrics["acc"][0]).any()
    jax.tree.map(np.testing.assert_array_equal, found, history)


@pytest.mark.parametrize("choices", [(), (Choice("op", ("gat", "skip")),)])
def test_real_valued_choices_come_back_and_are_checked(path, choices):
    space = Space.build(
        "mixed", choices, (RealChoice("rate", 1e-4, 0.1, "log"), RealChoice("decay", 0.0, 1.0))
    )
    history = make_history(
        np.ones((2, 2, len(choices)), int),
        {"acc": [[1, 2], [3, 4]]},
        continuous=np.array([[[1e-4, 0], [0.1, 1]], [[3e-3, 0.7], [0.05, 1 / 3]]]),
        space=space,
    )
    write_history(path, history, space, tasks=("a", "b"))
    found = read_history(path, space, metrics=("acc",)).history
    jax.tree.map(np.testing.assert_array_equal, found, history)
    low = Space.build("low", choices, (space.continuous[0], RealChoice("decay", 0.0, 0.5)))
    with pytest.raises(NmjaxError, match=r"row 2: decay is .* from 0\.0 to 0\.5"):
        read_history(path, low, metrics=("acc",))


def test_isomorphic_architectures_come_back_as_one(path):
    space = get_space("nas-bench-graph")
    rows = [
        parse(space, f"link=0000 op1={a} op2={b} op3=gat op4=gat")
        for a, b in (("gcn", "sage"), ("sage", "gcn"))
    ]
    history = stack_tasks([np.stack(rows)], [{"acc": [0.1, 0.2]}])
    write_history(path, history, space, tasks=("t",))
    found = read_history(path, space, metrics=("acc",)).history
    np.testing.assert_array_equal(found.architecture[0, 0], found.architecture[0, 1])


def test_json_lines_may_lack_a_metric_and_hold_numbers_or_names(tmp_path, space):
    path = tmp_path / "past.jsonl"
    path.write_text(
        '{"task": "x", "link": "0123", "op": "skip", "width": 64, "rate": 1e-8, "acc": 0.5}\n'
        '{"task": "x", "link": "0012", "op": "gat", "width": 16, "rate": 7.742637e-8}\n'
    )
    history = read_history(path, space, metrics=("acc",)).history
    np.testing.assert_array_equal(history.architecture[0], [[1, 1, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(history.metrics["acc"], [[0.5, np.nan]])
    path.write_text("{")
    with pytest.raises(NmjaxError, match="cannot be read as JSON"):
        read_history(path, space, metrics=("acc",))


def test_tasks_may_alternate_and_columns_have_other_names(tmp_path, space):
    path = tmp_path / "past.csv"
    path.write_text(
        "d,link,operation,width,rate,top1,unused\n"
        "x,0123,skip,64.0,1e-8,0.5,zz\n"
        "y,0012,none,256,0.00000001,,\n"
        "x,0012,gat,16,7.742637e-08,nan,\n"
    )
    past = read_history(
        path, space, metrics=("acc",), task="d", columns={"op": "operation", "acc": "top1"}
    )
    history, tasks = past.history, past.tasks
    assert tasks == ("x", "y")
    np.testing.assert_array_equal(history.architecture[0], [[1, 1, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(history.architecture[1, 0], [0, 2, 2, 0])
    np.testing.assert_array_equal(history.metrics["acc"], [[0.5, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(history.mask, [[True, True], [True, False]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER, "no rows"),
        (HEADER + ROW + ROW.replace("gat", "gaat"), "row 2: op is 'gaat', expected one of gat"),
        (HEADER + ROW.replace("0012", "12"), "row 1: link is '12'"),
        (HEADER + ROW + ROW.replace("16", "17"), "row 2: width is '17'"),
        (HEADER + ROW.replace("1e-8", "nan"), "row 1: rate is 'nan'"),
        (HEADER + ROW + ROW.replace("0.5", "good"), "row 2: acc is 'good'"),
        (HEADER + ROW + ROW[1:], "row 2 has no 'task'"),
        (HEADER.replace("width", "widht") + ROW, "'width' is not a column of past.csv"),
        (HEADER.replace("width", "op") + ROW, "more than once|is not a column"),
        (HEADER + "t,0012\n", "past.csv, row 1 has 2 values, expected 6, separated by commas"),
        ("", "past.csv is empty"),
        ("one\n1\n", "only column 'one', expected several, separated by commas, tabs"),
    ],
)
def test_wrong_files_are_refused_with_the_row(tmp_path, space, text, says):
    path = tmp_path / "past.csv"
    path.write_text(text)
    with pytest.raises(NmjaxError, match=says):
        read_history(path, space, metrics=("acc",))


def test_invalid_architectures_are_refused_with_the_row(path):
    space = get_space("nas-bench-graph")
    rows = np.stack([np.asarray(sample(jax.random.key(0), space)), np.array([0, 8, 8, 8, 8])])
    write_history(path, stack_tasks([rows], [{"acc": [0.1, 0.2]}]), space, tasks=("t",))
    with pytest.raises(NmjaxError, match="row 2: it is not a valid architecture"):
        read_history(path, space, metrics=("acc",))


def test_a_context_that_changes_within_a_task_is_refused(tmp_path, space):
    path = tmp_path / "past.csv"
    path.write_text(HEADER[:-1] + ",rows\n" + ROW[:-1] + ",3\n" + ROW[:-1] + ",4\n")
    with pytest.raises(
        NmjaxError, match="row 2: rows is 4, expected 3 as in row 1 of the same task"
    ):
        read_history(path, space, metrics=("acc",), context=("rows",))


def test_other_files_columns_and_spaces_are_refused(tmp_path, space, suite):
    with pytest.raises(NmjaxError, match="cannot be read"):
        read_history(tmp_path / "absent.parquet", space, metrics=("acc",))
    (tmp_path / "past.csv").write_text(HEADER + ROW)
    with pytest.raises(NmjaxError, match="Unknown choice or metric 'opp'"):
        read_history(tmp_path / "past.csv", space, metrics=("acc",), columns={"opp": "x"})
    history = sample_history(jax.random.key(0), suite, ("a",), 2)
    for names in ({"tasks": ("a", "b")}, {"tasks": ("a",), "task": "op"}):
        with pytest.raises(NmjaxError, match=r"expected|repeat"):
            write_history(tmp_path / "past.csv", history, space, **names)


FRAME = {
    "d": ["x", "y", "x"],
    "link": ["0123", "0012", "0012"],
    "operation": ["skip", "none", "gat"],
    "width": [64, 256, 16],
    "rate": [1e-8, 1e-8, 7.742637e-8],
    "top1": [0.5, None, float("nan")],
}
MAPPING = {"metrics": ("acc",), "task": "d", "columns": {"op": "operation", "acc": "top1"}}


def frames():
    """The same rows as columns, as an Arrow table, and as a pandas data frame."""
    import pyarrow as pa

    pandas = pytest.importorskip("pandas")
    return [pa.table(FRAME), pandas.DataFrame(FRAME), pandas.DataFrame(FRAME, index=list("abc"))]


def test_columns_are_a_frame(space):
    past = history_from_frame(FRAME, space, **MAPPING)
    history, tasks = past.history, past.tasks
    assert tasks == ("x", "y")
    np.testing.assert_array_equal(history.architecture[0], [[1, 1, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(history.metrics["acc"], [[0.5, np.nan], [np.nan, np.nan]])
    frame = history_to_frame(history, space, tasks=tasks, task="d")
    again = history_from_frame(frame, space, metrics=("acc",), task="d").history
    jax.tree.map(np.testing.assert_array_equal, again, history)


def test_data_frames_of_other_libraries_hold_the_same(space):
    expected = history_from_frame(FRAME, space, **MAPPING).history
    for frame in frames():
        past = history_from_frame(frame, space, **MAPPING)
        history, tasks = past.history, past.tasks
        assert tasks == ("x", "y")
        jax.tree.map(np.testing.assert_array_equal, history, expected)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (FRAME | {"top1": [1.0]}, "dict cannot be read as a data frame"),
        (FRAME | {"operation": ["skip", 3, "gat"]}, "row 2: operation is 3, expected one of gat"),
        (7, "int cannot be read as a data frame"),
        ({n: c for n, c in FRAME.items() if n != "top1"}, "'top1' is not a column of data frame"),
        ({n: [] for n in FRAME}, "data frame has no rows"),
        (FRAME | {"operation": ["skip", "gta", "gat"]}, "row 2: operation is 'gta'"),
    ],
)
def test_wrong_frames_are_refused(space, frame, says):
    with pytest.raises(NmjaxError, match=says):
        history_from_frame(frame, space, **MAPPING)


def test_options_match_exactly_before_they_match_nearly(path):
    space = Space(limit=Ordinal(0.5, 1000000, 1000001))
    history = stack_tasks([[[0], [1], [2]]], [{"acc": [0.1, 0.2, 0.3]}], space=space)
    write_history(path, history, space, tasks=("a",))
    found = read_history(path, space, maximize="acc").history
    np.testing.assert_array_equal(found.architecture, history.architecture)


def test_numbers_that_are_near_two_options_match_neither():
    frame = {"task": ["a"], "limit": [1000000.4], "acc": [0.1]}
    with pytest.raises(NmjaxError, match=r"row 1: limit is 1000000\.4"):
        history_from_frame(frame, Space(limit=Ordinal(1000000, 1000001)), maximize="acc")


def test_booleans_come_back_however_they_are_spelled(path):
    space = Space(bias=[True, False])
    history = stack_tasks([[[0], [1]]], [{"acc": [0.1, 0.2]}], space=space)
    write_history(path, history, space, tasks=("a",))
    found = read_history(path, space, maximize="acc").history
    np.testing.assert_array_equal(found.architecture, history.architecture)
    for yes, no in (("True", "False"), ("TRUE", "false"), ("1", "0"), (1, 0), (1.0, 0.0)):
        frame = {"task": ["a", "a"], "bias": [yes, no], "acc": [0.1, 0.2]}
        found = history_from_frame(frame, space, maximize="acc").history
        np.testing.assert_array_equal(found.architecture, history.architecture)


@pytest.mark.parametrize(
    "options", [["sqrt", 0.5, 1], [[3, 5], [7, 7]], [None, "batch norm", [True, None, "a"]]]
)
def test_options_of_several_types_come_back(path, options):
    space = Space(max_features=options)
    rows = np.arange(len(options))[None, :, None]
    history = stack_tasks(rows, [{"acc": rows[0, :, 0]}], space=space)
    write_history(path, history, space, tasks=("a",))
    found = read_history(path, space, maximize="acc").history
    np.testing.assert_array_equal(found.architecture, history.architecture)


def test_an_unknown_context_comes_back(path):
    space = Space(width=[1, 2])
    history = stack_tasks([[[0], [1]]], [{"acc": [0.1, 0.2]}], [[np.nan]], space=space)
    write_history(path, history, space, tasks=("a",), context=("classes",))
    found = read_history(path, space, maximize="acc", context=("classes",)).history
    assert np.isnan(found.context).all()


def test_inactive_choices_are_missing_in_files_and_come_back(path):
    space = Space(
        optimizer=["adam", "sgd"],
        nesterov=when([False, True], optimizer="sgd"),
        momentum=when(Real(0.0, 1.0), optimizer="sgd"),
    )
    history = stack_tasks(
        [[[0, 0], [1, 1]]], [{"acc": [0.1, 0.2]}], continuous=[[[0.0], [0.5]]], space=space
    )
    write_history(path, history, space, tasks=("a",))
    found = read_history(path, space, maximize="acc").history
    jax.tree.map(np.testing.assert_array_equal, found, history)
    frame = {"task": ["a"], "optimizer": ["sgd"], "nesterov": [None], "momentum": [0.5], "acc": [1]}
    with pytest.raises(NmjaxError, match="row 1: nesterov is None"):
        history_from_frame(frame, space, maximize="acc")
    with pytest.raises(NmjaxError, match="row 1: momentum is None"):
        history_from_frame(frame | {"nesterov": [True], "momentum": [None]}, space, maximize="acc")


def test_a_missing_value_is_not_the_option_none():
    frame = {"task": ["a", "a"], "norm": ["None", None], "acc": [0.1, 0.2]}
    with pytest.raises(NmjaxError, match="row 2: norm is None"):
        history_from_frame(frame, Space(norm=["batch", "None"]), maximize="acc")


def test_columns_that_are_not_asked_for_may_hold_anything(tmp_path):
    pandas = pytest.importorskip("pandas")
    space, path = Space(width=[1, 2]), tmp_path / "past.jsonl"
    rows = [
        {"task": "t", "width": 1, "acc": 0.5, "note": 3},
        {"task": "t", "width": 2, "acc": 0.6, "note": "out of memory"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    for past in (
        read_history(path, space, maximize="acc"),
        history_from_frame(pandas.DataFrame(rows), space, maximize="acc"),
    ):
        np.testing.assert_array_equal(past.history.architecture, [[[0], [1]]])


def test_states_of_optuna_decide_what_is_an_evaluation(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text(
        "task,state,params_w,value\n"
        "s,COMPLETE,1,0.5\ns,PRUNED,2,8.0\ns,RUNNING,1,\ns,FAIL,,\ns,FAIL,2,\n"
    )
    columns = {"w": "params_w", "loss": "value"}
    past = read_history(path, Space(w=[1, 2]), minimize="loss", columns=columns)
    np.testing.assert_array_equal(past.history.architecture, [[[0], [1], [1]]])
    np.testing.assert_array_equal(past.history.metrics["loss"], [[0.5, np.nan, np.nan]])
    path.write_text("task,state,params_w,value\ns,FAIL,,\n")
    with pytest.raises(NmjaxError, match="no row is a finished trial"):
        read_history(path, Space(w=[1, 2]), minimize="loss", columns=columns)


def test_equal_names_from_two_sources_are_refused():
    frame = {"task": ["a"], "width": [1], "acc": [0.5]}
    for names in ({"metrics": ("width",)}, {"metrics": ("acc",), "context": ("acc",)}):
        with pytest.raises(NmjaxError, match="Expected different names"):
            history_from_frame(frame, Space(width=[1, 2]), **names)


def test_numbers_beyond_float32_are_failed_evaluations():
    frame = {"task": ["a"] * 2, "width": [1, 2], "loss": [0.5, 1.7e308]}
    past = history_from_frame(frame, Space(width=[1, 2]), minimize="loss")
    np.testing.assert_array_equal(past.history.metrics["loss"], [[0.5, np.nan]])


def test_a_file_that_cannot_be_written_is_refused(tmp_path, space, suite):
    history = sample_history(jax.random.key(0), suite, ("a",), 2)
    (tmp_path / "file").write_text("")
    with pytest.raises(NmjaxError, match="cannot be written"):
        write_history(tmp_path / "file" / "past.csv", history, space, tasks=("a",))
