"""What supernet searches carry and return, and their traced numbers."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from nmjax.relax import Strengths
from nmjax.types import Array, PyTree


class SupernetHyper(NamedTuple):
    """Traced numbers of a supernet search.

    Attributes:
      steps: int32[], number of steps; later ones change nothing.
      weight_rate: float[], initial learning rate of the weights, which decays to 0 as a cosine.
      weight_decay: float[], weight decay of the weights.
      momentum: float[], momentum of the weights.
      strength_rate: float[], learning rate of the strengths.
      warmup: float[], share of the steps before the strengths move, in [0, 1].
      temperature: float[], temperature of the first step; positive.
      final_temperature: float[], temperature of the last step; linear in between.
      regularization: float[], factor of the regularizer in the first step.
      final_regularization: float[], factor in the last step; linear in between.
      perturbation: float[], largest size of uniform noise on the soft choices while the weights
        train, in the last step; linear from 0 (Chen and Hsieh, 2020, "SDARTS-RS").
      damping: float[], as in `BilevelHyper`.

    Example:
      >>> from nmjax.oneshot import SupernetHyper
      >>> SupernetHyper(steps=300, temperature=10.0, final_temperature=0.1).strength_rate
      0.03
    """

    steps: Any
    weight_rate: Any = 0.05
    weight_decay: Any = 3e-4
    momentum: Any = 0.9
    strength_rate: Any = 0.03
    warmup: Any = 0.0
    temperature: Any = 1.0
    final_temperature: Any = 1.0
    regularization: Any = 0.0
    final_regularization: Any = 0.0
    perturbation: Any = 0.0
    damping: Any = 1.0


class SupernetStrengths(NamedTuple):
    """Strengths that a supernet search learns in addition to weights.

    Attributes:
      choices: Strengths of the options of each choice.
      edges: float[C], strengths of the edges, one for each choice; None without edge normalization.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.oneshot import SupernetStrengths
      >>> from nmjax.relax import Strengths
      >>> SupernetStrengths(Strengths(jnp.zeros((6, 5)), jnp.zeros(0)), None).choices.logits.shape
      (6, 5)
    """

    choices: Strengths
    edges: Array | None


class SupernetParams(NamedTuple):
    """Weights and strengths: what a search learns, and where a meta-learned search starts.

    Attributes:
      weights: Weights of the supernet.
      strengths: Strengths of choices and edges.

    Example:
      >>> import jax
      >>> from nmjax.oneshot import MLPSupernet, darts
      >>> search, _ = darts(MLPSupernet(4, 3), steps=100)
      >>> search.init_params(jax.random.key(0)).strengths.choices.logits.shape
      (3, 4)
    """

    weights: PyTree
    strengths: SupernetStrengths


class SupernetState(NamedTuple):
    """State of a `SupernetSearch`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      step: int32[], number of steps so far.
      params: Weights and strengths.
      weight_state: State of the optimizer of the weights.
      strength_state: State of the optimizer of the strengths.

    Example:
      >>> import jax
      >>> from nmjax.oneshot import MLPSupernet, darts
      >>> search, _ = darts(MLPSupernet(4, 3), steps=100)
      >>> int(search.init(jax.random.key(0)).step)
      0
    """

    key: Array
    step: Array
    params: SupernetParams
    weight_state: PyTree
    strength_state: PyTree


class SupernetInfo(NamedTuple):
    """What a step of a `SupernetSearch` returns.

    Attributes:
      train_loss: float[], loss of the weights on the step's training rows.
      selection_loss: float[], loss of the strengths, with regularizer, on its selection rows; NaN
        where the strengths are not learned.
      options: int32[C], the option of the largest weight of each choice, after the step.
      entropy: float[], entropy of the options' weights in nats, summed over choices, after it.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.oneshot import SupernetInfo
      >>> zero = jnp.zeros(())
      >>> SupernetInfo(zero, zero, jnp.zeros(6, jnp.int32), zero).options.shape
      (6,)
    """

    train_loss: Array
    selection_loss: Array
    options: Array
    entropy: Array


def interpolate(start: Array, end: Array, progress: Array) -> Array:
    """The number float[] between two, at a progress in [0, 1]."""
    return start + (end - start) * progress


def cosine(rate: Array, progress: Array) -> Array:
    """The learning rate float[] that decays to 0 as a cosine, at a progress in [0, 1]."""
    return rate * 0.5 * (1 + jnp.cos(jnp.pi * progress))
