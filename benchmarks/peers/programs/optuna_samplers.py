"""Searches by one of Optuna's samplers."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

from benchmarks.peers.searches import Choice, Optimize, Pool, Search, to_options


def prepare_sampler(
    name: str, chosen: Mapping[str, Any], settings_from: str
) -> tuple[Optimize, Mapping[str, Any]]:
    """Return (optimize, what to record) for `optuna.samplers.NAME` with given settings."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    make_sampler = getattr(optuna.samplers, name)

    def optimize(search: Search, pool: Pool, seed: int) -> None:
        study = optuna.create_study(direction="maximize", sampler=make_sampler(seed=seed, **chosen))
        while not search.finished:
            trial = study.ask()
            values = {choice.name: _suggest(trial, choice) for choice in pool.choices}
            score = search.evaluate(to_options(pool.choices, values))
            if math.isnan(score):
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(trial, score)

    parameters = inspect.signature(make_sampler).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.name != "seed"}
    return optimize, {
        "version": f"optuna {optuna.__version__}",
        "settings": {"sampler": name, **defaults, **chosen},
        "settings_from": settings_from,
    }


def _suggest(trial: Any, choice: Choice) -> int | str:
    if choice.kind == "ordinal":
        return trial.suggest_int(choice.name, 0, len(choice.options) - 1)
    return trial.suggest_categorical(choice.name, choice.options)
