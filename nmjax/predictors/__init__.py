"""Models that predict scores: networks, a Bayesian linear head and Gaussian processes."""

from nmjax.predictors.feasibility import (
    FailureModel,
    FailureRates,
    condition_failure_rates,
    flat_component,
    flat_failure_rates,
    initial_failure_model,
    log_success_probability,
)
from nmjax.predictors.gp import GaussianProcess, GPState, gaussian_process
from nmjax.predictors.kernel import (
    KernelParams,
    default_kernel,
    kernel_covariance,
    kernel_noise,
    kernel_position,
    kernel_variance,
    log_marginal_likelihood,
    matern,
    noisy_covariance,
    noisy_factor,
    spectral_features,
    unit_matern,
)
from nmjax.predictors.learning_curves import (
    CurvePredictor,
    fit_curves,
    naive_curves,
    predict_final,
)
from nmjax.predictors.linear import (
    BayesianLinear,
    LinearPrior,
    LinearState,
    bayesian_linear,
    update_many,
)
from nmjax.predictors.networks import Network
from nmjax.predictors.normal_density import (
    inverse_factor,
    log_normal_density,
    quadratic_and_log_determinant,
)
from nmjax.predictors.outcome_transforms import (
    get_outcome_transform,
    log_lower_tail,
    normal_scores,
    standardize,
)
from nmjax.predictors.pool import (
    Pool,
    PoolPrior,
    PoolState,
    condition_pool,
    init_pool,
    observe_pool,
)
from nmjax.predictors.pool_extension import extend_pool, replace_in_pool
from nmjax.predictors.pool_prediction import (
    newest_log_density,
    pool_covariance,
    pool_information_gain,
    predict_evaluation,
    predict_pool,
    variance_scale,
)
from nmjax.predictors.pool_sampling import sample_pool_posterior, sample_pool_prior
from nmjax.predictors.streaming_ridge import Moments, init_moments, ridge_weights, update_moments

__all__ = [
    "BayesianLinear",
    "CurvePredictor",
    "FailureModel",
    "FailureRates",
    "GPState",
    "GaussianProcess",
    "KernelParams",
    "LinearPrior",
    "LinearState",
    "Moments",
    "Network",
    "Pool",
    "PoolPrior",
    "PoolState",
    "bayesian_linear",
    "condition_failure_rates",
    "condition_pool",
    "default_kernel",
    "extend_pool",
    "fit_curves",
    "flat_component",
    "flat_failure_rates",
    "gaussian_process",
    "get_outcome_transform",
    "init_moments",
    "init_pool",
    "initial_failure_model",
    "inverse_factor",
    "kernel_covariance",
    "kernel_noise",
    "kernel_position",
    "kernel_variance",
    "log_lower_tail",
    "log_marginal_likelihood",
    "log_normal_density",
    "log_success_probability",
    "matern",
    "naive_curves",
    "newest_log_density",
    "noisy_covariance",
    "noisy_factor",
    "normal_scores",
    "observe_pool",
    "pool_covariance",
    "pool_information_gain",
    "predict_evaluation",
    "predict_final",
    "predict_pool",
    "replace_in_pool",
    "ridge_weights",
    "quadratic_and_log_determinant",
    "sample_pool_posterior",
    "sample_pool_prior",
    "spectral_features",
    "standardize",
    "unit_matern",
    "update_many",
    "update_moments",
    "variance_scale",
]
