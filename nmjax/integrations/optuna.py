"""Optuna's studies as histories and histories as Optuna's studies, a task a study.

Needs `pip install "nmjax[optuna]"`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space
from nmjax.tasks import history_from_frame
from nmjax.types import History, Metric

_TASK = "study of Optuna"
"""A column's name that no choice and no metric can have: names are without blanks."""


def read_studies(
    storage: Any,
    space: Space,
    *,
    objectives: Sequence[str],
    studies: Sequence[str] = (),
    attributes: Sequence[str] = (),
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> tuple[History, tuple[str, ...]]:
    """A `History` and its T task names, one of each study that has evaluations.

    A trial's parameters are its choices, by name or value; other parameters do not count. What was
    pruned or has failed is a failed evaluation; what still runs or waits is none, and neither is
    what was pruned or failed before it had all choices, as it has no architecture.

    Args:
      storage: as Optuna takes it, such as "sqlite:///past.db".
      space: whose choices are parameters.
      objectives: what to call the values of a trial, raw metrics, in the study's order.
      studies: these only; all of the storage by default.
      attributes: further metrics, from the trials' user attributes; NaN where one lacks it.
      context: from the studies' user attributes.
      columns: {choice: parameter}, where a parameter has another name.

    Raises:
      NmjaxError: Optuna is not installed, there is no such study or none has an evaluation, the
        number of objectives is another, a study lacks an attribute that is context, or a complete
        trial lacks a choice.
    """
    optuna = _optuna()
    known = optuna.get_all_study_names(storage)
    for name in studies:
        if name not in known:
            raise unknown_name("study", name, known)
    named = dict(columns or {})
    parameters = {name: named.get(name, name) for name in space.names}
    if stray := [name for name in named if name not in parameters]:
        raise unknown_name("choice", stray[0], parameters)
    rows = [
        row
        for name in (studies or known)
        for row in _rows(
            optuna.load_study(study_name=name, storage=storage),
            parameters,
            objectives,
            attributes,
            context,
        )
    ]
    if not rows:
        raise NmjaxError(
            f"No study of {list(studies or known)} has a finished trial with the parameters "
            f"{list(parameters.values())}: run some, or give the names there as columns."
        )
    return history_from_frame(
        {name: [row[name] for row in rows] for name in rows[0]},
        space,
        metrics=(*objectives, *attributes),
        task=_TASK,
        context=context,
    )


def write_studies(
    storage: Any,
    history: History,
    space: Space,
    *,
    tasks: Sequence[str],
    objectives: Sequence[Metric],
    context: Sequence[str] = (),
) -> None:
    """Write each task as a new study, whose trials Optuna's samplers can start from.

    An evaluation with an objective of NaN is a failed trial. Other metrics are user attributes of
    the trials, context those of the studies.

    Args:
      storage: as Optuna takes it, such as "sqlite:///past.db".
      history: padding is left out.
      space: of its architectures.
      tasks: T names, all different and none of a study that is there.
      objectives: the metrics that a study is to improve, and whether up or down.
      context: K names.

    Raises:
      NmjaxError: Optuna is not installed, a metric is unknown, the number of names does not fit, a
        name is repeated, or there is a study of that name. Nothing is written then.
    """
    optuna = _optuna()
    told = np.asarray(history.context)
    if (len(tasks), len(context)) != told.shape or not objectives:
        raise NmjaxError(
            f"{len(tasks)} task names, {len(context)} context names and {len(objectives)} "
            f"objectives came, expected {told.shape[0]}, {told.shape[1]} and at least 1."
        )
    for metric in objectives:
        if metric.name not in history.metrics:
            raise unknown_name("metric", metric.name, history.metrics)
    if repeated := [name for name, times in Counter(tasks).items() if times > 1]:
        raise NmjaxError(f"Task names {repeated} came more than once: give each task its own.")
    if taken := set(tasks) & set(optuna.get_all_study_names(storage)):
        raise NmjaxError(f"Studies {sorted(taken)} are there already: give other task names.")
    for place, task in enumerate(tasks):
        study = optuna.create_study(
            study_name=task,
            storage=storage,
            directions=["maximize" if m.direction == "max" else "minimize" for m in objectives],
        )
        for name, value in zip(context, told[place].tolist(), strict=True):
            study.set_user_attr(name, value)
        study.add_trials(_trials(optuna, history, space, place, objectives))


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise NmjaxError('Optuna is not installed: pip install "nmjax[optuna]".') from error
    return optuna


def _rows(
    study: Any,
    parameters: Mapping[str, str],
    objectives: Sequence[str],
    attributes: Sequence[str],
    context: Sequence[str],
) -> list[dict[str, Any]]:
    if len(study.directions) != len(objectives):
        raise NmjaxError(
            f"Study {study.study_name!r} has {len(study.directions)} objectives, and "
            f"{len(objectives)} names came: {list(objectives)}."
        )
    for name in context:
        if name not in study.user_attrs:
            raise unknown_name(
                f"user attribute of study {study.study_name!r}", name, study.user_attrs
            )
    told = {name: study.user_attrs[name] for name in context}
    rows = []
    for trial in study.trials:
        complete = trial.state.name == "COMPLETE"
        chosen = all(name in trial.params for name in parameters.values())
        if complete or (trial.state.is_finished() and chosen):
            values = trial.values if complete else [None] * len(objectives)
            rows.append(
                {_TASK: study.study_name}
                | {choice: trial.params.get(name) for choice, name in parameters.items()}
                | dict(zip(objectives, values, strict=True))
                | {name: trial.user_attrs.get(name) for name in attributes}
                | told
            )
    return rows


def _trials(
    optuna: ModuleType,
    history: History,
    space: Space,
    place: int,
    objectives: Sequence[Metric],
) -> list[Any]:
    mask = np.asarray(history.mask)[place]
    rows = np.asarray(history.architecture)[place, mask]
    values = {name: np.asarray(v)[place, mask].tolist() for name, v in history.metrics.items()}
    names = [metric.name for metric in objectives]
    continuous = np.asarray(history.continuous)[place, mask]
    among = {c.name: optuna.distributions.CategoricalDistribution(c.options) for c in space.choices}
    for real in space.continuous:
        among[real.name] = optuna.distributions.FloatDistribution(
            real.low, real.high, log=real.scale == "log"
        )
    trials = []
    for number, (row, numbers) in enumerate(zip(rows.tolist(), continuous.tolist(), strict=True)):
        evaluated = [values[name][number] for name in names]
        state = "FAIL" if np.isnan(evaluated).any() else "COMPLETE"
        chosen = {c.name: c.options[option] for c, option in zip(space.choices, row, strict=True)}
        for real, value in zip(space.continuous, numbers, strict=True):
            chosen[real.name] = min(max(value, real.low), real.high)
        trials.append(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[state],
                params=chosen,
                distributions=among,
                values=None if state == "FAIL" else evaluated,
                user_attrs={n: v[number] for n, v in values.items() if n not in names},
            )
        )
    return trials
