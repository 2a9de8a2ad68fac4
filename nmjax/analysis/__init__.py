"""Analysis of search results: convergence, comparisons and costs; plots are in `analysis.plots`."""

from nmjax.analysis.comparison import (
    Friedman,
    average_ranks,
    cluster_tasks,
    critical_difference,
    differ_by_mean,
    friedman,
    indistinct_groups,
)
from nmjax.analysis.convergence import (
    PoolSummary,
    evaluations_to_reach,
    format_evaluations,
    incumbent,
    incumbent_position,
    normalized_regret,
    pool_quantile,
    pool_rank,
    pool_summary,
)
from nmjax.analysis.cost import count_flops
from nmjax.analysis.speed_up import (
    EvaluationsToReach,
    NotWorse,
    evaluations_to_reach_interval,
    not_worse,
    speed_up_interval,
)

__all__ = [
    "EvaluationsToReach",
    "Friedman",
    "NotWorse",
    "PoolSummary",
    "average_ranks",
    "cluster_tasks",
    "count_flops",
    "critical_difference",
    "differ_by_mean",
    "evaluations_to_reach",
    "evaluations_to_reach_interval",
    "format_evaluations",
    "friedman",
    "incumbent",
    "incumbent_position",
    "indistinct_groups",
    "normalized_regret",
    "not_worse",
    "pool_quantile",
    "pool_rank",
    "pool_summary",
    "speed_up_interval",
]
