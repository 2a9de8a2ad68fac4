"""Optuna's TPE: `optuna_tpe` by its defaults, `optuna_tpe-independent` one choice at a time."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.peers.searches import Choice, Optimise, Search, peer_main

REQUIREMENTS = ("optuna==5.0.0", "numpy==2.4.6")
VARIANTS: Mapping[str, Mapping[str, Any]] = {"": {}, "independent": {"multivariate": False}}
SETTINGS_FROM = (
    "the defaults of optuna.samplers.TPESampler in 5.0.0, where multivariate=None means True for "
    "one objective (optuna/optuna#6746); `independent` is False, the default before 5.0"
)


def prepare(variant: str) -> tuple[Optimise, Mapping[str, Any]]:
    """(optimise, what to record) of one of `VARIANTS`."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    chosen = VARIANTS[variant]

    def optimise(search: Search, choices: Sequence[Choice], seed: int) -> None:
        sampler = optuna.samplers.TPESampler(seed=seed, **chosen)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        while not search.finished:
            trial = study.ask()
            score = search.evaluate([_suggest(trial, choice) for choice in choices])
            if math.isnan(score):
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(trial, score)

    parameters = inspect.signature(optuna.samplers.TPESampler).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.name != "seed"}
    return optimise, {
        "version": f"optuna {optuna.__version__}",
        "settings": {"sampler": "TPESampler", **defaults, **chosen},
        "settings_from": SETTINGS_FROM,
    }


def _suggest(trial: Any, choice: Choice) -> int:
    if choice.kind == "ordinal":
        return trial.suggest_int(choice.name, 0, len(choice.options) - 1)
    return choice.options.index(trial.suggest_categorical(choice.name, choice.options))


if __name__ == "__main__":
    peer_main(prepare)
