"""Knowledge of past tasks: learn it, compare tasks, and transfer it to new ones."""

from nmjax.knowledge.component_weights import (
    mixture_log_weights,
    transfer_weight,
    weight_sources,
    without_network,
)
from nmjax.knowledge.config import LearnConfig, config_for
from nmjax.knowledge.default import default_knowledge
from nmjax.knowledge.failures import flat_failures
from nmjax.knowledge.features import PoolFeatures, pool_features, source_scores
from nmjax.knowledge.information_gain import (
    compute_information_gain,
    expected_information_gain,
    realized_information_gain,
)
from nmjax.knowledge.learn_info import LearnInfo
from nmjax.knowledge.learning import learn, learn_from_history
from nmjax.knowledge.similarity.context import context_similarity, source_correlations
from nmjax.knowledge.similarity.embedding import embedding_similarity, task_embedding
from nmjax.knowledge.similarity.measures import (
    compute_task_similarity,
    distribution_similarity,
    evidence_similarity,
    rank_similarity,
    rgpe_similarity,
    single_source_priors,
)
from nmjax.knowledge.similarity.pairwise import function_similarity, pairwise_similarity
from nmjax.knowledge.similarity.rgpe import rgpe_weights, sample_left_out, sample_sources
from nmjax.knowledge.state import (
    FeatureParams,
    MetaKnowledge,
    flat_prior,
    require_metric,
    require_space,
    source_features,
)
from nmjax.knowledge.transfer.adapted_prior import adapt_prior, transfer_knowledge
from nmjax.knowledge.transfer.adapted_space import (
    AdaptedSpace,
    adapt_space,
    from_original,
    predicted_history,
    to_original,
)
from nmjax.knowledge.transfer.constraint_transfer import adapt_limit
from nmjax.knowledge.transfer.continual import num_sources, update, with_capacity
from nmjax.knowledge.transfer.mapped_history import join_histories, map_history
from nmjax.knowledge.transfer.mapping import (
    NAS_BENCH_201_TO_TRANSNAS101,
    MatchedChoices,
    map_architectures,
    match_choices,
    rename,
)
from nmjax.knowledge.transfer.portfolio import (
    plan_portfolio,
    portfolio_gain,
    portfolio_value,
    select_portfolio,
)
from nmjax.knowledge.transfer.restricted_space import restrict_space
from nmjax.knowledge.transfer.sampling_distribution import (
    SamplingDistribution,
    SamplingMoments,
    sample_architectures,
    sampling_divergence,
    sampling_moments,
    truncate_sampling,
    uniform_sampling,
    update_sampling_distribution,
)
from nmjax.knowledge.transfer.shared_encoding import (
    nearest_architectures,
    shared_encoding,
    shared_names,
)
from nmjax.knowledge.transfer.zero_shot import (
    ContextFit,
    context_weights,
    fit_context,
    zero_shot_prior,
)

__all__ = [
    "flat_failures",
    "NAS_BENCH_201_TO_TRANSNAS101",
    "AdaptedSpace",
    "ContextFit",
    "MatchedChoices",
    "FeatureParams",
    "LearnConfig",
    "LearnInfo",
    "MetaKnowledge",
    "PoolFeatures",
    "SamplingDistribution",
    "SamplingMoments",
    "adapt_limit",
    "adapt_prior",
    "adapt_space",
    "compute_information_gain",
    "compute_task_similarity",
    "config_for",
    "context_similarity",
    "context_weights",
    "match_choices",
    "default_knowledge",
    "distribution_similarity",
    "embedding_similarity",
    "evidence_similarity",
    "expected_information_gain",
    "fit_context",
    "flat_prior",
    "from_original",
    "function_similarity",
    "join_histories",
    "learn",
    "learn_from_history",
    "map_architectures",
    "map_history",
    "mixture_log_weights",
    "nearest_architectures",
    "num_sources",
    "pairwise_similarity",
    "plan_portfolio",
    "pool_features",
    "portfolio_gain",
    "portfolio_value",
    "predicted_history",
    "rank_similarity",
    "realized_information_gain",
    "rename",
    "require_metric",
    "require_space",
    "restrict_space",
    "rgpe_similarity",
    "rgpe_weights",
    "sample_architectures",
    "sample_left_out",
    "sample_sources",
    "sampling_divergence",
    "sampling_moments",
    "shared_encoding",
    "shared_names",
    "select_portfolio",
    "single_source_priors",
    "source_correlations",
    "source_features",
    "source_scores",
    "task_embedding",
    "to_original",
    "transfer_knowledge",
    "transfer_weight",
    "truncate_sampling",
    "uniform_sampling",
    "update",
    "update_sampling_distribution",
    "weight_sources",
    "without_network",
    "with_capacity",
    "zero_shot_prior",
]
