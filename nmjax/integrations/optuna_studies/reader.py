"""Read studies of Optuna as past searches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

from nmjax.errors import NmjaxError, unknown_name
from nmjax.integrations.optuna_studies.package import import_optuna
from nmjax.spaces import Space
from nmjax.tasks import PastSearches, history_from_frame
from nmjax.tasks.tables.table import brief, without_blanks
from nmjax.types import Metric

_TASK = "study of Optuna"
"""Column name that no choice and no metric can have, as their names have no blanks."""


def read_studies(
    storage: Any,
    space: Space,
    *,
    objectives: Sequence[str | Metric],
    studies: Sequence[str] = (),
    attributes: Sequence[str] = (),
    context: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> PastSearches:
    """Return past searches, one task for each study that has evaluations.

    The parameters of a trial are its choices, by name or value; other parameters are ignored, and
    inactive choices may be missing. Pruned and failed trials are failed evaluations, or none if
    they lack a choice. Running and waiting trials are left out.

    The metric to improve is the first objective, with the studies' direction; if there are two and
    the second is minimized, that is the cost.

    Args:
      storage: Storage as Optuna takes it, such as "sqlite:///past.db".
      space: Space whose choices are parameters.
      objectives: Names of a trial's values, in the order of the study; a `Metric` adds a unit and a
        transform.
      studies: Names of the studies to read; all of the storage by default.
      attributes: Further metrics, from user attributes of the trials; NaN if a trial lacks one.
      context: Numbers that describe a task, from user attributes of the studies.
      columns: {choice: parameter} where the names differ.

    Raises:
      NmjaxError: Optuna is not installed, the storage cannot be read, a study or parameter is
        unknown, no study has an evaluation, names are repeated, the studies have another number of
        objectives or different directions, a study lacks an attribute, or a complete trial lacks a
        choice. A file of SQLite is opened read-only, and not made if it is missing.

    Example:
      >>> import optuna
      >>> from nmjax.integrations import read_studies
      >>> from nmjax.spaces import Space
      >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
      >>> storage = optuna.storages.InMemoryStorage()
      >>> study = optuna.create_study(storage=storage, study_name="cora", direction="minimize")
      >>> study.optimize(lambda trial: trial.suggest_categorical("depth", [1, 2]), n_trials=3)
      >>> past = read_studies(storage, Space(depth=[1, 2]), objectives=["loss"])
      >>> past.tasks, past.metric.direction, past.scores.shape
      (('cora',), 'min', (1, 3))
    """
    optuna = import_optuna()
    storage, known = _opened(optuna, storage)
    for name in studies:
        if name not in known:
            raise unknown_name("study", name, known)
    renamed = dict(columns or {})
    if unknown := [name for name in renamed if name not in space.names]:
        raise unknown_name("choice", unknown[0], space.names)
    metrics = [m if isinstance(m, Metric) else Metric(m) for m in objectives]
    names = [metric.name for metric in metrics]
    _check_distinct([*space.names, *names, *attributes, *context])
    loaded = [optuna.load_study(study_name=name, storage=storage) for name in studies or known]
    suggested = {name for study in loaded for trial in study.trials for name in trial.params}
    spelled: dict[str, str] = {without_blanks(name): name for name in suggested}
    spelled |= {name: name for name in suggested}
    parameters = {name: renamed.get(name, spelled.get(name, name)) for name in space.names}
    for parameter in renamed.values():
        if suggested and parameter not in suggested:
            raise unknown_name("parameter", parameter, sorted(suggested))
    rows = [row for study in loaded for row in _rows(study, parameters, names, attributes, context)]
    if not rows:
        raise NmjaxError(
            f"No study of {list(studies or known)} has a finished trial with the parameters "
            f"{list(parameters.values())}: run some, or give the names there as columns."
        )
    read = {row[_TASK] for row in rows}
    metrics = _with_directions(metrics, [study for study in loaded if study.study_name in read])
    past = history_from_frame(
        {name: [row[name] for row in rows] for name in rows[0]},
        space,
        metrics=(*names, *attributes),
        task=_TASK,
        context=context,
    )
    cost = metrics[1] if len(metrics) == 2 and metrics[1].direction == "min" else None
    return past.replace(metric=metrics[0], cost=cost, name="Optuna")


def _opened(optuna: ModuleType, storage: Any) -> tuple[Any, list[str]]:
    """Return the storage, read-only if it is a file of SQLite, and the names of its studies."""
    try:
        if isinstance(storage, str) and storage.startswith("sqlite"):
            storage = _read_only(storage)
        return storage, optuna.get_all_study_names(storage)
    except NmjaxError:
        raise
    except Exception as error:  # Each storage of Optuna has errors of its own.
        raise NmjaxError(
            f"The storage {storage} cannot be read: {brief(error).partition(' [SQL')[0]}."
        ) from error


def _read_only(storage: str) -> str:
    """Return the URL of a database that exists, under which Optuna makes no file and no table."""
    from sqlalchemy.engine import make_url

    database = make_url(storage).database or ":memory:"
    if database == ":memory:" or database.startswith("file:"):
        return storage
    if not Path(database).is_file():
        raise NmjaxError(f"{storage} cannot be read: there is no file {database}.")
    return f"sqlite:///file:{quote(quote(str(Path(database).resolve())))}?mode=ro&uri=true"


def _check_distinct(names: Sequence[str]) -> None:
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        raise NmjaxError(
            f"Expected different names for choices, objectives, attributes and context, got "
            f"{repeated} more than once. Call the objectives something else."
        )


def _with_directions(metrics: Sequence[Metric], studies: Sequence[Any]) -> list[Metric]:
    """Return the metrics with the directions of the studies, which have to agree."""
    first = studies[0]
    for study in studies:
        if study.directions != first.directions:
            raise NmjaxError(
                f"Studies {first.study_name!r} and {study.study_name!r} have different directions. "
                "Read those that maximize and those that minimize apart, with studies=."
            )
    return [
        replace(metric, direction="max" if direction.name == "MAXIMIZE" else "min")
        for metric, direction in zip(metrics, first.directions, strict=True)
    ]


def _rows(
    study: Any,
    parameters: Mapping[str, str],
    objectives: Sequence[str],
    attributes: Sequence[str],
    context: Sequence[str],
) -> list[dict[str, Any]]:
    if len(study.directions) != len(objectives):
        raise NmjaxError(
            f"Study {study.study_name!r} has {len(study.directions)} objectives, got "
            f"{len(objectives)} names: {list(objectives)}."
        )
    for name in context:
        if name not in study.user_attrs:
            raise unknown_name(
                f"user attribute of study {study.study_name!r}", name, study.user_attrs
            )
    described = {name: study.user_attrs[name] for name in context}
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
                | described
            )
    return rows
