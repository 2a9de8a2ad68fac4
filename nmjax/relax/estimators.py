"""The Protocol of a gradient estimator; exact gradients and pathwise ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.relax.members import Softmax
from nmjax.relax.relaxation import Relaxation
from nmjax.relax.strengths import SoftChoices, Strengths, one_hot, soft_choices
from nmjax.spaces import Space, active_choices, at_options, from_index, is_valid, option_mask
from nmjax.types import Array, PyTree

ENUMERABLE = 100_000
SoftObjective = Callable[[SoftChoices], Array]


class Estimate(NamedTuple):
    """Value and gradient of an expected objective.

    Attributes:
      value: float[], estimate of the expectation.
      gradient: Gradient with respect to the strengths.
      state: The estimator's next state.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import Estimate, Strengths
      >>> Estimate(jnp.zeros(()), Strengths(jnp.zeros((1, 2)), jnp.zeros(0)), ()).state
      ()
    """

    value: Array
    gradient: Strengths
    state: PyTree


class GradientEstimator(Protocol):
    """Estimate of the gradient of an objective's expectation over architectures.

    Choices are independent, and an option's probability is the softmax of its logits (of the
    relaxation's weights, where the estimator has a relaxation). With a validity rule, the
    expectation is over the valid architectures. The gradient points uphill.

    Example:
      >>> from nmjax.relax import Enumeration, GradientEstimator, ScoreFunction
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["conv", "skip"])
      >>> estimators: list[GradientEstimator] = [Enumeration(space), ScoreFunction(space)]
    """

    def init(self, strengths: Strengths) -> PyTree:
        """Return the state before the first estimate, such as a baseline."""

    def value_and_grad(
        self,
        key: Array,
        strengths: Strengths,
        state: PyTree,
        objective: SoftObjective,
        temperature: Array,
    ) -> Estimate:
        """Estimate value and gradient at strengths without leading axes.

        Args:
          key: Random key of the draws.
          strengths: Where to estimate.
          state: State of the estimator.
          objective: Function from soft or hard choices to a value float[]. Its gradient is used by
            estimators that evaluate it at soft choices, and for real-valued choices.
          temperature: float[], temperature of soft choices.
        """


@dataclass(frozen=True)
class Pathwise:
    """Mean gradient through a relaxation's draws; biased unless the objective is multilinear.

    Attributes:
      relaxation: Relaxation that draws the choices, such as `GumbelSoftmax`.
      draws: Number of draws.

    Raises:
      NmjaxError: `draws` is not positive.

    Example:
      >>> import jax
      >>> from nmjax.relax import GumbelSoftmax, Pathwise
      >>> from nmjax.spaces import Space
      >>> estimator = Pathwise(GumbelSoftmax(Space(op=["conv", "skip"])), draws=4)
      >>> strengths = estimator.relaxation.init(jax.random.key(0))
      >>> estimate = estimator.value_and_grad(
      ...     jax.random.key(1), strengths, (), lambda soft: soft.weights[0, 1], 0.5)
      >>> bool(estimate.gradient.logits[0, 1] > 0)
      True
    """

    relaxation: Relaxation
    draws: int = 1

    def __post_init__(self) -> None:
        check_draws(self.draws)

    def init(self, strengths: Strengths) -> PyTree:
        """Return the empty state."""
        del strengths
        return ()

    def value_and_grad(
        self,
        key: Array,
        strengths: Strengths,
        state: PyTree,
        objective: SoftObjective,
        temperature: Array,
    ) -> Estimate:
        """Estimate value and gradient; see `GradientEstimator`."""

        def value(strengths: Strengths) -> Array:
            def draw(key: Array) -> Array:
                return objective(self.relaxation.sample(key, strengths, temperature))

            return jnp.mean(jax.vmap(draw)(jax.random.split(key, self.draws)))

        return Estimate(*jax.value_and_grad(value)(strengths), state)


@dataclass(frozen=True)
class Enumeration:
    """Exact value and gradient, by evaluating all architectures of a small space.

    Attributes:
      space: Space of at most 100,000 combinations of options.
      relaxation: Relaxation whose weights are the probabilities; None is the softmax. Weights that
        do not sum to 1 are normalized.

    Raises:
      NmjaxError: The space is too large.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.relax import Enumeration, Strengths
      >>> from nmjax.spaces import Space
      >>> strengths = Strengths(jnp.zeros((1, 2)), jnp.zeros(0))
      >>> estimate = Enumeration(Space(op=["conv", "skip"])).value_and_grad(
      ...     jax.random.key(0), strengths, (), lambda soft: soft.weights[0, 1], 1.0)
      >>> float(estimate.value), estimate.gradient.logits.tolist()
      (0.5, [[-0.25, 0.25]])
    """

    space: Space
    relaxation: Relaxation | None = None

    def __post_init__(self) -> None:
        if self.space.size > ENUMERABLE:
            raise NmjaxError(
                f"Space {self.space.name!r} has {self.space.size:,} combinations; exact gradients "
                f"need at most {ENUMERABLE:,}. Use ScoreFunction instead."
            )

    def init(self, strengths: Strengths) -> PyTree:
        """Return the empty state."""
        del strengths
        return ()

    def value_and_grad(
        self,
        key: Array,
        strengths: Strengths,
        state: PyTree,
        objective: SoftObjective,
        temperature: Array,
    ) -> Estimate:
        """Return the exact value and gradient; key and temperature are not used."""
        del key, temperature
        space = self.space
        relaxation = Softmax(space) if self.relaxation is None else self.relaxation
        every = jnp.asarray(_valid_architectures(space))

        def value(strengths: Strengths) -> Array:
            weights = relaxation.weights(strengths)
            weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
            probability = jnp.prod(at_options(weights, every), axis=-1)
            at = partial(objective_at, space, objective, strengths)
            return jnp.sum(probability * jax.vmap(at)(every)) / jnp.sum(probability)

        return Estimate(*jax.value_and_grad(value)(strengths), state)


def objective_at(
    space: Space, objective: SoftObjective, strengths: Strengths, architecture: Array
) -> Array:
    """Objective float[] at an architecture int32[C] and the strengths' real values."""
    return objective(soft_choices(space, one_hot(space, architecture), strengths.position))


def log_options(space: Space, logits: Array) -> Array:
    """Log-probabilities float[C, O] of options, 0 for those that do not exist."""
    exists = jnp.broadcast_to(option_mask(space), logits.shape)
    logits = jnp.where(exists, logits, 0.0)
    normalizer = jax.nn.logsumexp(logits, axis=-1, where=exists, keepdims=True)
    return jnp.where(exists, logits - normalizer, 0.0)


def log_probability(space: Space, log_weights: Array, architecture: Array) -> Array:
    """Log-probability float[] of the active choices of an architecture int32[C]."""
    each = at_options(log_weights, architecture)
    return jnp.sum(jnp.where(active_choices(space, architecture), each, 0.0))


def check_draws(draws: int, least: int = 1) -> None:
    """Raise an NmjaxError if there are too few draws."""
    if draws < least:
        raise NmjaxError(f"Got draws={draws}; give {least} or more.")


@lru_cache
def _valid_architectures(space: Space) -> np.ndarray:
    """All valid architectures int32[N, C], those that are equivalent one by one."""
    with jax.ensure_compile_time_eval():
        every = from_index(space, jnp.arange(space.size, dtype=jnp.int32))
        valid: np.ndarray = np.asarray(every)[np.asarray(is_valid(space, every))]
        return valid
