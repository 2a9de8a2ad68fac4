"""How nmjax learns to learn: one inner loop, learners over it, and a scanned outer loop."""

from nmjax.meta.adapt import Adaptation, PerStep, adapt
from nmjax.meta.augment import augmented, interpolate_tasks, transform_targets
from nmjax.meta.batch import Batch, query, squared_error, support
from nmjax.meta.cavia import ContextParams, cavia, contextual, with_context
from nmjax.meta.gradient import MAMLHyper, MAMLInfo, MAMLState, RatedParams, anil, fomaml, maml
from nmjax.meta.implicit import ImplicitHyper, implicit_maml
from nmjax.meta.learner import MetaLearner
from nmjax.meta.rated import MultiStepHyper, maml_plus_plus, meta_sgd, with_rates, with_step_rates
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
    "ImplicitHyper",
    "MAMLHyper",
    "MAMLInfo",
    "MAMLState",
    "MetaLearner",
    "MultiStepHyper",
    "PerStep",
    "RatedParams",
    "TrainResult",
    "TrainState",
    "adapt",
    "anil",
    "augmented",
    "cavia",
    "contextual",
    "fomaml",
    "implicit_maml",
    "init_training",
    "interpolate_tasks",
    "maml",
    "maml_plus_plus",
    "meta_sgd",
    "query",
    "reptile",
    "squared_error",
    "support",
    "train",
    "train_chunk",
    "transform_targets",
    "with_context",
    "with_rates",
    "with_step_rates",
]
