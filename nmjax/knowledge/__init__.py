"""What carries over from one task to the next."""

from nmjax.knowledge.features import PoolFeatures, pool_features
from nmjax.knowledge.information import (
    compute_information_gain,
    expected_information_gain,
    realised_information_gain,
)
from nmjax.knowledge.learn import LearnConfig, LearnInfo, learn_from_history
from nmjax.knowledge.mixture import mixture_log_weights
from nmjax.knowledge.sampling import (
    SamplingDistribution,
    SamplingMoments,
    sample_architectures,
    sampling_divergence,
    sampling_moments,
    truncate_sampling,
    uniform_sampling,
    update_sampling_distribution,
)
from nmjax.knowledge.state import FeatureParams, MetaKnowledge

__all__ = [
    "FeatureParams",
    "LearnConfig",
    "LearnInfo",
    "MetaKnowledge",
    "PoolFeatures",
    "SamplingDistribution",
    "SamplingMoments",
    "compute_information_gain",
    "expected_information_gain",
    "learn_from_history",
    "mixture_log_weights",
    "pool_features",
    "realised_information_gain",
    "sample_architectures",
    "sampling_divergence",
    "sampling_moments",
    "truncate_sampling",
    "uniform_sampling",
    "update_sampling_distribution",
]
