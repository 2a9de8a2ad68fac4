"""Optuna's Gaussian process with default settings."""

from collections.abc import Mapping
from typing import Any

from benchmarks.peers.programs.optuna_samplers import prepare_sampler
from benchmarks.peers.searches import Optimize, peer_main

REQUIREMENTS = ("optuna==5.0.0", "torch==2.13.0", "scipy==1.17.1", "numpy==2.4.6")
VARIANTS: Mapping[str, Mapping[str, Any]] = {"": {}}
TRANSFER = ()
SETTINGS_FROM = "the defaults of optuna.samplers.GPSampler in 5.0.0"


def prepare(variant: str) -> tuple[Optimize, Mapping[str, Any]]:
    """Return (optimize, what to record) for one of `VARIANTS`."""
    return prepare_sampler("GPSampler", VARIANTS[variant], SETTINGS_FROM)


if __name__ == "__main__":
    peer_main(prepare)
