"""Small numerics for every room: densities, divergences, ranks, calibration, intervals, draws."""

from nmjax.stats.binomial import clopper_pearson
from nmjax.stats.bootstrap import bootstrap_interval, mean_interval, paired_bootstrap
from nmjax.stats.calibration import calibration_error, interval_coverage
from nmjax.stats.draws import normals
from nmjax.stats.gaussian import (
    from_covariance,
    gaussian_log_prob,
    mixture_moments,
    multivariate_gaussian_log_prob,
    positive_root,
    student_t_cdf,
    student_t_log_prob,
    to_covariance,
    to_multivariate,
)
from nmjax.stats.interval import Interval, central_range, check_level, draws_interval
from nmjax.stats.kl import kullback_leibler_divergence
from nmjax.stats.ranking import kendall, rank, spearman
from nmjax.stats.tfp import import_tfp
from nmjax.stats.transport import wasserstein
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
    "to_multivariate",
    "truncated_moments",
    "wasserstein",
]
