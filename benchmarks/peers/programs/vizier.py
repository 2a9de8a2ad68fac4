"""Vizier's Gaussian-process bandit with default settings."""

import atexit
import math
import shutil
import tempfile
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from benchmarks.peers.searches import Optimize, Pool, Search, peer_main, to_options

REQUIREMENTS = ("google-vizier[jax]==0.1.24", "jax==0.10.2", "numpy==2.4.6")
OVERRIDES = ("equinox==0.13.8", "wadler-lindig==0.1.8")
VARIANTS: Mapping[str, Mapping[str, Any]] = {"": {}}
TRANSFER = ()
SETTINGS_FROM = (
    "the defaults of VizierGPBandit in google-vizier 0.1.24, in double precision as in its service"
)
KEPT_COMPILED = 10
"""Number of suggestions after which compiled programs are dropped, to limit memory maps."""


def prepare(variant: str) -> tuple[Optimize, Mapping[str, Any]]:
    """Return (optimize, what to record) for one of `VARIANTS`."""
    import jax
    from vizier import algorithms, pyvizier
    from vizier._src.algorithms.designers.gp_bandit import VizierGPBandit

    programs = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, programs, ignore_errors=True)
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_compilation_cache_dir", programs)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

    def optimize(search: Search, pool: Pool, seed: int) -> None:
        problem = pyvizier.ProblemStatement()
        for choice in pool.choices:
            root, last = problem.search_space.root, len(choice.options) - 1
            if choice.kind == "ordinal":
                root.add_int_param(choice.name, 0, last)
            else:
                root.add_categorical_param(choice.name, list(choice.options))
        goal = pyvizier.ObjectiveMetricGoal.MAXIMIZE
        problem.metric_information.append(pyvizier.MetricInformation(name="score", goal=goal))
        designer = VizierGPBandit(problem, rng=jax.random.PRNGKey(seed), **VARIANTS[variant])
        while not search.finished:
            if search.suggestions % KEPT_COMPILED == 0:
                jax.clear_caches()
            (suggestion,) = designer.suggest(count=1)
            values = suggestion.parameters.as_dict()
            score = search.evaluate(to_options(pool.choices, values))
            trial = suggestion.to_trial(search.suggestions)
            if math.isnan(score):
                trial.complete(pyvizier.Measurement(), infeasibility_reason="failed")
            else:
                trial.complete(pyvizier.Measurement({"score": score}))
            designer.update(algorithms.CompletedTrials([trial]), algorithms.ActiveTrials())

    return optimize, {
        "version": f"google-vizier {metadata.version('google-vizier')}, jax {jax.__version__}",
        "settings": {
            "designer": "VizierGPBandit",
            "compiled programs": "on disk, where the first search leaves those of the others",
            **VARIANTS[variant],
        },
        "settings_from": SETTINGS_FROM,
    }


if __name__ == "__main__":
    peer_main(prepare)
