"""What carries over from one task to the next."""

from nmjax.knowledge.features import PoolFeatures, pool_features
from nmjax.knowledge.information import (
    compute_information_gain,
    expected_information_gain,
    realised_information_gain,
)
from nmjax.knowledge.learn import LearnConfig, LearnInfo, learn_from_history
from nmjax.knowledge.mixture import mixture_log_weights
from nmjax.knowledge.rgpe import rgpe_weights, sample_left_out, sample_sources
from nmjax.knowledge.similarity import (
    Similarity,
    compute_task_similarity,
    distribution_similarity,
    evidence_similarity,
    rank_similarity,
    rgpe_similarity,
    single_source_priors,
)
from nmjax.knowledge.state import FeatureParams, MetaKnowledge
from nmjax.knowledge.transfer import adapt_prior, transfer_knowledge

__all__ = [
    "FeatureParams",
    "LearnConfig",
    "LearnInfo",
    "MetaKnowledge",
    "PoolFeatures",
    "Similarity",
    "adapt_prior",
    "compute_information_gain",
    "compute_task_similarity",
    "distribution_similarity",
    "evidence_similarity",
    "expected_information_gain",
    "learn_from_history",
    "mixture_log_weights",
    "pool_features",
    "rank_similarity",
    "realised_information_gain",
    "rgpe_similarity",
    "rgpe_weights",
    "sample_left_out",
    "sample_sources",
    "single_source_priors",
    "transfer_knowledge",
]
