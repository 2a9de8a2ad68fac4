"""Past evaluations from files and data frames, one row for each evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nmjax.spaces import Space
from nmjax.tasks.past_searches import MetricChoice, PastSearches
from nmjax.tasks.tables.opening import open_table
from nmjax.tasks.tables.rows import Request, read_rows


def read_history(
    path: str | Path,
    space: Space,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    metrics: Sequence[str] = (),
    task: str = "task",
    task_name: str | None = None,
    tasks: Sequence[str] = (),
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    state: str | None = None,
    drop_outside: bool = False,
) -> PastSearches:
    """Return the past searches in a file.

    The content, not the name, tells the format: text separated by commas, tabs or semicolons (then
    also with decimal commas), JSON lines, a JSON array of records or of columns, Parquet, Arrow
    and Feather; compressed by gzip, zip, bzip2 or xz; in UTF-8 or UTF-16.

    A choice's column holds its options, and a real-valued choice's column numbers within its
    bounds; inactive choices may be missing, and so may the column of a conditional choice. A
    metric's column holds numbers. NaN, infinite and missing ones (empty, "nan", "None", "null",
    "-", "NA") are failed evaluations. Architectures are made canonical. Tasks, and the rows of
    each, keep their order. Other columns are not read.

    An option is matched by its text. Otherwise blanks, quotes, the spelling of booleans ("TRUE", 1)
    and the format of numbers ("64.0") and lists ("[3, 5]") do not matter. A choice or metric may
    have a prefix of a tracking tool in its column's name, such as "params_" or "config/".

    A column called "state" or "status" with states such as COMPLETE, FAIL, PRUNED, crashed or
    running decides what is an evaluation: failed trials are failed evaluations, or none if they
    lack a choice; unfinished ones are left out.

    Args:
      path: The file.
      space: Space of the architectures.
      maximize: Metric to improve of which more is better: its name, or a `Metric`.
      minimize: Likewise, if less is better.
      metrics: Names of further metrics to read. If neither `maximize` nor `minimize` is given, the
        result has no metric to improve.
      task: Column that names the task. Blanks around a name do not count.
      task_name: Name of the task, for a file of one task without such a column.
      tasks: Names of the tasks to read; all by default.
      context: Columns of numbers that describe a task, the same throughout it; NaN is unknown.
      columns: {choice or metric: column} where the names differ.
      state: Column with the states of trials, if it has another name; "" if none has.
      drop_outside: Leave out rows that are outside the space, instead of raising an error.

    Raises:
      NmjaxError: The file cannot be read, a column is missing, names are repeated, a value does not
        fit its column, rows are outside the space, or no metric is given. Rows count from 1,
        without the header.

    Example:
      >>> import pathlib, tempfile
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import read_history
      >>> path = pathlib.Path(tempfile.mkdtemp(), "past.csv")
      >>> _ = path.write_text("task;link;op1;op2;op3;op4;top1\\ncora;0000;gat;gcn;fc;fc;0,8")
      >>> past = read_history(
      ...     path, get_space("nas-bench-graph"), maximize="acc", columns={"acc": "top1"})
      >>> past.tasks, past.metric.name, past.history.metrics["acc"].shape
      (('cora',), 'acc', (1, 1))
    """
    request = Request(
        maximize=maximize,
        minimize=minimize,
        metrics=metrics,
        task=task,
        task_name=task_name,
        tasks=tasks,
        context=context,
        columns=columns or {},
        state=state,
        drop_outside=drop_outside,
    )
    return read_rows(open_table(path, tasks), space, request).past.replace(name=Path(path).stem)


def history_from_frame(
    frame: Any,
    space: Space,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    metrics: Sequence[str] = (),
    task: str = "task",
    task_name: str | None = None,
    tasks: Sequence[str] = (),
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    state: str | None = None,
    drop_outside: bool = False,
) -> PastSearches:
    """Return the past searches in a data frame, by the rules of `read_history`.

    Args:
      frame: {column: values}, a list of records, a data frame of pandas or Polars, an Arrow table,
        or another object that `pyarrow.table` takes.
      space: As in `read_history`, like the arguments that follow.
      maximize: Metric to improve of which more is better.
      minimize: Metric to improve of which less is better.
      metrics: Names of further metrics to read.
      task: Column that names the task.
      task_name: Name of the task, for a frame of one task without such a column.
      tasks: Names of the tasks to read.
      context: Columns of numbers that describe a task.
      columns: {choice or metric: column} where the names differ.
      state: Column with the states of trials, if it has another name than "state" or "status".
      drop_outside: Leave out rows that are outside the space.

    Raises:
      NmjaxError: As `read_history`, or `frame` is not a data frame.

    Example:
      >>> from nmjax.spaces import get_space
      >>> from nmjax.tasks import history_from_frame
      >>> frame = {"link": ["0000"], "op1": ["gat"], "op2": ["gcn"], "op3": ["fc"],
      ...          "op4": ["fc"], "loss": [0.3]}
      >>> past = history_from_frame(
      ...     frame, get_space("nas-bench-graph"), minimize="loss", task_name="cora")
      >>> past.tasks, past.metric.direction
      (('cora',), 'min')
    """
    request = Request(
        maximize=maximize,
        minimize=minimize,
        metrics=metrics,
        task=task,
        task_name=task_name,
        tasks=tasks,
        context=context,
        columns=columns or {},
        state=state,
        drop_outside=drop_outside,
    )
    return read_rows(open_table(frame), space, request).past.replace(name="data frame")
