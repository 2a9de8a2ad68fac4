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
    normalised_regret,
    not_worse,
    pool_quantile,
    pool_summary,
)
from nmjax.analysis.cost import count_flops

__all__ = [
    "EvaluationsToReach",
    "NotWorse",
    "PoolSummary",
    "cluster_tasks",
    "count_flops",
    "evaluations_to_reach",
    "evaluations_to_reach_interval",
    "format_evaluations",
    "incumbent",
    "incumbent_position",
    "normalised_regret",
    "not_worse",
    "pool_quantile",
    "pool_summary",
]
