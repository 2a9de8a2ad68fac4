"""Patterns in past searches: motifs, sensitivities, landscapes and trade-offs."""

from nmjax.patterns.enrichment import (
    Enrichment,
    Replication,
    false_discovery_rate,
    is_best,
    motif_enrichment,
    replicate,
)
from nmjax.patterns.indices import Sensitivity, sensitivity_agreement
from nmjax.patterns.landscape import (
    Neighborhood,
    climb,
    neighbor_rows,
    neighborhood,
    repeatability,
    robust_score,
)
from nmjax.patterns.motif_table import MotifTable, motif_table
from nmjax.patterns.motifs import find_motifs, motif_names
from nmjax.patterns.past_patterns import Patterns, Tradeoff, find_patterns, leading_motifs
from nmjax.patterns.predicted import predicted_sobol_indices
from nmjax.patterns.sensitivity import sampled_sobol_indices, sobol_indices
from nmjax.patterns.tradeoffs import hypervolume, hypervolume_contribution, pareto_front

__all__ = [
    "Enrichment",
    "MotifTable",
    "Neighborhood",
    "Patterns",
    "Replication",
    "Sensitivity",
    "Tradeoff",
    "climb",
    "false_discovery_rate",
    "find_motifs",
    "find_patterns",
    "hypervolume",
    "hypervolume_contribution",
    "is_best",
    "leading_motifs",
    "motif_enrichment",
    "motif_names",
    "motif_table",
    "neighbor_rows",
    "neighborhood",
    "pareto_front",
    "predicted_sobol_indices",
    "repeatability",
    "replicate",
    "robust_score",
    "sampled_sobol_indices",
    "sensitivity_agreement",
    "sobol_indices",
]
