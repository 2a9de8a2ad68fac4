"""Syne Tune's schedulers with transfer: `synetune-box` and `synetune-quantile`.

Its third one, zero-shot transfer, cannot be run; see the README.
"""

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.peers.searches import (
    Choice,
    Optimize,
    Pool,
    Search,
    Source,
    peer_main,
    to_options,
    to_values,
)

REQUIREMENTS = (
    "syne-tune==0.16.0",
    "huggingface_hub==2.4.0",
    "scikit-learn==1.9.1",
    "xgboost==3.2.0",
    "pandas==3.1.1",
    "numpy==2.4.6",
)
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "box": {"scheduler": "BoundingBox", "within": "RandomSearch"},
    "quantile": {"scheduler": "SingleObjectiveScheduler of QuantileBasedSurrogateSearcher"},
}
TRANSFER = ("box", "quantile")
SETTINGS_FROM = (
    "the defaults of syne-tune 0.16.0; random search within the box as in the example of "
    "BoundingBox's documentation"
)
METRIC = "loss"


def prepare(variant: str) -> tuple[Optimize, Mapping[str, Any]]:
    """Return (optimize, what to record) for one of `VARIANTS`."""
    import pandas as pd
    import syne_tune
    from syne_tune.config_space import choice, randint
    from syne_tune.optimizer.baselines import RandomSearch
    from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler
    from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler
    from syne_tune.optimizer.schedulers.transfer_learning.bounding_box import BoundingBox
    from syne_tune.optimizer.schedulers.transfer_learning.quantile_based import (
        quantile_based_searcher,
    )
    from syne_tune.optimizer.schedulers.transfer_learning.transfer_learning_mixin import (
        TransferLearningTaskEvaluations,
    )

    def domain(given: Choice) -> Any:
        ordinal = given.kind == "ordinal"
        return randint(0, len(given.options) - 1) if ordinal else choice(list(given.options))

    def evaluations(source: Source, pool: Pool, space: Mapping[str, Any]) -> Any:
        known = ~np.isnan(source.scores)
        configs = [to_values(pool.choices, pool.architectures[row]) for row in source.rows[known]]
        loss = -source.scores[known, None, None, None].astype(float)
        return TransferLearningTaskEvaluations(space, pd.DataFrame(configs), [METRIC], loss)

    def random_search(space: Any, metric: str, do_minimize: bool, seed: int) -> Any:
        return RandomSearch(space, [metric], do_minimize=do_minimize, random_seed=seed)

    def optimize(search: Search, pool: Pool, seed: int) -> None:
        seed %= 2**31
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        space = {given.name: domain(given) for given in pool.choices}
        past = {str(i): evaluations(s, pool, space) for i, s in enumerate(search.past)}
        if variant == "box":
            scheduler = BoundingBox(random_search, space, METRIC, past, random_seed=seed)
        else:
            searcher = quantile_based_searcher.QuantileBasedSurrogateSearcher(
                space, past, random_seed=seed
            )
            scheduler = SingleObjectiveScheduler(space, METRIC, searcher=searcher, random_seed=seed)
        asked = AskTellScheduler(scheduler)
        while not search.finished:
            trial = asked.ask()
            score = search.evaluate(to_options(pool.choices, trial.config))
            if math.isnan(score):
                scheduler.on_trial_error(trial)
            else:
                asked.tell(trial, {METRIC: -score})

    return optimize, {
        "version": f"syne-tune {syne_tune.__version__}",
        "settings": dict(VARIANTS[variant]),
        "settings_from": SETTINGS_FROM,
    }


if __name__ == "__main__":
    peer_main(prepare)
