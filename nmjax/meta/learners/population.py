"""Meta-training by any evolution strategy of evosax."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta.learner import MetaLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class EvolvedState(NamedTuple):
    """What an `evolved` learner carries.

    Attributes:
      params: the mean of the strategy's search distribution.
      strategy: the strategy's own state.
    """

    params: PyTree
    strategy: PyTree


class EvolvedInfo(NamedTuple):
    """What one generation saw.

    Attributes:
      loss: float[], mean over the population of its members' losses.
      losses: float[P], mean query loss after adapting of each member.
    """

    loss: Array
    losses: Array


@contextlib.contextmanager
def _as_evosax_counts() -> Iterator[None]:
    """evosax adds ranks and kinds of numbers that nmjax's tests keep apart."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def _strong(state: PyTree) -> PyTree:
    """Without weak types, which a state loses when it is saved, so that none is traced twice."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), state)


def evolved(learner: MetaLearner, strategy: Any, numbers: PyTree = None) -> MetaLearner:
    """Meta-trains what a learner adapts by a population instead of the learner's own updates.

    A member's fitness is the mean over the batch of `learner.evaluate`: query loss after adapting,
    all members on the same tasks. OpenES (Salimans et al., 2017) ranks members and steps by an
    optax optimizer; CMA-ES (Hansen, 2016) learns a covariance, of the size of the parameters
    squared, and so is for few of them.

    Args:
      learner: whose `adapt` and `evaluate` are kept; its hyper is the hyper of this.
      strategy: a distribution-based algorithm of evosax (the extra `evolution`) that was made with
        parameters of the same shapes, such as `evosax.algorithms.CMA_ES(32, params)`.
      numbers: the strategy's own, such as `strategy.default_params.replace(std_init=0.1)`; its
        defaults where None. They shape its first state, so they do not travel in hyper.

    Returns:
      A learner with state `EvolvedState` and info `EvolvedInfo`.

    Raises:
      NmjaxError: the strategy has no `ask`, `tell` or `get_mean`.
    """
    if missing := [name for name in ("ask", "tell", "get_mean") if not hasattr(strategy, name)]:
        raise NmjaxError(
            f"Got a strategy {strategy!r} without {missing}, expected a distribution-based "
            "algorithm of evosax: give for instance evosax.algorithms.Open_ES(64, params)."
        )
    if numbers is None:
        with _as_evosax_counts():
            numbers = strategy.default_params

    def init(key: Array, params: PyTree) -> EvolvedState:
        with _as_evosax_counts():
            return EvolvedState(params, _strong(strategy.init(key, params, numbers)))

    def update(
        key: Array, state: EvolvedState, tasks: Episode, hyper: PyTree
    ) -> tuple[EvolvedState, EvolvedInfo]:
        ask_key, tell_key = jax.random.split(key)
        with _as_evosax_counts():
            members, asked = strategy.ask(ask_key, state.strategy, numbers)
        losses = jax.vmap(lambda member: jnp.mean(learner.evaluate(member, tasks, hyper)))(members)
        with _as_evosax_counts():
            told, _ = strategy.tell(tell_key, members, losses, asked, numbers)
        info = EvolvedInfo(jnp.mean(losses), losses)
        return EvolvedState(strategy.get_mean(told), _strong(told)), info

    return learner._replace(init=init, update=update)
