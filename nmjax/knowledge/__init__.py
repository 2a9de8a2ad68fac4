"""What carries over from one task to the next."""

from nmjax.knowledge.features import PoolFeatures, pool_features
from nmjax.knowledge.information import (
    compute_information_gain,
    expected_information_gain,
    realised_information_gain,
)
from nmjax.knowledge.learn import LearnConfig, LearnInfo, learn_from_history
from nmjax.knowledge.mixture import mixture_log_weights
from nmjax.knowledge.state import FeatureParams, MetaKnowledge

__all__ = [
    "FeatureParams",
    "LearnConfig",
    "LearnInfo",
    "MetaKnowledge",
    "PoolFeatures",
    "compute_information_gain",
    "expected_information_gain",
    "learn_from_history",
    "mixture_log_weights",
    "pool_features",
    "realised_information_gain",
]
