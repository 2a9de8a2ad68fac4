"""Statistics: densities, divergences, ranks, calibration, intervals and TensorFlow Probability."""

from nmjax.stats.binomial import clopper_pearson
from nmjax.stats.bootstrap import bootstrap_interval, mean_interval, paired_bootstrap
from nmjax.stats.calibration import calibration_error, interval_coverage
from nmjax.stats.distributions import from_distribution, import_tfp, to_distribution
from nmjax.stats.divergence import kullback_leibler_divergence, wasserstein
from nmjax.stats.gaussian import (
    from_covariance,
    gaussian_log_prob,
    mixture_moments,
    multivariate_gaussian_log_prob,
    normals,
    positive_root,
    student_t_cdf,
    student_t_log_prob,
    to_covariance,
    to_multivariate,
)
from nmjax.stats.interval import Interval, central_range, check_level, draws_interval
from nmjax.stats.ranking import kendall, rank, spearman
from nmjax.stats.truncated import truncated_moments

__all__ = [
    "Interval",
    "bootstrap_interval",
    "calibration_error",
    "central_range",
    "check_level",
    "clopper_pearson",
    "draws_interval",
    "from_covariance",
    "from_distribution",
    "gaussian_log_prob",
    "import_tfp",
    "interval_coverage",
    "kendall",
    "kullback_leibler_divergence",
    "mean_interval",
    "mixture_moments",
    "multivariate_gaussian_log_prob",
    "normals",
    "paired_bootstrap",
    "positive_root",
    "rank",
    "spearman",
    "student_t_cdf",
    "student_t_log_prob",
    "to_covariance",
    "to_distribution",
    "to_multivariate",
    "truncated_moments",
    "wasserstein",
]
