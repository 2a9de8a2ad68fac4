"""Learned rates: how fast each weight, or each layer at each inner step, adapts."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta.adapt import PerStep
from nmjax.meta.batch import Batch
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.gradient import MetaSGDParams, through_inner_loop
from nmjax.types import Array, PyTree


class MultiStepHyper(NamedTuple):
    """The traced number of `maml_plus_plus`.

    Attributes:
      anneal_steps: float[], meta-updates until only the loss after the last inner step counts;
        positive.
    """

    anneal_steps: Array


def meta_sgd(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """`maml` that also learns a rate for each weight (Li, Zhou, Chen and Li, 2017).

    Its state's `params` are `MetaSGDParams`; `hyper` is not read. Begin from `init_learned_rates`.

    Args:
      loss_fn: as for `maml`.
      optimizer: of the outer loop, for initialization and rates.
      inner_steps: gradient steps on a task's support, at least 1; 1 in the paper.
      first_order: drop the second derivatives.
      remat: less memory for many inner steps, as for `adapt`.

    Raises:
      NmjaxError: `inner_steps` is not positive.
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
    """Parameters for `meta_sgd`, rates uniform in [low, high], by default those of its authors."""
    leaves, structure = jax.tree.flatten(params)
    rates = [
        jax.random.uniform(jax.random.fold_in(key, i), leaf.shape, leaf.dtype, low, high)
        for i, leaf in enumerate(leaves)
    ]
    return MetaSGDParams(params, jax.tree.unflatten(structure, rates))


def maml_plus_plus(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    first_order: bool = False,
    remat: bool = False,
) -> MetaLearner:
    """`maml` with a learned rate a layer and step, taught by all steps at first.

    Of MAML++ (Antoniou, Edwards and Storkey, 2019, section 4): what is descended is the
    query loss after every inner step, weighted alike at first and less and less but for the last,
    which gives the early steps a gradient of their own before it vanishes; and rates for each leaf
    and inner step are learned with the initialization. Both orders of the gradient share one state,
    so a run may begin with `first_order` and go on without (derivative-order annealing). Its
    rules for batch normalization have no place here.

    Its state's `params` are `MetaSGDParams`; begin from `init_step_rates`.

    Args:
      loss_fn: as for `maml`.
      optimizer: of the outer loop, for initialization and rates.
      inner_steps: gradient steps on a task's support, at least 1.
      first_order: drop the second derivatives.
      remat: less memory for many inner steps, as for `adapt`.

    Returns:
      A learner with state `MetaState`, info `MAMLInfo`, hyper `MultiStepHyper`. The losses of info
      are those after the last inner step.

    Raises:
      NmjaxError: `inner_steps` is not positive.
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
    """Parameters for `maml_plus_plus`, with every layer and inner step at `rate` to begin with."""
    return MetaSGDParams(
        params, PerStep(jax.tree.map(lambda leaf: jnp.full(inner_steps, rate, leaf.dtype), params))
    )


def _start_learned_rates(params: MetaSGDParams, hyper: PyTree) -> MetaSGDParams:
    del hyper
    return params
