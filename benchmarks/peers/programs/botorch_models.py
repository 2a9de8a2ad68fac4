"""Models of BoTorch's searches; needs BoTorch, and only its peer imports it.

A search takes the row of the pool with the highest acquisition value. Everything is float64.
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
    """Option indices [N, C], and a process by whether categorical ones are the same.

    Ordinal ones are on [0, 1]. A model is made of features [..., n, D] and scores [..., n].
    """
    categorical = [i for i, choice in enumerate(pool.choices) if choice.kind == "categorical"]
    highest = [1 if i in categorical else len(c.options) - 1 for i, c in enumerate(pool.choices)]

    def make(x: Tensor, y: Tensor) -> SingleTaskGP:
        if categorical:
            return MixedSingleTaskGP(x, y[..., None], cat_dims=categorical)
        return SingleTaskGP(x, y[..., None])

    return torch.tensor(pool.architectures).double() / torch.tensor(highest), make


def encoding(pool: Pool) -> tuple[Tensor, MakeModel]:
    """Encodings on [0, 1] but for what is the same in all [N, D], and a process by Matern-5/2."""
    x = pool.encoding[:, np.ptp(pool.encoding, axis=0) > 0]

    def make(x: Tensor, y: Tensor) -> SingleTaskGP:
        kernel = get_covar_module_with_dim_scaled_prior(
            ard_num_dims=x.shape[-1], batch_shape=x.shape[:-2], use_rbf_kernel=False
        )
        return SingleTaskGP(x, y[..., None], covar_module=kernel)

    return torch.tensor((x - x.min(axis=0)) / np.ptp(x, axis=0)).double(), make


def by_one(x: Tensor, make: MakeModel, **limits: int) -> Acquire:
    """Improvement on the best score by one process.

    Args:
      x: features of the pool.
      make: a process over them.
      limits: on a fit, options of `scipy.optimize.minimize`.

    Returns:
      (rows int64[n], scores [n]) to the acquisition and what it takes of each row of the pool.
    """

    def acquire(rows: Tensor, y: Tensor) -> tuple[LogExpectedImprovement, Tensor]:
        return LogExpectedImprovement(_fitted(make(x[rows], y), **limits), y.max()), x

    return acquire


def by_ensemble(x: Tensor, make: MakeModel, past: Sequence[Source], *, samples: int) -> Acquire:
    """Improvement on the highest mean at evaluated rows by an ensemble; returns as `by_one`."""
    ensemble = Ensemble(x, make, past, samples=samples)
    every = torch.arange(len(x)).double()[:, None]

    def acquire(rows: Tensor, y: Tensor) -> tuple[LogExpectedImprovement, Tensor]:
        ensemble.weigh(rows, y)
        with torch.no_grad():
            best = ensemble.posterior(every[rows]).mean.max()
        return LogExpectedImprovement(ensemble, best), every

    return acquire


def suggest(acquire: Acquire, scores: Mapping[int, float], rest: np.ndarray) -> int:
    """The row among `rest` int[R] with the highest acquisition value, given {row: score}."""
    rows, y = torch.tensor(list(scores)), torch.tensor(list(scores.values())).double()
    acquisition, every = acquire(rows, y)
    choices = every[torch.as_tensor(rest)]
    found, _ = optimize_acqf_discrete(acquisition, q=1, choices=choices)
    return int(rest[(choices == found).all(dim=-1).nonzero()[0, 0]])


class Ensemble(Model):
    """Processes weighted by how they rank the target's scores (Feurer, Letham and Bakshy, 2018).

    Those of the past are fitted once; `weigh` fits the target's own. Posteriors are of rows of the
    pool, [..., 1], each by itself.

    Args:
      x: [N, D], features of the pool.
      make: a process over features.
      past: evaluations of other tasks; failed ones are left out, scores standardized.
      samples: R, posterior draws that weights are made of.
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
        """Fit the target's own process to its scores so far, and find the weights of all.

        A draw goes to the process that misranks the fewest pairs, to the target's own in a tie.
        Sources whose median of misranked pairs is over the target's 95% quantile are dropped.
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
    """[R, ..., n], joint over features [n, D]."""
    return SobolQMCNormalSampler(torch.Size([samples]))(model.posterior(x)).squeeze(-1)


def _misranked(one: Tensor, other: Tensor, truth: Tensor) -> Tensor:
    """[R], pairs [R, n, n] whose order is not the true one."""
    return ((one < other) ^ truth).sum((-2, -1)).double()


def _leave_each_out(model: SingleTaskGP, make: MakeModel, x: Tensor, y: Tensor) -> SingleTaskGP:
    """A batch of n processes, each without one evaluation, with the parameters of `model`."""
    others = ~torch.eye(len(x), dtype=torch.bool)
    batch = make(
        torch.stack([x[kept] for kept in others]), torch.stack([y[kept] for kept in others])
    )
    for one, shared in zip(batch.parameters(), model.parameters(), strict=True):
        one.data = shared.data.expand_as(one).clone()
    return batch.eval()
