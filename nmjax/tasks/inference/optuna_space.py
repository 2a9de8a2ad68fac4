"""The distributions of Optuna's trials as a `Space`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Real, Space, when
from nmjax.spaces.description.options import to_option
from nmjax.tasks.inference.columns import Column
from nmjax.tasks.inference.conditions import find_conditions, parents_first
from nmjax.tasks.inference.numbers import float_range, integer_range
from nmjax.tasks.tables.table import without_blanks


def is_optuna(source: Any) -> bool:
    """Return whether an object is a study, trial or distribution, or a collection of these."""
    if isinstance(source, Mapping):
        return bool(source) and all(map(_is_distribution, source.values()))
    if isinstance(source, list | tuple):
        return bool(source) and all(map(is_optuna, source))
    return type(source).__module__.startswith("optuna.") and (
        hasattr(source, "trials") or hasattr(source, "distributions")
    )


def read_distributions(source: Any, name: str | None = None) -> Space:
    """Return the space of a study, of several, of trials, or of {parameter: distribution}.

    Numeric ranges that differ among trials are joined. A parameter that finished trials lack
    exactly where others have certain options is conditional on these. Integer ranges of more than
    1,000 values become real-valued. Blanks in names become "_".

    Raises:
      NmjaxError: There is no trial with parameters, a parameter has distributions of several kinds,
        or two parameters differ only by blanks.
    """
    if isinstance(source, Mapping):
        named = _without_blanks(source)
        return Space(name or "space", **{named[n]: _spec([d]) for n, d in source.items()})
    trials = [trial for trial in _trials(source) if trial.distributions]
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"] or trials
    if not trials:
        raise NmjaxError("Expected trials with parameters, got none. Run some trials first.")
    found: dict[str, list[Any]] = {}
    for trial in trials:
        for parameter, distribution in trial.distributions.items():
            found.setdefault(parameter, []).append(distribution)
    named = _without_blanks(found)
    specs = {parameter: _spec(of, parameter) for parameter, of in found.items()}
    columns = [_column(parameter, complete) for parameter in found]
    parents = [c for c in columns if not isinstance(specs[c.name], Real)]
    explained = find_conditions(columns, parents)
    conditions = {parameter: found_for.parents for parameter, found_for in explained.items()}
    conditional = {}
    for parameter in parents_first(found, conditions):
        spec = specs[parameter]
        if parameter in conditions:
            own = conditions[parameter].items()
            allowed = {named[parent]: list(options) for parent, options in own}
            spec = when(spec, **allowed)
        conditional[named[parameter]] = spec
    study = str(getattr(source, "study_name", "space"))
    return Space(name or ("space" if study.startswith("no-name-") else study), **conditional)


def _without_blanks(parameters: Iterable[str]) -> dict[str, str]:
    """Return the name that a choice has for each parameter."""
    named = {parameter: without_blanks(parameter) for parameter in parameters}
    choices = list(named.values())
    if twice := [parameter for parameter, choice in named.items() if choices.count(choice) > 1]:
        raise NmjaxError(f"Parameters {twice} differ only by blanks. Give each its own name.")
    return named


def _trials(source: Any) -> Iterable[Any]:
    if isinstance(source, list | tuple):
        return [trial for part in source for trial in _trials(part)]
    return source.trials if hasattr(source, "trials") else [source]


def _column(parameter: str, trials: Sequence[Any]) -> Column:
    present = np.array([parameter in trial.params for trial in trials], bool)
    return Column(parameter, tuple(to_option(t.params.get(parameter)) for t in trials), present)


def _spec(distributions: Sequence[Any], parameter: str = "") -> Any:
    """Return the specification that all distributions of a parameter fit."""
    kinds = {type(distribution).__name__ for distribution in distributions}
    if len(kinds) > 1:
        raise NmjaxError(
            f"Parameter {parameter!r} has distributions of several kinds: {sorted(kinds)}. Give "
            "each its own name."
        )
    first = distributions[0]
    if hasattr(first, "choices"):
        return list(dict.fromkeys(to_option(c) for d in distributions for c in d.choices))
    low, high = min(d.low for d in distributions), max(d.high for d in distributions)
    steps = {d.step for d in distributions}
    if "Int" in type(first).__name__:
        step = steps.pop() if len(steps) == 1 else 1
        return integer_range(low, high, log=first.log, step=step or 1)
    return float_range(low, high, log=first.log, step=steps.pop() if len(steps) == 1 else None)


def _is_distribution(value: Any) -> bool:
    return type(value).__module__.startswith("optuna.") and hasattr(value, "to_internal_repr")
