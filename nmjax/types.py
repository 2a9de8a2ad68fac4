"""Shared types: pytrees that several packages exchange, and the Protocol of each family.

Shapes use these letters throughout nmjax: `T` tasks, `M` evaluations of a task, `N` architectures
of a pool, `C` discrete choices, `O` the largest number of options of a choice, `R` real-valued
choices, `D` length of an encoding, `F` length of a feature vector, `K` components or context.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

import jax

from nmjax.errors import NmjaxError, unknown_name

Array = jax.Array
PyTree = Any


class Gaussian(NamedTuple):
    """Independent normal marginals.

    Attributes:
      mean: float[..., N].
      std: float[..., N], positive.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.types import Gaussian
      >>> Gaussian(jnp.zeros(3), jnp.ones(3)).mean.shape
      (3,)
    """

    mean: Array
    std: Array


class MultivariateGaussian(NamedTuple):
    """Joint normal distribution.

    Attributes:
      mean: float[..., N].
      scale_tril: float[..., N, N], the lower Cholesky factor of the covariance.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.types import MultivariateGaussian
      >>> MultivariateGaussian(jnp.zeros(3), jnp.eye(3)).scale_tril.shape
      (3, 3)
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

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.types import TruncatedGaussian
      >>> half_normal = TruncatedGaussian(*jnp.array([[0.0], [1.0], [0.0], [jnp.inf]]))
      >>> half_normal.low
      Array([0.], dtype=float32)
    """

    mean: Array
    std: Array
    low: Array
    high: Array


class Categorical(NamedTuple):
    """Distribution over options.

    Attributes:
      logits: float[..., O], unnormalized log-probabilities; -inf excludes an option.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.types import Categorical
      >>> jax.nn.softmax(Categorical(jnp.array([0.0, 0.0, -jnp.inf])).logits)
      Array([0.5, 0.5, 0. ], dtype=float32)
    """

    logits: Array


class Dirichlet(NamedTuple):
    """Distribution over probability vectors.

    Attributes:
      concentration: float[..., O], positive.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.types import Dirichlet
      >>> Dirichlet(jnp.ones(3)).concentration.shape
      (3,)
    """

    concentration: Array


class Mixture(NamedTuple):
    """Mixture of K distributions of one kind.

    Attributes:
      log_weights: float[K], normalized log-probabilities.
      components: a distribution whose leaves have a leading axis of length K.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.types import Gaussian, Mixture
      >>> components = Gaussian(jnp.zeros((2, 5)), jnp.ones((2, 5)))
      >>> Mixture(jnp.log(jnp.array([0.3, 0.7])), components).components.mean.shape
      (2, 5)
    """

    log_weights: Array
    components: Gaussian


class History(NamedTuple):
    """Past evaluations, padded to the same number for all tasks.

    Attributes:
      architecture: int32[T, M, C], an option index for each discrete choice.
      continuous: float32[T, M, R], real-valued choices.
      metrics: {name: float32[T, M]}; NaN is a failed evaluation.
      context: float32[T, K], features of each task that are known before any evaluation.
      mask: bool[T, M], False where a row is padding.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.types import History
      >>> scores = {"accuracy": jnp.array([[0.7, 0.9]])}
      >>> rows = jnp.zeros((1, 2, 3), jnp.int32), jnp.zeros((1, 2, 0))
      >>> History(*rows, scores, jnp.zeros((1, 0)), jnp.ones((1, 2), bool)).architecture.shape
      (1, 2, 3)
    """

    architecture: Array
    continuous: Array
    metrics: Mapping[str, Array]
    context: Array
    mask: Array


Direction = Literal["max", "min", "maximize", "minimize", "higher", "lower"]
Transform = Literal["identity", "log", "log_error"]
_DIRECTIONS: Mapping[str, Literal["max", "min"]] = {
    "max": "max",
    "min": "min",
    "maximize": "max",
    "minimize": "min",
    "higher": "max",
    "lower": "min",
}


@dataclass(frozen=True)
class Metric:
    """A measured quantity: its name, its unit, and which way is better.

    Attributes:
      name: Name of the metric in the data, for instance "valid_perf".
      unit: Unit, for instance "accuracy", "s" or "MB"; empty if unknown.
      direction: "max" if higher values are better, "min" if lower ones are. "maximize", "higher",
        "minimize" and "lower" are accepted and stored as "max" and "min".
      transform: Map from raw value to score: "identity"; "log", for positive values that span
        orders of magnitude; or "log_error", -log(1 - value), for accuracies in [0, 1], or in
        [0, 100] if the unit is "percent" or "%".

    Raises:
      NmjaxError: `name` is empty or not a string, `unit` is not a string, or `direction` or
        `transform` is unknown.

    Example:
      >>> from nmjax.types import Metric
      >>> Metric("loss", direction="minimize").direction
      'min'
    """

    name: str
    unit: str = ""
    direction: Direction = "max"
    transform: Transform = "identity"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise NmjaxError(f"Expected a metric's name, got {self.name!r}. Give a string.")
        if not isinstance(self.unit, str):
            raise NmjaxError(
                f"Expected the unit of metric {self.name!r} as a string, got {self.unit!r}."
            )
        if self.direction not in get_args(Direction):
            raise unknown_name("direction", self.direction, get_args(Direction))
        if self.transform not in get_args(Transform):
            raise unknown_name("transform", self.transform, get_args(Transform))
        object.__setattr__(self, "direction", _DIRECTIONS[self.direction])

    @property
    def goal(self) -> str:
        """What a search does with the metric, as in "minimize loss"."""
        return f"{'maximize' if self.direction == 'max' else 'minimize'} {self.name}"


class Surrogate(Protocol):
    """A probabilistic model of scores that is updated one observation at a time.

    `predictors.bayesian_linear` and `predictors.gaussian_process` implement it, and
    `testing.check_surrogate` checks an implementation. States and hyperparameters are pytrees of
    the implementation's own.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.types import Surrogate
      >>> from nmjax.predictors import default_kernel, gaussian_process
      >>> surrogate: Surrogate = gaussian_process(2, capacity=4)
      >>> state = surrogate.init(default_kernel(2))
      >>> state = surrogate.update(state, jnp.zeros(2), jnp.array(1.0))
      >>> surrogate.predict(state, jnp.zeros((3, 2))).mean.shape
      (3,)
    """

    def init(self, hyper: PyTree) -> PyTree:
        """Return the state before any observation."""

    def update(self, state: PyTree, x: Array, y: Array) -> PyTree:
        """Condition on one observation: x float[F], y float[]; a NaN leaves the state unchanged."""

    def predict(self, state: PyTree, pool: Array) -> Gaussian:
        """Marginals of the noise-free score at pool float[N, F]."""

    def sample(self, key: Array, state: PyTree, pool: Array) -> Array:
        """Draw the function once, jointly at all of pool float[N, F]: float[N]."""

    def covariance(self, state: PyTree, a: Array, b: Array) -> Array:
        """Posterior covariance float[A, B] of the function at a float[A, F] and b float[B, F]."""

    def log_evidence(self, state: PyTree) -> Array:
        """Log marginal likelihood float[] of all observations so far."""


class Acquisition(Protocol):
    """The value of evaluating each architecture of a pool.

    `search.acquisitions` has the ready ones, and `testing.check_acquisition` checks an
    implementation.
    """

    def __call__(self, key: Array, posterior: Mixture, context: PyTree) -> Array:
        """Return float[N]; the architecture with the largest value is evaluated next."""


ApplyFn = Callable[[PyTree, Array], Array]


def is_traced(tree: PyTree) -> bool:
    """Return whether a pytree has traced leaves, whose values no check can read.

    Example:
      >>> import jax
      >>> from nmjax.types import is_traced
      >>> is_traced(1.0), bool(jax.jit(is_traced)(1.0))
      (False, True)
    """
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))
