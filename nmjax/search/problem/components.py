"""Meta-trained components of a problem's model, and their inputs."""

from typing import NamedTuple, Protocol

import jax.numpy as jnp

from nmjax.meta import LearnedModel
from nmjax.predictors import Pool
from nmjax.types import Array

COMPONENT_WEIGHT = 1 / 3
"""Prior probability of a component, if none is given."""


class HasPool(Protocol):
    """Problem over a pool."""

    @property
    def pool(self) -> Pool:
        """Features and positions of the architectures."""


class LearnedComponent(NamedTuple):
    """Meta-trained model of the scores of a pool, as added by `add_component`.

    Attributes:
      model: Learner with its meta-learned parameters.
      inputs: float[N, D], the learner's input for each architecture.
      log_weight: float[], prior log-probability of the component. The processes share the rest.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import LearnedComponent
      >>> LearnedComponent(None, jnp.eye(4, 2), jnp.log(0.5)).inputs.shape
      (4, 2)
    """

    model: LearnedModel
    inputs: Array
    log_weight: Array


def unit_inputs(problem: HasPool, position: Array) -> Array:
    """Scale positions float[..., D] so that each dimension ranges over [0, 1] in the pool.

    This removes the relevance of each dimension that was fitted on the past. A constant dimension
    becomes 0.

    Args:
      problem: Problem over a pool.
      position: Positions of architectures, such as `problem.pool.position` or those of past
        evaluations in `knowledge.sources.position`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import make_problem, unit_inputs
      >>> from nmjax.spaces import Ordinal, Space
      >>> problem = make_problem(Space(depth=Ordinal(2, 4, 8)), jnp.array([[0], [1], [2]]), None)
      >>> float(unit_inputs(problem, problem.pool.position).max())
      1.0
    """
    pool = problem.pool.position
    low, high = jnp.min(pool, axis=0), jnp.max(pool, axis=0)
    span = jnp.where(high > low, high - low, 1)
    shape = (1,) * (position.ndim - 1) + low.shape
    return (position - low.reshape(shape)) / span.reshape(shape)
