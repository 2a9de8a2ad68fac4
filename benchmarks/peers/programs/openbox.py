"""OpenBox: `openbox` by its defaults, `openbox-gp` by a Gaussian process; `-rgpe` with a past."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.peers.searches import (
    Choice,
    Optimize,
    Pool,
    Search,
    peer_main,
    to_options,
    to_values,
)

REQUIREMENTS = ("openbox==0.9.0", "numpy==1.26.4", "scikit-learn==1.3.2", "scipy==1.12.0")
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "": {"surrogate_type": "auto"},
    "gp": {"surrogate_type": "gp"},
    "rgpe": {"surrogate_type": "auto"},
    "rgpe-gp": {"surrogate_type": "tlbo_rgpe_gp"},
}
TRANSFER = ("rgpe", "rgpe-gp")
SETTINGS_FROM = (
    "the defaults of openbox.Advisor in 0.9.0, where `auto` is a random forest for spaces of "
    "mostly categorical choices and a Gaussian process for others, and with a past RGPE of them"
)


def prepare(variant: str) -> tuple[Optimize, Mapping[str, Any]]:
    """Return (optimize, what to record) for one of `VARIANTS`."""
    import openbox
    from openbox.utils.constants import FAILED, SUCCESS

    chosen = {**VARIANTS[variant], "output_dir": None, "logger_kwargs": {"level": "ERROR"}}

    def optimize(search: Search, pool: Pool, seed: int) -> None:
        np.random.seed(seed)  # noqa: NPY002
        space = openbox.space.Space()
        space.add_variables([_variable(openbox.space, choice) for choice in pool.choices])

        def observe(architecture: Sequence[int], score: float) -> Any:
            values = to_values(pool.choices, architecture)
            return openbox.Observation(
                openbox.space.Configuration(space, values=values),
                [-score],
                trial_state=FAILED if math.isnan(score) else SUCCESS,
            )

        past = [openbox.History(f"past {i}", config_space=space) for i in range(len(search.past))]
        for history, source in zip(past, search.past, strict=True):
            for row, score in zip(source.rows, source.scores, strict=True):
                history.update_observation(observe(pool.architectures[row], float(score)))
        advisor = openbox.Advisor(
            space, transfer_learning_history=past or None, random_state=seed % 2**31, **chosen
        )
        while not search.finished:
            values = advisor.get_suggestion().get_dictionary()
            architecture = to_options(pool.choices, values)
            advisor.update_observation(observe(architecture, search.evaluate(architecture)))

    return optimize, {
        "version": f"openbox {openbox.__version__}",
        "settings": dict(VARIANTS[variant]),
        "settings_from": SETTINGS_FROM,
    }


def _variable(space: Any, choice: Choice) -> Any:
    """Of a choice; the default of `Int`, which is no integer, is refused by ConfigSpace 0.6.1."""
    if choice.kind == "ordinal":
        last = len(choice.options) - 1
        return space.Int(choice.name, 0, last, default_value=round(last / 2))
    return space.Categorical(choice.name, list(choice.options))


if __name__ == "__main__":
    peer_main(prepare)
