"""How nmjax learns to learn: one inner loop, learners over it, and a scanned outer loop."""

from nmjax.meta.adapt import Adaptation, PerStep, adapt
from nmjax.meta.amortised import Encoded, ProcessParams, neural_process, with_process
from nmjax.meta.batch import (
    Batch,
    everything,
    negative_log_density,
    query,
    squared_error,
    support,
)
from nmjax.meta.bayes import (
    DeepKernelParams,
    LastLayerParams,
    Posterior,
    alpaca,
    deep_kernel,
    with_kernel,
    with_last_layer,
)
from nmjax.meta.cavia import ContextParams, cavia, contextual, with_context
from nmjax.meta.ensemble import EnsembleInfo, ensemble
from nmjax.meta.gradient import MAMLHyper, MAMLInfo, MAMLState, RatedParams, anil, fomaml, maml
from nmjax.meta.implicit import ImplicitHyper, implicit_maml
from nmjax.meta.learner import MetaLearner
from nmjax.meta.probabilistic import (
    NoisyParams,
    ProbabilisticLearner,
    conditioning,
    noisy,
    with_noise,
)
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
    "DeepKernelParams",
    "Encoded",
    "EnsembleInfo",
    "ImplicitHyper",
    "LastLayerParams",
    "MAMLHyper",
    "MAMLInfo",
    "MAMLState",
    "MetaLearner",
    "MultiStepHyper",
    "NoisyParams",
    "PerStep",
    "Posterior",
    "ProbabilisticLearner",
    "ProcessParams",
    "RatedParams",
    "TrainResult",
    "TrainState",
    "adapt",
    "alpaca",
    "anil",
    "cavia",
    "conditioning",
    "contextual",
    "deep_kernel",
    "ensemble",
    "everything",
    "fomaml",
    "implicit_maml",
    "init_training",
    "maml",
    "maml_plus_plus",
    "meta_sgd",
    "negative_log_density",
    "neural_process",
    "noisy",
    "query",
    "reptile",
    "squared_error",
    "support",
    "train",
    "train_chunk",
    "with_context",
    "with_kernel",
    "with_last_layer",
    "with_noise",
    "with_process",
    "with_rates",
    "with_step_rates",
]
