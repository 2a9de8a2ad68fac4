"""How nmjax learns to learn: one inner loop, learners over it, and a scanned outer loop."""

from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, query, squared_error, support
from nmjax.meta.evolution import (
    ESHyper,
    ESInfo,
    es_maml,
    gradient_steps,
    smoothed_gradient,
    smoothed_steps,
)
from nmjax.meta.gradient import (
    ContextParams,
    MAMLHyper,
    MAMLInfo,
    MAMLState,
    RatedParams,
    anil,
    cavia,
    contextual,
    fomaml,
    maml,
    meta_sgd,
    with_context,
    with_rates,
)
from nmjax.meta.learner import MetaLearner
from nmjax.meta.population import EvolvedInfo, EvolvedState, evolved
from nmjax.meta.reptile import reptile
from nmjax.meta.train import (
    Curves,
    TrainResult,
    TrainState,
    init_training,
    train,
    train_chunk,
)

__all__ = [
    "Adaptation",
    "Batch",
    "ContextParams",
    "Curves",
    "ESHyper",
    "ESInfo",
    "EvolvedInfo",
    "EvolvedState",
    "MAMLHyper",
    "MAMLInfo",
    "MAMLState",
    "MetaLearner",
    "RatedParams",
    "TrainResult",
    "TrainState",
    "adapt",
    "anil",
    "cavia",
    "contextual",
    "es_maml",
    "evolved",
    "fomaml",
    "gradient_steps",
    "init_training",
    "maml",
    "meta_sgd",
    "query",
    "reptile",
    "smoothed_gradient",
    "smoothed_steps",
    "squared_error",
    "support",
    "train",
    "train_chunk",
    "with_context",
    "with_rates",
]
