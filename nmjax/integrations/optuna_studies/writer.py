"""Write past evaluations as studies of Optuna."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.integrations.optuna_studies.package import import_optuna
from nmjax.spaces import Space, active_choices, active_continuous
from nmjax.spaces.description.options import Option, option_text
from nmjax.types import History, Metric


def write_studies(
    storage: Any,
    history: History,
    space: Space,
    *,
    tasks: Sequence[str],
    objectives: Sequence[Metric],
    context: Sequence[str] = (),
) -> None:
    """Write each task as a new study, from whose trials Optuna's samplers can start.

    An evaluation with an objective of NaN is a failed trial. Other metrics are user attributes of
    the trials, and the context is user attributes of the studies. Inactive choices are left out.
    Options that are lists become JSON text, as Optuna stores only scalars.

    Args:
      storage: Storage as Optuna takes it, such as "sqlite:///past.db".
      history: Evaluations of T tasks; padding is left out.
      space: Space of the architectures.
      tasks: T distinct names, none that of an existing study.
      objectives: Metrics that a study improves, with their directions.
      context: K names.

    Raises:
      NmjaxError: Optuna is not installed, a metric is unknown, the number of names does not fit, a
        name is repeated, or a study of that name exists. After any error nothing is written.

    Example:
      >>> import optuna
      >>> from nmjax.integrations import write_studies
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
      >>> storage = optuna.storages.InMemoryStorage()
      >>> history = make_history([[[0], [1]]], {"loss": [[0.3, 0.2]]})
      >>> write_studies(storage, history, Space(depth=[1, 2]), tasks=["cora"],
      ...               objectives=[Metric("loss", direction="minimize")])
      >>> optuna.load_study(study_name="cora", storage=storage).best_params
      {'depth': 2}
    """
    optuna = import_optuna()
    described = np.asarray(history.context)
    if (len(tasks), len(context)) != described.shape or not objectives:
        raise NmjaxError(
            f"Got {len(tasks)} task names, {len(context)} context names and {len(objectives)} "
            f"objectives, expected {described.shape[0]}, {described.shape[1]} and at least 1."
        )
    for metric in objectives:
        if metric.name not in history.metrics:
            raise unknown_name("metric", metric.name, history.metrics)
    if repeated := [name for name, times in Counter(tasks).items() if times > 1]:
        raise NmjaxError(f"Task names {repeated} occur more than once: give each task its own.")
    if taken := set(tasks) & set(optuna.get_all_study_names(storage)):
        raise NmjaxError(f"Studies {sorted(taken)} exist already: give other task names.")
    trials = [_trials(optuna, history, space, place, objectives) for place in range(len(tasks))]
    begun: list[str] = []
    try:
        for place, task in enumerate(tasks):
            study = optuna.create_study(
                study_name=task,
                storage=storage,
                directions=["maximize" if m.direction == "max" else "minimize" for m in objectives],
            )
            begun.append(task)
            for name, value in zip(context, described[place].tolist(), strict=True):
                study.set_user_attr(name, value)
            study.add_trials(trials[place])
    except BaseException:
        for task in begun:
            with suppress(Exception):
                optuna.delete_study(study_name=task, storage=storage)
        raise


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
    used = np.asarray(active_choices(space, jnp.asarray(rows)))
    used_continuous = np.asarray(active_continuous(space, jnp.asarray(rows)))
    written = {c.name: tuple(map(for_optuna, c.options)) for c in space.choices}
    among = {n: optuna.distributions.CategoricalDistribution(o) for n, o in written.items()}
    for real in space.continuous:
        among[real.name] = optuna.distributions.FloatDistribution(
            real.low, real.high, log=real.scale == "log"
        )
    trials = []
    for number, (row, numbers) in enumerate(zip(rows.tolist(), continuous.tolist(), strict=True)):
        evaluated = [values[name][number] for name in names]
        state = "FAIL" if np.isnan(evaluated).any() else "COMPLETE"
        chosen = {
            choice.name: written[choice.name][option]
            for choice, option, is_used in zip(space.choices, row, used[number], strict=True)
            if is_used
        }
        for real, value, is_used in zip(
            space.continuous, numbers, used_continuous[number], strict=True
        ):
            if is_used:
                chosen[real.name] = min(max(value, real.low), real.high)
        trials.append(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[state],
                params=chosen,
                distributions={name: among[name] for name in chosen},
                values=None if state == "FAIL" else evaluated,
                user_attrs={n: v[number] for n, v in values.items() if n not in names},
            )
        )
    return trials


def for_optuna(option: Option) -> Option:
    """Return an option as Optuna stores it: a list becomes JSON text."""
    return option_text(option) if isinstance(option, tuple) else option
