import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import Ordinal, Real, Space, when
from nmjax.tasks import history_from_frame, read_history
from nmjax.types import Metric

SPACE = Space(width=[16, 64])


def frame(**columns):
    size = len(next(iter(columns.values())))
    return {"task": ["t"] * size, "width": [64] * size, "loss": [0.5] * size} | columns


def losses(**columns):
    return np.asarray(
        history_from_frame(frame(**columns), SPACE, minimize="loss").history.metrics["loss"]
    )[0].tolist()


def test_failed_evaluations_are_missing_or_infinite():
    failed = ["", " ", "nan", "NaN", "None", "null", "-", "N/A", None, "inf", "-Infinity", "1e999"]
    assert np.isnan(losses(loss=failed)).all()
    assert losses(loss=["64", 64, " 0.25 "]) == [64.0, 64.0, 0.25]


@pytest.mark.parametrize("loss", ["good", "1_0", "0,5", "[1]", "0.5%"])
def test_other_text_is_refused_with_its_place(loss):
    with pytest.raises(NmjaxError, match=r"^data frame, row 2: loss is '.*', expected a number"):
        losses(loss=[0.5, loss])


@pytest.mark.parametrize("name", ["state", "Status", "trial_state"])
def test_states_of_several_tools_decide_what_is_an_evaluation(name):
    states = {
        "finished": ["COMPLETE", "TrialState.COMPLETE", "finished", "StatusType.SUCCESS", "done"],
        "failed": ["FAIL", "PRUNED", "crashed", "killed", "ERROR", "early stopped", "time_out"],
        "left out": ["RUNNING", "in-progress", "Waiting"],
    }
    every = [state for group in states.values() for state in group]
    found = losses(**{name: every})
    assert np.isnan(found).tolist() == [False] * 5 + [True] * 7


def test_a_column_called_state_may_hold_something_else():
    assert losses(state=["CA", "NY"]) == [0.5, 0.5]
    with pytest.raises(NmjaxError, match=r"row 2: state is 'CA', expected the state of a trial"):
        losses(state=["COMPLETE", "CA"])
    past = history_from_frame(frame(state=["done", "CA"]), SPACE, minimize="loss", state="")
    assert past.history.metrics["loss"].tolist() == [[0.5, 0.5]]
    with pytest.raises(NmjaxError, match=r"row 1: end is 'CA'"):
        history_from_frame(frame(end=["CA"]), SPACE, minimize="loss", state="end")
    past = history_from_frame(frame(end=["ok", "oom"]), SPACE, minimize="loss", state="end")
    assert np.isnan(past.history.metrics["loss"]).tolist() == [[False, True]]


def test_a_table_of_one_task_needs_its_name_only():
    columns = frame(loss=[0.5])
    columns.pop("task")
    past = history_from_frame(columns, SPACE, minimize="loss", task_name=" cora ")
    assert past.tasks == ("cora",)
    with pytest.raises(NmjaxError, match=r"'task' is not a column of data frame.*task_name"):
        history_from_frame(columns, SPACE, minimize="loss")
    with pytest.raises(NmjaxError, match="expected some text"):
        history_from_frame(columns, SPACE, minimize="loss", task_name=" ")
    two = frame(task=["a", "b"])
    with pytest.raises(NmjaxError, match="has tasks 'a' and 'b' in column 'task'"):
        history_from_frame(two, SPACE, minimize="loss", task_name="cora")
    past = history_from_frame(frame(task=["a"]), SPACE, minimize="loss", task_name="cora")
    assert past.tasks == ("cora",)


def test_some_of_the_tasks_are_read():
    columns = frame(task=["a", "b", "a"], width=[16, 99, 64])
    past = history_from_frame(columns, SPACE, minimize="loss", tasks=["a"])
    assert past.history.architecture.tolist() == [[[0], [1]]]
    with pytest.raises(NmjaxError, match="'c' is not a task of data frame"):
        history_from_frame(columns, SPACE, minimize="loss", tasks=["c"])


def test_blanks_around_a_name_make_no_other_task_and_other_spellings_are_refused():
    past = history_from_frame(frame(task=["a", " a", "a\t", "b"]), SPACE, minimize="loss")
    assert past.tasks == ("a", "b")
    for names in (["1", "1.0"], [1, "01"], ["2024", 2024.0]):
        with pytest.raises(
            NmjaxError, match=r"column 'task' has tasks '.*' and '.*', which are the same"
        ):
            history_from_frame(frame(task=names), SPACE, minimize="loss")
    with pytest.raises(NmjaxError, match="'a b' and 'a  b', which differ only by blanks"):
        history_from_frame(frame(task=["a b", "ab", "a  b"]), SPACE, minimize="loss")


def test_rows_outside_the_space_are_listed_or_left_out():
    space = Space(width=[16, 64], rate=Real(0.0, 1.0))
    widths, rates = [16, 17, 64, None, *([99] * 12)], [0.5, 0.5, 2.0, *([0.5] * 13)]
    columns = frame(width=widths, rate=rates)
    with pytest.raises(NmjaxError) as caught:
        history_from_frame(columns, space, minimize="loss")
    message = str(caught.value)
    assert message.startswith("data frame, row 2: width is 17, expected one of 16, 64.")
    assert "Outside space 'space' are rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 5 more." in message
    past = history_from_frame(columns, space, minimize="loss", drop_outside=True)
    assert past.history.architecture.tolist() == [[[0]]]
    with pytest.raises(NmjaxError, match="no row is a finished trial in space 'space'"):
        history_from_frame(frame(width=[1], rate=[0.5]), space, minimize="loss", drop_outside=True)


def test_many_options_are_not_all_listed():
    with pytest.raises(NmjaxError, match=r"expected one of the 300 options of 'depth', such as 3"):
        history_from_frame(frame(depth=[301]), Space(depth=Ordinal(*range(300))), minimize="loss")


@pytest.mark.parametrize(
    "name", ["params_depth", "config/depth", "config_depth", "params.model.depth", "hparams.depth"]
)
def test_prefixes_of_tracking_tools_are_understood(name):
    space = Space(depth=[1, 2])
    columns = {"task": ["t"], name: [2], "metrics.loss": [0.5]}
    past = history_from_frame(columns, space, minimize="loss")
    assert past.history.architecture.tolist() == [[[1]]]
    with pytest.raises(NmjaxError, match=r"several columns for 'depth': .*param_depth"):
        history_from_frame(columns | {"param_depth": [1]}, space, minimize="loss")


def test_percent_signs_are_read_for_a_metric_in_percent():
    accuracy = Metric("acc", "percent")
    past = history_from_frame(frame(acc=["95.5%", 90]), SPACE, maximize=accuracy)
    np.testing.assert_array_equal(past.history.metrics["acc"], [[95.5, 90.0]])


def test_numbers_that_all_have_a_percent_sign_need_no_metric_in_percent(tmp_path):
    assert losses(loss=["95.5%", "7 %", "100%"]) == [95.5, 7.0, 100.0]
    assert losses(loss=["95.5%", "-"])[0] == 95.5
    with pytest.raises(NmjaxError, match=r'row 1: loss is .95%.*Write "%" after all numbers'):
        losses(loss=["95%", 0.9])
    (tmp_path / "past.csv").write_text("task;width;loss\nt;64;95,5 %\nt;16;\n")
    past = read_history(tmp_path / "past.csv", SPACE, minimize="loss")
    np.testing.assert_array_equal(past.history.metrics["loss"], [[95.5, np.nan]])


def test_a_choice_is_found_by_the_name_of_its_column_without_blanks():
    space = Space(batch_size=[16, 64])
    for column in ("batch size", "params_batch size", " batch\tsize", "config/batch=size"):
        past = history_from_frame(
            {"task": ["t"], column: [64], "loss": [0.5]}, space, minimize="loss"
        )
        assert past.history.architecture.tolist() == [[[1]]]
    both = {"task": ["t"], "batch size": [64], "batch  size": [64], "loss": [0.5]}
    with pytest.raises(NmjaxError, match="several columns for 'batch_size'"):
        history_from_frame(both, space, minimize="loss")
    past = history_from_frame(both | {"batch_size": [16]}, space, minimize="loss")
    assert past.history.architecture.tolist() == [[[0]]]


def test_a_conditional_choice_that_no_row_uses_needs_no_column():
    space = Space(depth=[1, 2], width=when([8, 9], depth=2), rate=when(Real(0.0, 1.0), depth=2))
    columns = frame(depth=[1], width=[None])
    del columns["width"]
    past = history_from_frame(columns, space, minimize="loss")
    assert past.space.to_config(past.history.architecture[0, 0], [0.0]) == {"depth": 1}
    with pytest.raises(NmjaxError, match="row 1: width is None, expected one of 8, 9"):
        history_from_frame(columns | {"depth": [2]}, space, minimize="loss")
    with pytest.raises(NmjaxError, match="'wide' is not a column of data frame"):
        history_from_frame(columns, space, minimize="loss", columns={"width": "wide"})


def test_another_number_of_rows_does_not_recompile(caplog):
    space = Space(depth=[1, 2], width=when([8, 9], depth=2), rate=when(Real(0.0, 1.0), depth=2))
    columns = frame(depth=[2] * 201, width=[8] * 201, rate=[0.5] * 201)
    with caplog.at_level("WARNING"), jax.log_compiles():
        jax.jit(lambda x: x + 1)(0.0)
        assert "Compiling" in caplog.text
        caplog.clear()
        history_from_frame(columns, space, minimize="loss")
    assert "Compiling" not in caplog.text


def test_a_task_may_be_named_by_any_character():
    past = history_from_frame(frame(task=["\0"]), SPACE, minimize="loss")
    assert past.history.metrics["loss"].shape[0] == len(past.tasks) == 1
