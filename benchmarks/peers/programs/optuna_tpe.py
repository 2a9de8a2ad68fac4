"""Optuna's TPE: `optuna_tpe` with default settings, `optuna_tpe-independent` without dependence."""

from collections.abc import Mapping
from typing import Any

from benchmarks.peers.programs.optuna_samplers import prepare_sampler
from benchmarks.peers.searches import Optimize, peer_main

REQUIREMENTS = ("optuna==5.0.0", "numpy==2.4.6")
VARIANTS: Mapping[str, Mapping[str, Any]] = {"": {}, "independent": {"multivariate": False}}
TRANSFER = ()
SETTINGS_FROM = (
    "the defaults of optuna.samplers.TPESampler in 5.0.0, where multivariate=None means True for "
    "one objective (optuna/optuna#6746); `independent` is False, the default before 5.0"
)


def prepare(variant: str) -> tuple[Optimize, Mapping[str, Any]]:
    """Return (optimize, what to record) for one of `VARIANTS`."""
    return prepare_sampler("TPESampler", VARIANTS[variant], SETTINGS_FROM)


if __name__ == "__main__":
    peer_main(prepare)
