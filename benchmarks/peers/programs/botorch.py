"""BoTorch: Gaussian processes refitted at each step, and log expected improvement over the pool.

`botorch` uses the choices, `botorch-encoding` nmjax's encoding, and `botorch-rgpe` the choices and
past evaluations.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.peers.searches import Optimize, Pool, Search, peer_main

REQUIREMENTS = (
    "botorch==0.18.1",
    "gpytorch==1.15.2",
    "linear_operator==0.6.1",
    "torch==2.13.0",
    "scipy==1.17.1",
    "numpy==2.4.6",
)
_MIXED = "MixedSingleTaskGP of option indices; SingleTaskGP where no choice is categorical"
_MATERN = "SingleTaskGP of encodings on [0, 1]; Matern-5/2 with dimension-scaled priors"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "": {"model": _MIXED, "initial": 5},
    "encoding": {"model": _MATERN, "limits": {"maxiter": 100}, "initial": 5},
    "rgpe": {"model": _MIXED, "ensemble": "RGPE", "initial": 3, "samples": 256},
}
TRANSFER = ("rgpe",)
SETTINGS_FROM = (
    "models by their defaults in botorch 0.18.1, but that a fit to encodings, which takes a "
    "thousand steps, is stopped at a limit; as many random evaluations first as in Ax; the "
    "ensemble by BoTorch's tutorial on it, with ties and weight dilution as in its paper (Feurer, "
    "Letham and Bakshy, 2018), and where the tutorial takes noisy expected improvement, "
    "improvement on the highest posterior mean at evaluated rows"
)


def prepare(variant: str) -> tuple[Optimize, Mapping[str, Any]]:
    """Return (optimize, what to record) for one of `VARIANTS`."""
    import botorch
    import gpytorch
    import torch

    from benchmarks.peers.programs import botorch_models as models

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    chosen = VARIANTS[variant]

    def optimize(search: Search, pool: Pool, seed: int) -> None:
        torch.manual_seed(seed)
        first = np.random.default_rng(seed).permutation(len(pool.architectures))
        x, make = models.encoding(pool) if variant == "encoding" else models.options(pool)
        if variant == "rgpe":
            acquire = models.by_ensemble(x, make, search.past, samples=chosen["samples"])
        else:
            acquire = models.by_one(x, make, **chosen.get("limits", {}))
        score: dict[int, float] = {}
        while not search.finished:
            known = {row: value for row, value in score.items() if not math.isnan(value)}
            if len(known) < chosen["initial"]:
                row = int(first[len(score)])
            else:
                row = models.suggest(acquire, known, np.setdiff1d(first, list(score)))
            score[row] = search.evaluate(pool.architectures[row])

    return optimize, {
        "version": f"botorch {botorch.__version__}, gpytorch {gpytorch.__version__}, "
        f"torch {torch.__version__}",
        "settings": {
            **chosen,
            "acquisition": "LogExpectedImprovement of all that was not evaluated",
            "dtype": "float64",
            "failed evaluations": "left out",
        },
        "settings_from": SETTINGS_FROM,
    }


if __name__ == "__main__":
    peer_main(prepare)
