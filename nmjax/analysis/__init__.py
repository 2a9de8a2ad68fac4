"""What a trace says: convergence here, pictures in `nmjax.analysis.plots`."""

from nmjax.analysis.clusters import cluster_tasks
from nmjax.analysis.convergence import (
    EvaluationsToReach,
    NotWorse,
    PoolSummary,
    evaluations_to_reach,
    evaluations_to_reach_interval,
    format_evaluations,
    incumbent,
    incumbent_position,
    normalized_regret,
    not_worse,
    pool_quantile,
    pool_rank,
    pool_summary,
    speed_up_interval,
)
from nmjax.analysis.cost import count_flops
from nmjax.analysis.rank_tests import (
    Friedman,
    average_ranks,
    critical_difference,
    differ_by_mean,
    friedman,
    indistinct_groups,
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
