"""Models of the BoTorch peers.

A search evaluates the row of the pool with the highest acquisition value. All numbers are float64.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import MixedSingleTaskGP, SingleTaskGP
from botorch.models.model import Model
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from botorch.optim import optimize_acqf_discrete
from botorch.posteriors import GPyTorchPosterior, Posterior
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.distributions import MultivariateNormal
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from benchmarks.peers.searches import Pool, Source

MakeModel = Callable[[Tensor, Tensor], SingleTaskGP]
Acquire = Callable[[Tensor, Tensor], tuple[LogExpectedImprovement, Tensor]]


def options(pool: Pool) -> tuple[Tensor, MakeModel]:
    """Features [N, C] of the choices, and a Gaussian process with a categorical kernel.

    Ordinal choices are scaled to [0, 1]. A model is made from features [..., n, D] and scores
    [..., n].
    """
    categorical = [i for i, choice in enumerate(pool.choices) if choice.kind == "categorical"]
    highest = [1 if i in categorical else len(c.options) - 1 for i, c in enumerate(pool.choices)]

    def make(x: Tensor, y: Tensor) -> SingleTaskGP:
        if categorical:
            return MixedSingleTaskGP(x, y[..., None], cat_dims=categorical)
        return SingleTaskGP(x, y[..., None])

    return torch.tensor(pool.architectures).double() / torch.tensor(highest), make


def encoding(pool: Pool) -> tuple[Tensor, MakeModel]:
    """Encodings [N, D] scaled to [0, 1] without constant columns, and a Matern-5/2 process."""
    x = pool.encoding[:, np.ptp(pool.encoding, axis=0) > 0]

    def make(x: Tensor, y: Tensor) -> SingleTaskGP:
        kernel = get_covar_module_with_dim_scaled_prior(
            ard_num_dims=x.shape[-1], batch_shape=x.shape[:-2], use_rbf_kernel=False
        )
        return SingleTaskGP(x, y[..., None], covar_module=kernel)

    return torch.tensor((x - x.min(axis=0)) / np.ptp(x, axis=0)).double(), make


def by_one(x: Tensor, make: MakeModel, **limits: int) -> Acquire:
    """Expected improvement on the best score under one Gaussian process.

    Args:
      x: features of the pool.
      make: constructor of the process.
      limits: options of `scipy.optimize.minimize` for a fit.

    Returns:
      Function of rows int64[n] and scores [n] that returns the acquisition and its input for each
      row of the pool.
    """

    def acquire(rows: Tensor, y: Tensor) -> tuple[LogExpectedImprovement, Tensor]:
        return LogExpectedImprovement(_fitted(make(x[rows], y), **limits), y.max()), x

    return acquire


def by_ensemble(x: Tensor, make: MakeModel, past: Sequence[Source], *, samples: int) -> Acquire:
    """Expected improvement on the highest mean at evaluated rows under an ensemble, as `by_one`."""
    ensemble = Ensemble(x, make, past, samples=samples)
    every = torch.arange(len(x)).double()[:, None]

    def acquire(rows: Tensor, y: Tensor) -> tuple[LogExpectedImprovement, Tensor]:
        ensemble.weigh(rows, y)
        with torch.no_grad():
            best = ensemble.posterior(every[rows]).mean.max()
        return LogExpectedImprovement(ensemble, best), every

    return acquire


def suggest(acquire: Acquire, scores: Mapping[int, float], rest: np.ndarray) -> int:
    """Row among `rest` int[R] with the highest acquisition value, given {row: score}."""
    rows, y = torch.tensor(list(scores)), torch.tensor(list(scores.values())).double()
    acquisition, every = acquire(rows, y)
    choices = every[torch.as_tensor(rest)]
    found, _ = optimize_acqf_discrete(acquisition, q=1, choices=choices)
    return int(rest[(choices == found).all(dim=-1).nonzero()[0, 0]])


class Ensemble(Model):
    """Ranking-weighted ensemble of Gaussian processes (Feurer, Letham and Bakshy, 2018).

    Processes of past tasks are fitted once; `weigh` fits that of the target. Posteriors are
    marginals of rows [..., 1] of the pool.

    Args:
      x: [N, D], features of the pool.
      make: constructor of a process over features.
      past: evaluations of other tasks; failures are omitted and scores standardized.
      samples: number of posterior draws for the weights, R.
    """

    num_outputs = 1

    def __init__(self, x: Tensor, make: MakeModel, past: Sequence[Source], *, samples: int):
        super().__init__()
        self.x, self.make, self.samples = x, make, samples
        self.sources = []
        for source in past:
            known = np.isfinite(source.scores)
            y = _standardized(torch.tensor(source.scores[known]).double())
            self.sources.append(_fitted(make(x[torch.tensor(source.rows[known])], y)))
        with torch.no_grad():
            posteriors = [_marginals(model, x) for model in self.sources]
        self.mean, self.variance = (torch.stack(part) for part in zip(*posteriors, strict=True))

    def weigh(self, rows: Tensor, y: Tensor) -> None:
        """Fit the process of the target to its scores so far, and compute the weights.

        A draw counts for the process that misranks the fewest pairs, for the target in a tie.
        A source whose median number of misranked pairs exceeds the 95% quantile of the target is
        dropped.
        """
        x, y = self.x[rows], _standardized(y)
        self.own = _fitted(self.make(x, y))
        with torch.no_grad():
            sources = [_draws(model, x, self.samples) for model in self.sources]
            left_out = _draws(_leave_each_out(self.own, self.make, x, y), x, self.samples)
        truth = y[:, None] < y
        at_left_out = left_out.diagonal(dim1=-2, dim2=-1)
        losses = torch.stack(
            [
                _misranked(at_left_out[..., None], left_out, truth),
                *(_misranked(draws[..., None], draws[:, None], truth) for draws in sources),
            ]
        )
        dropped = losses[1:].median(dim=1).values > losses[0].quantile(0.95)
        losses[1:][dropped] = torch.inf
        self.weights = losses.argmin(dim=0).bincount(minlength=len(losses)).double() / self.samples

    def posterior(self, X: Tensor, posterior_transform: None = None) -> Posterior:  # noqa: ARG002
        """The normal marginals [..., 1] of rows [..., 1], in the target's standardized scores."""
        rows = X[..., 0].long()
        own = (part.reshape(1, *rows.shape) for part in _marginals(self.own, self.x[rows.ravel()]))
        mean, variance = (
            torch.cat([mine, theirs[:, rows]])
            for mine, theirs in zip(own, (self.mean, self.variance), strict=True)
        )
        return GPyTorchPosterior(
            MultivariateNormal(
                torch.tensordot(self.weights, mean, 1),
                DiagLinearOperator(torch.tensordot(self.weights**2, variance, 1)),
            )
        )


def _standardized(y: Tensor) -> Tensor:
    return (y - y.mean()) / y.std().clamp_min(1e-8)


def _fitted(model: SingleTaskGP, **limits: int) -> SingleTaskGP:
    likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
    fit_gpytorch_mll(likelihood, optimizer_kwargs={"options": limits})
    return model


def _marginals(model: SingleTaskGP, x: Tensor) -> tuple[Tensor, Tensor]:
    """Means and variances [n] of features [n, D]."""
    posterior = model.posterior(x[:, None])
    return posterior.mean[:, 0, 0], posterior.variance[:, 0, 0]


def _draws(model: SingleTaskGP, x: Tensor, samples: int) -> Tensor:
    """Joint posterior draws [R, ..., n] at features [n, D]."""
    return SobolQMCNormalSampler(torch.Size([samples]))(model.posterior(x)).squeeze(-1)


def _misranked(one: Tensor, other: Tensor, truth: Tensor) -> Tensor:
    """Number [R] of pairs [R, n, n] in the wrong order."""
    return ((one < other) ^ truth).sum((-2, -1)).double()


def _leave_each_out(model: SingleTaskGP, make: MakeModel, x: Tensor, y: Tensor) -> SingleTaskGP:
    """Batch of n processes, each without one evaluation, with the parameters of `model`."""
    others = ~torch.eye(len(x), dtype=torch.bool)
    batch = make(
        torch.stack([x[kept] for kept in others]), torch.stack([y[kept] for kept in others])
    )
    for one, shared in zip(batch.parameters(), model.parameters(), strict=True):
        one.data = shared.data.expand_as(one).clone()
    return batch.eval()
