"""Few nats to remember tasks with: a penalty on what meta-parameters know.

Where a task can be told from its encodings alone, a learner may remember what each meta-training
task is like and never adapt. What it remembers is in weights that all tasks share, and costs
information there; what it reads from the support does not (Yin et al., 2020).
"""

import math
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation
from nmjax.meta.batch import Batch
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.gradient import MetaState
from nmjax.meta.learners.probabilistic import ProbabilisticLearner
from nmjax.optimize import descend
from nmjax.stats import kullback_leibler_divergence
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, Gaussian, PyTree


class UncertainParams(NamedTuple):
    """Independent normal weights.

    Attributes:
      mean: a learner's parameters.
      log_std: a pytree like `mean`, logs of standard deviations; None in place of a leaf that is
        learned as it is, without a penalty.
    """

    mean: PyTree
    log_std: PyTree


class RegularisedHyper(NamedTuple):
    """The traced numbers of a `regularized` learner.

    Attributes:
      learner: those of the learner within.
      strength: float[], beta, what a nat costs in units of the query loss; not negative.
      prior_std: float[], standard deviation of weights that know nothing; positive, 1 in the paper.
    """

    learner: PyTree
    strength: Array
    prior_std: Array


class RegularisedInfo(NamedTuple):
    """What one meta-update of a `regularized` learner saw, before it moved.

    Attributes:
      loss: float[], mean over tasks of the query loss after adapting from weights drawn for each.
      query_losses: float[T], that loss of each task.
      divergence: float[], nats from the prior to the weights.
      gradient_norm: float[], of the meta-gradient.
    """

    loss: Array
    query_losses: Array
    divergence: Array
    gradient_norm: Array


Learner = TypeVar("Learner", MetaLearner, ProbabilisticLearner)


def regularized(learner: Learner, optimizer: optax.GradientTransformation) -> Learner:
    """Meta-trains what a learner adapts as normal weights that are held near to knowing nothing.

    Meta-regularization on weights (Yin et al., 2020, section 4.2): the mean query loss after
    adapting from weights drawn anew for each task, plus strength times the divergence of the
    weights from N(0, prior_std^2). To adapt, and to be evaluated, a learner begins at the mean.
    Which weights are held is for `init_uncertainty` to say: of MAML, the authors hold an encoder
    that no inner step moves, which is `anil` with the leaves that are not its head.

    The gradient is that of `learner.evaluate`; the learner's own updates are not used, so that what
    these do otherwise (`reptile`, the multi-step loss of `maml_plus_plus`) is left out.

    Args:
      learner: whose `adapt` and `evaluate` are kept.
      optimizer: of the outer loop, for means and spreads.

    Returns:
      A learner over `UncertainParams`, with state `MetaState`, info `RegularisedInfo` and hyper
      `RegularisedHyper`; one that predicts where `learner` does.
    """

    def init(key: Array, params: UncertainParams) -> MetaState:
        del key
        return MetaState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: RegularisedHyper
    ) -> tuple[MetaState, RegularisedInfo]:
        tasks = jax.lax.optimization_barrier(tasks)
        keys = jax.random.split(key, tasks.support_y.shape[0])

        def objective(params: UncertainParams) -> tuple[Array, tuple[Array, Array]]:
            def of_task(key: Array, task: Episode) -> Array:
                alone = jax.tree.map(lambda leaf: leaf[None], task)
                return learner.evaluate(_draw(key, params), alone, hyper.learner)[0]

            losses = jax.vmap(of_task)(keys, tasks)
            divergence = _divergence(params, hyper.prior_std)
            return jnp.mean(losses) + hyper.strength * divergence, (losses, divergence)

        gradient, (losses, divergence) = jax.grad(objective, has_aux=True)(state.params)
        params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
        info = RegularisedInfo(jnp.mean(losses), losses, divergence, norm)
        return MetaState(params, opt_state, state.step + 1), info

    def adapt_to(params: UncertainParams, batch: Batch, hyper: RegularisedHyper) -> Adaptation:
        return learner.adapt(params.mean, batch, hyper.learner)

    def evaluate(params: UncertainParams, tasks: Episode, hyper: RegularisedHyper) -> Array:
        return learner.evaluate(params.mean, tasks, hyper.learner)

    return learner._replace(init=init, update=update, adapt=adapt_to, evaluate=evaluate)


def init_uncertainty(params: PyTree, std: float = 0.05, mask: PyTree = True) -> UncertainParams:
    """Parameters for `regularized`, all with that standard deviation to begin with.

    Args:
      params: the learner's, the means to begin with.
      std: of each weight.
      mask: bool or a prefix of the pytree `params` with leaves of bool, True where weights are to
        be uncertain and pay for what they know.

    Raises:
      NmjaxError: `std` is not positive, or nothing is to be uncertain.
    """
    chosen = jax.tree.broadcast(mask, params)
    if std <= 0 or not any(jax.tree.leaves(chosen)):
        raise NmjaxError(
            f"Got std={std} and mask={mask}, expected a positive std and a leaf that is True: "
            "without them no weight is uncertain."
        )
    log_std = jax.tree.map(
        lambda leaf, on: jnp.full_like(leaf, math.log(std)) if on else None, params, chosen
    )
    return UncertainParams(params, log_std)


def _draw(key: Array, params: UncertainParams) -> PyTree:
    """Weights like `params.mean`."""
    noise = optax.tree_utils.tree_random_like(key, params.mean)

    def draw(log_std: Array | None, mean: Array, noise: Array) -> Array:
        return mean if log_std is None else mean + jnp.exp(log_std) * noise

    return jax.tree.map(draw, *params[::-1], noise, is_leaf=lambda leaf: leaf is None)


def _divergence(params: UncertainParams, prior_std: Array) -> Array:
    """Nats of the uncertain weights from the prior, float[]."""
    uncertain = jax.tree.map(
        lambda log_std, mean: None if log_std is None else mean,
        *params[::-1],
        is_leaf=lambda leaf: leaf is None,
    )
    mean, log_std = (ravel_pytree(tree)[0] for tree in (uncertain, params.log_std))
    prior = Gaussian(jnp.zeros_like(mean), jnp.broadcast_to(prior_std, mean.shape))
    return kullback_leibler_divergence(Gaussian(mean, jnp.exp(log_std)), prior)
