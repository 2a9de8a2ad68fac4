"""The shared types: pytrees that travel between rooms, and the Protocols of each family.

Shapes use these letters throughout nmjax: `T` tasks, `M` evaluations of a task, `N` architectures
of a pool, `C` discrete choices, `O` the largest number of options of a choice, `R` real-valued
choices, `D` length of an encoding, `F` length of a feature vector, `K` components or context.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import jax

Array = jax.Array
PyTree = Any


class Gaussian(NamedTuple):
    """Independent normal marginals.

    Attributes:
      mean: float[..., N].
      std: float[..., N], positive.
    """

    mean: Array
    std: Array


class MultivariateGaussian(NamedTuple):
    """A joint normal distribution.

    Attributes:
      mean: float[..., N].
      scale_tril: float[..., N, N], the lower Cholesky factor of the covariance.
    """

    mean: Array
    scale_tril: Array


class TruncatedGaussian(NamedTuple):
    """Independent normal marginals restricted to an interval.

    Attributes:
      mean: float[..., N], of the normal before truncation.
      std: float[..., N], of the normal before truncation.
      low: float[..., N], the lower bound of the support.
      high: float[..., N], the upper bound of the support.
    """

    mean: Array
    std: Array
    low: Array
    high: Array


class Categorical(NamedTuple):
    """A distribution over options.

    Attributes:
      logits: float[..., O], unnormalized log-probabilities; -inf bars an option.
    """

    logits: Array


class Dirichlet(NamedTuple):
    """A distribution over probability vectors.

    Attributes:
      concentration: float[..., O], positive.
    """

    concentration: Array


class Mixture(NamedTuple):
    """A mixture of K distributions of one kind.

    Attributes:
      log_weights: float[K], normalized log-probabilities.
      components: a distribution whose leaves have a leading axis of length K.
    """

    log_weights: Array
    components: Gaussian


class History(NamedTuple):
    """Past evaluations, padded to one length for all tasks.

    Attributes:
      architecture: int32[T, M, C], an option index for each discrete choice.
      continuous: float32[T, M, R], real-valued choices.
      metrics: {name: float32[T, M]}; NaN is a failed evaluation.
      context: float32[T, K], what is known of a task before any evaluation.
      mask: bool[T, M], False where a row is padding.
    """

    architecture: Array
    continuous: Array
    metrics: Mapping[str, Array]
    context: Array
    mask: Array


@dataclass(frozen=True)
class Metric:
    """What a raw measured number means.

    Attributes:
      name: as in the data, for instance "valid_perf".
      unit: for instance "accuracy", "s", "MB".
      direction: which way is better.
      transform: how a raw value becomes a score: "identity"; "log" (for positive values over
        orders of magnitude); "log_error" (-log(1 - value), for accuracies in [0, 1]).
    """

    name: str
    unit: str
    direction: Literal["max", "min"] = "max"
    transform: Literal["identity", "log", "log_error"] = "identity"


class Surrogate(Protocol):
    """A probabilistic model of scores, updated one observation at a time."""

    def init(self, hyper: PyTree) -> PyTree:
        """The state before any observation."""

    def update(self, state: PyTree, x: Array, y: Array) -> PyTree:
        """Condition on one observation: x float[F], y float[]."""

    def predict(self, state: PyTree, pool: Array) -> Gaussian:
        """Marginals of the noise-free score at pool float[N, F]."""

    def sample(self, key: Array, state: PyTree, pool: Array) -> Array:
        """One joint draw of the function, float[N], at pool float[N, F]."""

    def covariance(self, state: PyTree, a: Array, b: Array) -> Array:
        """Posterior covariance float[A, B] of the function between a float[A, F], b float[B, F]."""

    def log_evidence(self, state: PyTree) -> Array:
        """Log marginal likelihood float[] of all observations so far."""


class Acquisition(Protocol):
    """How much an evaluation is worth, for every architecture of the pool."""

    def __call__(self, key: Array, posterior: Mixture, context: PyTree) -> Array:
        """float[N]; the largest is evaluated next."""


class SearchPair(Protocol):
    """A search as a state transition: an (init, step) pair, hashed as compiled programs need it."""

    def init(self, key: Array, problem: PyTree, hyper: PyTree) -> PyTree:
        """The state before the first evaluation."""

    def step(self, state: PyTree, problem: PyTree, hyper: PyTree) -> tuple[PyTree, PyTree]:
        """One evaluation: (state, info)."""

    def __hash__(self) -> int:
        """The same for the same search."""


ApplyFn = Callable[[PyTree, Array], Array]
