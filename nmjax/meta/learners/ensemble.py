"""Ensembles, whose uncertainty is the disagreement of their members."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation
from nmjax.meta.batch import Batch, negative_log_density, query, support
from nmjax.meta.learners.probabilistic import ProbabilisticLearner
from nmjax.stats import mixture_moments
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, Gaussian, Mixture, PyTree


class EnsembleInfo(NamedTuple):
    """Quantities of one meta-update of an ensemble, before its step.

    Attributes:
      loss: float[], mean over members of the mean loss on query data.
      members: the learner's info, leaves with a leading axis of K.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import EnsembleInfo
      >>> EnsembleInfo(jnp.zeros(()), jnp.zeros(3)).members.shape
      (3,)
    """

    loss: Array
    members: PyTree


def ensemble(learner: ProbabilisticLearner) -> ProbabilisticLearner:
    """Train K members from different initial parameters (Lakshminarayanan et al., 2017).

    All members see the same tasks. The ensemble predicts the Gaussian with the mean and variance of
    the mixture of the members' predictions (section 2.4), on which `evaluate` is computed. State
    and adapted parameters are those of the learner with a leading axis of K on all leaves; so are
    the initial parameters, for instance `jax.vmap(init)(jax.random.split(key, K))`.
    `Adaptation.losses` is the mean over members.

    Args:
      learner: learner of one member; `ProbabilisticLearner(*maml(...), predict)` makes MAML one.

    Returns:
      A learner with info `EnsembleInfo` and the learner's hyper; its `init` raises `NmjaxError`
      where leaves of the parameters do not share a leading axis of at least 2 members.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import alpaca, ensemble, init_last_layer
      >>> learner = ensemble(alpaca(lambda params, x: x, optax.sgd(0.1)))
      >>> member = init_last_layer(jnp.zeros(()), size=2)
      >>> members = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf + 0.1]), member)
      >>> learner.init(jax.random.key(0), members).params.mean.shape
      (2, 3)
    """

    def init(key: Array, params: PyTree) -> PyTree:
        return jax.vmap(learner.init)(jax.random.split(key, _count(params)), params)

    def update(
        key: Array, state: PyTree, tasks: Episode, hyper: PyTree
    ) -> tuple[PyTree, EnsembleInfo]:
        keys = jax.random.split(key, _count(state.params))
        state, info = jax.vmap(learner.update, in_axes=(0, 0, None, None))(
            keys, state, tasks, hyper
        )
        return state, EnsembleInfo(jnp.mean(info.loss), info)

    def adapt_to(params: PyTree, batch: Batch, hyper: PyTree) -> Adaptation:
        members = jax.vmap(learner.adapt, in_axes=(0, None, None))(params, batch, hyper)
        return Adaptation(members.params, jnp.mean(members.losses, axis=0))

    def predict(adapted: PyTree, x: Array) -> Gaussian:
        members = jax.vmap(learner.predict, in_axes=(0, None))(adapted, x)
        equal = jnp.full_like(members.mean[:, 0], -math.log(members.mean.shape[0]))
        return mixture_moments(Mixture(equal, members))

    loss_fn = negative_log_density(predict)

    def evaluate(params: PyTree, tasks: Episode, hyper: PyTree) -> Array:
        def of_task(episode: Episode) -> Array:
            return loss_fn(adapt_to(params, support(episode), hyper).params, query(episode))

        return jax.vmap(of_task)(tasks)

    return ProbabilisticLearner(init, update, adapt_to, evaluate, predict)


def _count(params: PyTree) -> int:
    sizes = sorted({jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(params)})
    if len(sizes) != 1 or not sizes[0] or sizes[0][0] < 2:
        raise NmjaxError(
            f"The parameters of an ensemble have leading axes {sizes}, expected one of K members "
            "in all leaves, at least 2: stack the parameters of several keys, as by vmap of init."
        )
    return sizes[0][0]
