"""What carries over from one task to the next."""

from nmjax.knowledge.adapted import (
    AdaptedSpace,
    adapt_space,
    from_original,
    restrict_space,
    to_original,
)
from nmjax.knowledge.features import PoolFeatures, pool_features
from nmjax.knowledge.information import (
    compute_information_gain,
    expected_information_gain,
    realised_information_gain,
)
from nmjax.knowledge.learn import LearnConfig, LearnInfo, learn_from_history
from nmjax.knowledge.limits import adapt_limit
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
    "AdaptedSpace",
    "FeatureParams",
    "LearnConfig",
    "LearnInfo",
    "MetaKnowledge",
    "PoolFeatures",
    "SamplingDistribution",
    "SamplingMoments",
    "adapt_limit",
    "adapt_space",
    "compute_information_gain",
    "expected_information_gain",
    "from_original",
    "learn_from_history",
    "mixture_log_weights",
    "pool_features",
    "realised_information_gain",
    "restrict_space",
    "sample_architectures",
    "sampling_divergence",
    "sampling_moments",
    "to_original",
    "truncate_sampling",
    "uniform_sampling",
    "update_sampling_distribution",
]
