"""Meta-regularization: a penalty on the information in shared weights.

Where a task can be recognized from its encodings alone, a learner may memorize the meta-training
tasks instead of adapting. Memorized information is stored in weights that all tasks share, where
the penalty applies; information read from the support is free (Yin et al., 2020).
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
from nmjax.meta.learners.adaptation_gradient import MetaState
from nmjax.meta.learners.probabilistic import ProbabilisticLearner
from nmjax.optimize import descend
from nmjax.stats import kullback_leibler_divergence
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, Gaussian, PyTree


class UncertainParams(NamedTuple):
    """Independent normal weights.

    Attributes:
      mean: a learner's parameters.
      log_std: a pytree like `mean`, logarithms of standard deviations; None in place of a leaf that
        is learned as a point, without a penalty.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import UncertainParams
      >>> UncertainParams(jnp.zeros(3), jnp.full(3, -3.0)).log_std.shape
      (3,)
    """

    mean: PyTree
    log_std: PyTree


class RegularizedHyper(NamedTuple):
    """The traced numbers of a `regularized` learner.

    Attributes:
      learner: those of the inner learner.
      strength: float[], beta, the penalty of one nat in units of the query loss; not negative.
      prior_std: float[], standard deviation of the prior of the weights; positive, 1 in the paper.

    Example:
      >>> from nmjax.meta import MAMLHyper, RegularizedHyper
      >>> hyper = RegularizedHyper(MAMLHyper(0.1), strength=0.01, prior_std=1.0)
      >>> hyper.strength
      0.01
    """

    learner: PyTree
    strength: Array
    prior_std: Array


class RegularizedInfo(NamedTuple):
    """Quantities of one meta-update of a `regularized` learner, before its step.

    Attributes:
      loss: float[], mean over tasks of the query loss after adapting from weights drawn for each.
      query_losses: float[T], that loss of each task.
      divergence: float[], nats from the prior to the weights.
      gradient_norm: float[], norm of the meta-gradient.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import RegularizedInfo
      >>> RegularizedInfo(*jnp.zeros(4)).divergence.shape
      ()
    """

    loss: Array
    query_losses: Array
    divergence: Array
    gradient_norm: Array


Learner = TypeVar("Learner", MetaLearner, ProbabilisticLearner)


def regularized(learner: Learner, optimizer: optax.GradientTransformation) -> Learner:
    """Meta-train a learner's parameters as normal weights with a penalty on their information.

    Meta-regularization on weights (Yin et al., 2020, section 4.2): the mean query loss after
    adapting from weights drawn for each task, plus strength times the divergence of the
    weights from N(0, prior_std^2). Adaptation and evaluation start at the mean. `init_uncertainty`
    selects the weights that are penalized: for MAML, the authors penalize an encoder that no inner
    step moves, which is `anil` with all leaves except its head.

    The gradient is that of `learner.evaluate`. The learner's own updates are not used, so that
    their particular rules (`reptile`, the multi-step loss of `maml_plus_plus`) are dropped.

    Args:
      learner: learner whose `adapt` and `evaluate` are kept.
      optimizer: optimizer of the outer loop, for means and standard deviations.

    Returns:
      A learner over `UncertainParams`, with state `MetaState`, info `RegularizedInfo` and hyper
      `RegularizedHyper`; a `ProbabilisticLearner` if `learner` is one.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import init_uncertainty, maml, regularized, squared_error
      >>> inner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> learner = regularized(inner, optax.sgd(0.1))
      >>> state = learner.init(jax.random.key(0), init_uncertainty(jnp.zeros(3)))
      >>> state.params.mean.shape
      (3,)
    """

    def init(key: Array, params: UncertainParams) -> MetaState:
        del key
        return MetaState(params, optimizer.init(params), jnp.zeros((), jnp.int32))

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: RegularizedHyper
    ) -> tuple[MetaState, RegularizedInfo]:
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
        info = RegularizedInfo(jnp.mean(losses), losses, divergence, norm)
        return MetaState(params, opt_state, state.step + 1), info

    def adapt_to(params: UncertainParams, batch: Batch, hyper: RegularizedHyper) -> Adaptation:
        return learner.adapt(params.mean, batch, hyper.learner)

    def evaluate(params: UncertainParams, tasks: Episode, hyper: RegularizedHyper) -> Array:
        return learner.evaluate(params.mean, tasks, hyper.learner)

    return learner._replace(init=init, update=update, adapt=adapt_to, evaluate=evaluate)


def init_uncertainty(params: PyTree, std: float = 0.05, mask: PyTree = True) -> UncertainParams:
    """Initialize the parameters of a `regularized` learner, with equal standard deviations.

    Args:
      params: the learner's parameters, the initial means.
      std: Initial standard deviation of each weight.
      mask: bool or a prefix of the pytree `params` with leaves of bool; True where weights are
        uncertain and penalized.

    Raises:
      NmjaxError: `std` is not positive, or no weight is uncertain.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_uncertainty
      >>> params = {"body": jnp.zeros(3), "head": jnp.zeros(2)}
      >>> init_uncertainty(params, mask={"body": True, "head": False}).log_std["head"] is None
      True
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
    """Draw weights like `params.mean`."""
    noise = optax.tree_utils.tree_random_like(key, params.mean)

    def draw(log_std: Array | None, mean: Array, noise: Array) -> Array:
        return mean if log_std is None else mean + jnp.exp(log_std) * noise

    return jax.tree.map(draw, *params[::-1], noise, is_leaf=lambda leaf: leaf is None)


def _divergence(params: UncertainParams, prior_std: Array) -> Array:
    """Divergence float[] in nats of the uncertain weights from the prior."""
    uncertain = jax.tree.map(
        lambda log_std, mean: None if log_std is None else mean,
        *params[::-1],
        is_leaf=lambda leaf: leaf is None,
    )
    mean, log_std = (ravel_pytree(tree)[0] for tree in (uncertain, params.log_std))
    prior = Gaussian(jnp.zeros_like(mean), jnp.broadcast_to(prior_std, mean.shape))
    return kullback_leibler_divergence(Gaussian(mean, jnp.exp(log_std)), prior)
