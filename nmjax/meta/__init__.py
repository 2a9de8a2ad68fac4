"""How nmjax learns to learn: one inner loop, learners over it, and a scanned outer loop."""

from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, query, squared_error, support
from nmjax.meta.gradient import MAMLHyper, MAMLInfo, MAMLState, fomaml, maml
from nmjax.meta.learner import MetaLearner
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
    "Curves",
    "MAMLHyper",
    "MAMLInfo",
    "MAMLState",
    "MetaLearner",
    "TrainResult",
    "TrainState",
    "adapt",
    "fomaml",
    "init_training",
    "maml",
    "query",
    "squared_error",
    "support",
    "train",
    "train_chunk",
]
