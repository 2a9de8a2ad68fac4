"""Meta-learning: one inner loop, the learners built on it, and a scanned outer loop."""

from nmjax.meta.adapt import (
    Adaptation,
    PerStep,
    adapt,
)
from nmjax.meta.augment import (
    augmented,
    interpolate_tasks,
    transform_targets,
)
from nmjax.meta.batch import (
    Batch,
    negative_log_density,
    query,
    squared_error,
    support,
    support_and_query,
)
from nmjax.meta.continual import (
    ContinualResult,
    Reservoir,
    add_to_reservoir,
    backward_transfer,
    forgetting,
    forward_transfer,
    init_reservoir,
    learn_continually,
)
from nmjax.meta.learned_model import LearnedModel
from nmjax.meta.learner import (
    MetaLearner,
)
from nmjax.meta.learners.adaptation_gradient import MAMLHyper, MAMLInfo, MetaSGDParams, MetaState
from nmjax.meta.learners.cavia import (
    ContextParams,
    cavia,
    contextual,
    init_context,
)
from nmjax.meta.learners.deep_kernel import DeepKernelParams, deep_kernel, init_deep_kernel
from nmjax.meta.learners.ensemble import (
    EnsembleInfo,
    ensemble,
)
from nmjax.meta.learners.evolution_strategies import (
    ESHyper,
    ESInfo,
    es_maml,
    gradient_steps,
    smoothed_gradient,
    smoothed_steps,
)
from nmjax.meta.learners.gradient import anil, fomaml, maml
from nmjax.meta.learners.implicit import (
    ImplicitHyper,
    implicit_maml,
)
from nmjax.meta.learners.last_layer import (
    LastLayerParams,
    alpaca,
    init_last_layer,
    last_layer_evidence,
    last_layer_features,
)
from nmjax.meta.learners.learned_rates import (
    MultiStepHyper,
    init_learned_rates,
    init_step_rates,
    maml_plus_plus,
    meta_sgd,
)
from nmjax.meta.learners.neural_process import (
    ProcessParams,
    TaskEncoding,
    init_process,
    neural_process,
)
from nmjax.meta.learners.population import (
    EvolvedInfo,
    EvolvedState,
    evolved,
)
from nmjax.meta.learners.probabilistic import (
    NoisyParams,
    ProbabilisticLearner,
    TaskPosterior,
    conditioning,
    init_noise,
    noisy,
)
from nmjax.meta.learners.reptile import (
    reptile,
)
from nmjax.meta.metrics import (
    GeneralizationGap,
    adaptation_speed,
    few_shot_curve,
    meta_generalization,
    sample_efficiency,
    transfer_efficiency,
)
from nmjax.meta.multitask import (
    MultiTaskInfo,
    MultiTaskParams,
    MultiTaskState,
    extract_shared_features,
    extract_task_specific,
    head_prior,
    init_meta_model,
    update_meta_model,
    with_intercept,
)
from nmjax.meta.regularizers import (
    RegularizedHyper,
    RegularizedInfo,
    UncertainParams,
    init_uncertainty,
    regularized,
)
from nmjax.meta.sampling import (
    FocusHyper,
    FocusInfo,
    ShardedSampler,
    WeightedSources,
    affinity,
    focused,
    weighted,
)
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
    "ContinualResult",
    "Curves",
    "DeepKernelParams",
    "ESHyper",
    "ESInfo",
    "EnsembleInfo",
    "EvolvedInfo",
    "EvolvedState",
    "FocusHyper",
    "FocusInfo",
    "GeneralizationGap",
    "ImplicitHyper",
    "LastLayerParams",
    "LearnedModel",
    "MAMLHyper",
    "MAMLInfo",
    "MetaLearner",
    "MetaSGDParams",
    "MetaState",
    "MultiStepHyper",
    "MultiTaskInfo",
    "MultiTaskParams",
    "MultiTaskState",
    "NoisyParams",
    "PerStep",
    "ProbabilisticLearner",
    "ProcessParams",
    "RegularizedHyper",
    "RegularizedInfo",
    "Reservoir",
    "TaskEncoding",
    "ShardedSampler",
    "TaskPosterior",
    "TrainResult",
    "TrainState",
    "UncertainParams",
    "WeightedSources",
    "adapt",
    "adaptation_speed",
    "add_to_reservoir",
    "affinity",
    "alpaca",
    "anil",
    "augmented",
    "backward_transfer",
    "cavia",
    "conditioning",
    "contextual",
    "deep_kernel",
    "ensemble",
    "es_maml",
    "evolved",
    "extract_shared_features",
    "extract_task_specific",
    "few_shot_curve",
    "focused",
    "fomaml",
    "forgetting",
    "forward_transfer",
    "gradient_steps",
    "head_prior",
    "implicit_maml",
    "init_context",
    "init_deep_kernel",
    "init_last_layer",
    "last_layer_evidence",
    "last_layer_features",
    "init_learned_rates",
    "init_meta_model",
    "init_noise",
    "init_process",
    "init_reservoir",
    "init_step_rates",
    "init_training",
    "init_uncertainty",
    "interpolate_tasks",
    "learn_continually",
    "maml",
    "maml_plus_plus",
    "meta_generalization",
    "meta_sgd",
    "negative_log_density",
    "neural_process",
    "noisy",
    "query",
    "regularized",
    "reptile",
    "sample_efficiency",
    "smoothed_gradient",
    "smoothed_steps",
    "squared_error",
    "support",
    "support_and_query",
    "train",
    "train_chunk",
    "transfer_efficiency",
    "transform_targets",
    "update_meta_model",
    "weighted",
    "with_intercept",
]
