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
    """State of an `evolved` learner.

    Attributes:
      params: mean of the strategy's search distribution.
      strategy: the strategy's own state.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import EvolvedState
      >>> EvolvedState(jnp.zeros(3), None).params.shape
      (3,)
    """

    params: PyTree
    strategy: PyTree


class EvolvedInfo(NamedTuple):
    """Quantities of one generation.

    Attributes:
      loss: float[], mean over the population of its members' losses.
      losses: float[P], mean query loss after adapting of each member.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import EvolvedInfo
      >>> EvolvedInfo(jnp.zeros(()), jnp.zeros(8)).losses.shape
      (8,)
    """

    loss: Array
    losses: Array


@contextlib.contextmanager
def _implicit_promotion() -> Iterator[None]:
    """Allow implicit promotion of ranks and dtypes, which evosax relies on."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def _strongly_typed(state: PyTree) -> PyTree:
    """Remove weak types: a saved state loses them, and restoring it would compile again."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), state)


def evolved(learner: MetaLearner, strategy: Any, numbers: PyTree = None) -> MetaLearner:
    """Meta-train the parameters of a learner by an evolution strategy instead of its own updates.

    A member's fitness is the mean over the batch of `learner.evaluate`, the query loss after
    adapting, with all members on the same tasks. OpenES (Salimans et al., 2017) ranks members and
    steps by an optax optimizer; CMA-ES (Hansen, 2016) learns a covariance of the size of the
    parameters squared, and so is suited to few of them.

    Args:
      learner: learner whose `adapt`, `evaluate` and hyper are kept.
      strategy: a distribution-based algorithm of evosax (the extra `evolution`), created for
        parameters of the same shapes, such as `evosax.algorithms.CMA_ES(32, params)`.
      numbers: the strategy's own parameters, such as
        `strategy.default_params.replace(std_init=0.1)`; its defaults where None. They shape the
        first state, and therefore are not part of hyper.

    Returns:
      A learner with state `EvolvedState` and info `EvolvedInfo`.

    Raises:
      NmjaxError: the strategy has no `ask`, `tell` or `get_mean`.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import evolved, maml, squared_error
      >>> from evosax.algorithms import Open_ES
      >>> inner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> learner = evolved(inner, Open_ES(4, jnp.zeros(3)))
      >>> learner.init(jax.random.key(0), jnp.zeros(3)).params.shape
      (3,)
    """
    if missing := [name for name in ("ask", "tell", "get_mean") if not hasattr(strategy, name)]:
        raise NmjaxError(
            f"Got a strategy {strategy!r} without {missing}, expected a distribution-based "
            "algorithm of evosax: give for instance evosax.algorithms.Open_ES(64, params)."
        )
    if numbers is None:
        with _implicit_promotion():
            numbers = strategy.default_params

    def init(key: Array, params: PyTree) -> EvolvedState:
        with _implicit_promotion():
            return EvolvedState(params, _strongly_typed(strategy.init(key, params, numbers)))

    def update(
        key: Array, state: EvolvedState, tasks: Episode, hyper: PyTree
    ) -> tuple[EvolvedState, EvolvedInfo]:
        ask_key, tell_key = jax.random.split(key)
        with _implicit_promotion():
            members, asked = strategy.ask(ask_key, state.strategy, numbers)
        losses = jax.vmap(lambda member: jnp.mean(learner.evaluate(member, tasks, hyper)))(members)
        with _implicit_promotion():
            strategy_state, _ = strategy.tell(tell_key, members, losses, asked, numbers)
        info = EvolvedInfo(jnp.mean(losses), losses)
        return EvolvedState(
            strategy.get_mean(strategy_state), _strongly_typed(strategy_state)
        ), info

    return learner._replace(init=init, update=update)
