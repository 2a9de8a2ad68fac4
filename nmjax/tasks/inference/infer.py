"""`infer_space`: a space from a table of evaluations, or from the space of another tool."""

from collections.abc import Mapping, Sequence
from typing import Any

from nmjax.spaces import Space
from nmjax.tasks.inference.config_space import is_config_space, read_config_space
from nmjax.tasks.inference.domains import read_domains
from nmjax.tasks.inference.optuna_space import is_optuna, read_distributions
from nmjax.tasks.inference.table_space import propose_space
from nmjax.tasks.past_searches import MetricChoice


def infer_space(
    source: Any,
    *,
    maximize: MetricChoice | None = None,
    minimize: MetricChoice | None = None,
    metrics: Sequence[str] = (),
    task: str = "task",
    context: Sequence[str] = (),
    choices: Sequence[str] = (),
    exclude: Sequence[str] = (),
    state: str | None = None,
    name: str | None = None,
) -> Space:
    """Return the space of a table of evaluations, or of another tool's description of a space.

    For a table this is a proposal: `nmjax.tasks.propose_space` returns it with the reason for each
    column, and describes the rules. Print `nmjax.spaces.space_source(space)`, check it, and keep it
    with your code.

    Args:
      source: One of:

        - a file or data frame of evaluations, as `read_history` and `history_from_frame` take it;
        - a `ConfigurationSpace`, whose forbidden clauses become the space's `valid`;
        - an Optuna study, trial, list of these, or {parameter: distribution};
        - a dictionary of domains, such as {"width": [64, 128], "rate": (1e-4, 1e-1, "log")}, the
          `param_space` of Ray Tune, the `config_space` of Syne Tune, or a sweep of Weights &
          Biases. A dictionary is a data frame if a metric is named.
      maximize: Metric of a table of which more is better; it is no choice.
      minimize: Metric of a table of which less is better.
      metrics: Further metrics of a table.
      task: Column that names the task.
      context: Columns that describe a task.
      choices: Columns that are choices; all others are left out then.
      exclude: Columns to leave out.
      state: Column with the states of trials, if it is not called "state" or "status".
      name: Name of the space.

    Raises:
      NmjaxError: As `propose_space`, or a domain, condition or clause has no counterpart.

    Example:
      >>> import nmjax
      >>> space = nmjax.infer_space({"width": [64, 128], "rate": (1e-4, 1e-1, "log")})
      >>> space.to_config([1], [0.01])
      {'width': 128, 'rate': 0.01}
    """
    named = [maximize, minimize, *metrics]
    if is_config_space(source):
        return read_config_space(source, name)
    if is_optuna(source):
        return read_distributions(source, name)
    if isinstance(source, Mapping) and all(metric is None for metric in named):
        return read_domains(source, name)
    return propose_space(
        source,
        maximize=maximize,
        minimize=minimize,
        metrics=metrics,
        task=task,
        context=context,
        choices=choices,
        exclude=exclude,
        state=state,
        name=name,
    ).space
