"""Learned step sizes: one per weight, or one per layer and inner step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta.adapt import PerStep
from nmjax.meta.batch import LossFn
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.adaptation_gradient import MetaSGDParams, through_inner_loop
from nmjax.types import Array, PyTree


class MultiStepHyper(NamedTuple):
    """The traced number of `maml_plus_plus`.

    Attributes:
      anneal_steps: float[], number of meta-updates until only the loss after the last inner step
        counts; positive.

    Example:
      >>> from nmjax.meta import MultiStepHyper
      >>> MultiStepHyper(anneal_steps=1000.0).anneal_steps
      1000.0
    """

    anneal_steps: Array


def meta_sgd(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """`maml` that also learns a step size for each weight (Li, Zhou, Chen and Li, 2017).

    The state's `params` are `MetaSGDParams`, initialized by `init_learned_rates`; `hyper` is not
    read.

    Args:
      loss_fn: as for `maml`.
      optimizer: optimizer of the outer loop, for initialization and step sizes.
      inner_steps: Number of gradient steps on a task's support, at least 1; 1 in the paper.
      first_order: Drop the second derivatives.
      remat: Save memory in long inner loops, as in `adapt`.

    Raises:
      NmjaxError: `inner_steps` is not positive.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, init_learned_rates, meta_sgd, squared_error
      >>> learner = meta_sgd(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> params = init_learned_rates(jax.random.key(0), jnp.zeros(1))
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.adapt(params, batch, None).losses.shape
      (2,)
    """
    return through_inner_loop(
        loss_fn,
        optimizer,
        inner_steps=inner_steps,
        first_order=first_order,
        remat=remat,
        begin=_start_learned_rates,
    )


def init_learned_rates(
    key: Array, params: PyTree, low: float = 0.005, high: float = 0.1
) -> MetaSGDParams:
    """Initialize the parameters of `meta_sgd`, with step sizes uniform in [low, high].

    The default range is that of its authors.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_learned_rates
      >>> rates = init_learned_rates(jax.random.key(0), jnp.zeros(3)).rate
      >>> bool(((0.005 <= rates) & (rates <= 0.1)).all())
      True
    """
    leaves, structure = jax.tree.flatten(params)
    rates = [
        jax.random.uniform(jax.random.fold_in(key, i), leaf.shape, leaf.dtype, low, high)
        for i, leaf in enumerate(leaves)
    ]
    return MetaSGDParams(params, jax.tree.unflatten(structure, rates))


def maml_plus_plus(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """`maml` with a learned step size per layer and step, and a loss on all steps at first.

    From MAML++ (Antoniou, Edwards and Storkey, 2019, section 4). The objective is the query loss
    after every inner step, equally weighted at first, with the weight moving to the last step, so
    that early steps also receive a direct gradient at first. Step sizes for each leaf and
    inner step are learned with the initialization. First-order and second-order gradients share one
    state, so that a run may begin with `first_order` and continue without (derivative-order
    annealing). Its rules for batch normalization are not included.

    The state's `params` are `MetaSGDParams`, initialized by `init_step_rates`.

    Args:
      loss_fn: as for `maml`.
      optimizer: optimizer of the outer loop, for initialization and step sizes.
      inner_steps: Number of gradient steps on a task's support, at least 1.
      first_order: Drop the second derivatives.
      remat: Save memory in long inner loops, as in `adapt`.

    Returns:
      A learner with state `MetaState`, info `MAMLInfo`, hyper `MultiStepHyper`. The losses of info
      are those after the last inner step.

    Raises:
      NmjaxError: `inner_steps` is not positive.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, init_step_rates, maml_plus_plus, squared_error
      >>> learner = maml_plus_plus(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=2)
      >>> params = init_step_rates(jnp.zeros(1), 0.25, inner_steps=2)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.adapt(params, batch, None).losses
      Array([1.    , 0.25  , 0.0625], dtype=float32)
    """

    def importance(step: Array, hyper: MultiStepHyper) -> Array:
        done = step.astype(jnp.result_type(hyper.anneal_steps)) / hyper.anneal_steps
        share = jnp.maximum(1 - done, 0) / inner_steps
        last = jnp.arange(inner_steps) == inner_steps - 1
        return jnp.where(last, 1 - (inner_steps - 1) * share, share)

    return through_inner_loop(
        loss_fn,
        optimizer,
        inner_steps=inner_steps,
        first_order=first_order,
        remat=remat,
        begin=_start_learned_rates,
        importance=importance,
    )


def init_step_rates(params: PyTree, rate: float, *, inner_steps: int) -> MetaSGDParams:
    """Initialize the parameters of `maml_plus_plus`, with all step sizes equal to `rate`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_step_rates
      >>> init_step_rates(jnp.zeros(3), 0.1, inner_steps=2).rate.rate
      Array([0.1, 0.1], dtype=float32)
    """
    return MetaSGDParams(
        params, PerStep(jax.tree.map(lambda leaf: jnp.full(inner_steps, rate, leaf.dtype), params))
    )


def _start_learned_rates(params: MetaSGDParams, hyper: PyTree) -> MetaSGDParams:
    del hyper
    return params
