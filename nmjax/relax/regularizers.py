"""Regularizers of strengths, and expected costs of soft choices."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nmjax.relax.members import concentration
from nmjax.relax.simplex import existing_logits
from nmjax.relax.strengths import SoftChoices, encode_choices
from nmjax.spaces import Space, option_mask, soft_activity
from nmjax.types import Array


def choice_entropy(weights: Array) -> Array:
    """Entropy in nats, summed over choices, float[...] of weights float[..., C, O].

    Subtracted from an objective with a growing factor, it makes choices hard.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import choice_entropy
      >>> round(float(choice_entropy(np.array([[1.0, 0.0], [0.5, 0.5]]))), 3)
      0.693
    """
    weights = jnp.asarray(weights)
    logarithm = jnp.log(jnp.where(weights > 0, weights, 1.0))
    return -jnp.sum(weights * logarithm, axis=(-2, -1))


def strength_decay(logits: Array, mask: Array) -> Array:
    """Mean over choices of the log-sum-exp of the logits, float[...] of float[..., C, O].

    As a penalty it keeps strengths small and close to one another (Ye et al., 2022, "beta-DARTS",
    equation 14).

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import strength_decay
      >>> round(float(strength_decay(np.zeros((3, 2)), np.ones((3, 2), bool))), 3)
      0.693
    """
    logits, exists = existing_logits(logits, mask)
    return jnp.mean(jax.nn.logsumexp(logits, axis=-1, where=exists), axis=-1)


def zero_one_loss(gates: Array, mask: Array) -> Array:
    """Negative mean squared distance of gates from 0.5, float[...] of float[..., C, O].

    As a penalty it drives gates to 0 or 1 (Chu et al., 2020, "Fair DARTS", equation 4).

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import zero_one_loss
      >>> float(zero_one_loss(np.array([[0.0, 0.5]]), np.ones((1, 2), bool)))
      -0.125
    """
    gates = jnp.asarray(gates)
    exists = jnp.broadcast_to(mask, gates.shape)
    squares = jnp.where(exists, jnp.square(gates - 0.5), 0.0)
    count = jnp.sum(exists, axis=(-2, -1), dtype=squares.dtype)
    return -jnp.sum(squares, axis=(-2, -1)) / count


def dirichlet_distance(logits: Array, mask: Array) -> Array:
    """Euclidean distance of the concentrations elu(logits) + 1 from 1, float[...].

    The regularizer of DrNAS (Chen et al., 2021, equation 6), for `DirichletRelaxation`.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import dirichlet_distance
      >>> float(dirichlet_distance(np.array([[3.0, 4.0]]), np.ones((1, 2), bool)))
      5.0
    """
    logits, exists = existing_logits(logits, mask)
    squares = jnp.where(exists, jnp.square(concentration(logits) - 1), 0.0)
    total = jnp.sum(squares, axis=(-2, -1))
    # The gradient at a distance of 0 is 0.
    return jnp.where(total > 0, jnp.sqrt(jnp.where(total > 0, total, 1.0)), 0.0)


def expected_cost(space: Space, choices: SoftChoices, table: Array) -> Array:
    """Expected total cost float[...] of the options' costs in table float[C, O].

    Exact for independent choices and costs that add up, such as parameters or FLOPs of each layer.
    Inactive choices cost nothing.

    Example:
      >>> import jax.numpy as jnp, numpy as np
      >>> from nmjax.relax import SoftChoices, expected_cost
      >>> from nmjax.spaces import Space
      >>> soft = SoftChoices(jnp.array([[0.25, 0.75]]), jnp.zeros(0))
      >>> float(expected_cost(Space(op=["conv", "skip"]), soft, np.array([[8.0, 0.0]])))
      2.0
    """
    weights = choices.weights
    if space.is_conditional:
        weights = weights * soft_activity(space, weights)[0][..., None]
    exists = jnp.broadcast_to(option_mask(space), weights.shape)
    costs = jnp.broadcast_to(jnp.asarray(table, weights.dtype), weights.shape)
    return jnp.sum(jnp.where(exists, weights * costs, 0.0), axis=(-2, -1))


def predicted_cost(space: Space, choices: SoftChoices, predict: Callable[[Array], Array]) -> Array:
    """A predictor's cost of soft choices, float[...], such as a latency.

    Args:
      space: Space of the architectures.
      choices: Soft choices.
      predict: Function from encodings float[..., D] to costs float[...], differentiable.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.relax import SoftChoices, predicted_cost
      >>> from nmjax.spaces import Space
      >>> soft = SoftChoices(jnp.array([[0.25, 0.75]]), jnp.zeros(0))
      >>> latency = lambda encoding: encoding @ jnp.array([8.0, 4.0])
      >>> float(predicted_cost(Space(op=["conv", "skip"]), soft, latency))
      5.0
    """
    return predict(encode_choices(space, choices))
