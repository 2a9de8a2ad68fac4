"""What scores an architecture: networks, a Bayesian linear head, a Gaussian process."""

from nmjax.predictors.gp import GaussianProcess, GPState, gaussian_process
from nmjax.predictors.kernel import (
    KernelParams,
    default_kernel,
    kernel_noise,
    log_marginal_likelihood,
    matern,
    nystrom_features,
)
from nmjax.predictors.linear import BayesianLinear, LinearPrior, LinearState, bayesian_linear
from nmjax.predictors.networks import Network, make_network
from nmjax.predictors.normalise import get_warp, normal_scores, standardise
from nmjax.predictors.pooled import (
    PoolState,
    init_pool,
    observe_pool,
    pool_weights,
    predict_evaluation,
    predict_pool,
    sample_pool,
    scale,
)

__all__ = [
    "BayesianLinear",
    "GPState",
    "GaussianProcess",
    "KernelParams",
    "LinearPrior",
    "LinearState",
    "Network",
    "PoolState",
    "bayesian_linear",
    "default_kernel",
    "gaussian_process",
    "get_warp",
    "init_pool",
    "kernel_noise",
    "log_marginal_likelihood",
    "make_network",
    "matern",
    "normal_scores",
    "nystrom_features",
    "observe_pool",
    "pool_weights",
    "predict_evaluation",
    "predict_pool",
    "sample_pool",
    "scale",
    "standardise",
]
