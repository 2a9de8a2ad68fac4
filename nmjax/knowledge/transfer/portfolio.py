"""Portfolio of architectures to evaluate first, which together do well on past tasks."""

import jax
import jax.numpy as jnp

from nmjax.knowledge.state import MetaKnowledge, is_source
from nmjax.types import Array

PORTFOLIO = 2
"""Number of architectures of a portfolio."""


def portfolio_value(predicted: Array, best: Array, active: Array) -> Array:
    """Mean float[N] over past tasks of the best score once an architecture is added.

    Args:
      predicted: float[N, S], scores that the sources predict, in units that they share.
      best: float[S], best score so far on each source.
      active: bool[S], sources that count; with none the value is 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import portfolio_value
      >>> predicted = jnp.array([[0.0, 1.0], [2.0, 0.0]])
      >>> portfolio_value(predicted, jnp.array([0.0, 1.0]), jnp.ones(2, bool)).tolist()
      [0.5, 1.5]
    """
    reached = jnp.where(active[None, :], jnp.maximum(predicted, best[None, :]), 0)
    return jnp.sum(reached, axis=-1) / jnp.maximum(jnp.sum(active), 1).astype(predicted.dtype)


def select_portfolio(
    predicted: Array, active: Array, log_success: Array | None = None, *, number: int = PORTFOLIO
) -> Array:
    """Select distinct rows int32[number] greedily by `portfolio_value`.

    The value is submodular, so greedy selection comes within a factor 1 - 1/e of the best portfolio
    (Nemhauser, Wolsey and Fisher, 1978).

    Args:
      predicted: float[N, S], scores that the sources predict.
      active: bool[S], sources that count.
      log_success: float[N], log-probability that an evaluation succeeds, added to the scores.
      number: Number of rows, at most N.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import select_portfolio
      >>> predicted = jnp.array([[2.0, 0.0], [1.9, 0.1], [0.0, 1.5]])
      >>> select_portfolio(predicted, jnp.ones(2, bool)).tolist()
      [0, 2]
    """
    predicted = jnp.asarray(predicted)
    if log_success is not None:
        predicted = predicted + log_success[:, None]

    def choose(carried: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        taken, best = carried
        value = portfolio_value(predicted, best, active)
        row = jnp.argmax(jnp.where(taken, -jnp.inf, value)).astype(jnp.int32)
        return (taken.at[row].set(True), jnp.maximum(best, predicted[row])), row

    return jax.lax.scan(choose, _nothing(predicted), length=number)[1]


def plan_portfolio(knowledge: MetaKnowledge, portfolio: Array, uniform: Array) -> Array:
    """Plan the first and the third evaluation of a search, rows or points [2, ...].

    Both are those of the portfolio if it pays; otherwise the first is uniform, and the third is the
    portfolio's first. Without any source both are uniform.

    Args:
      knowledge: Knowledge of past tasks.
      portfolio: Two rows or points, as from `select_portfolio`.
      uniform: Two rows or points to evaluate in their place.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge, plan_portfolio
      >>> from nmjax.spaces import Space
      >>> knowledge = default_knowledge(Space(width=[8, 16]))
      >>> plan_portfolio(knowledge, jnp.array([3, 4]), jnp.array([-1, -1])).tolist()
      [-1, -1]
    """
    delayed = jnp.stack([uniform[0], portfolio[0]])
    planned = jnp.where(knowledge.portfolio_gain > 0, portfolio, delayed)
    return jnp.where(jnp.any(is_source(knowledge.sources)), planned, uniform)


def portfolio_gain(predicted: Array, active: Array, score: Array) -> Array:
    """Gain float[] of the first architecture of a portfolio over a uniform draw, on a past task.

    Args:
      predicted: float[M, S], scores that the sources predict for the task's evaluations.
      active: bool[S], sources other than the task; the gain is 0 without any.
      score: float[M], normal scores of the task; NaN where failed or padded.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import portfolio_gain
      >>> score = jnp.array([-1.0, 0.0, 1.0])
      >>> float(portfolio_gain(score[:, None], jnp.ones(1, bool), score))
      1.0
    """
    known = ~jnp.isnan(score)
    value = portfolio_value(predicted, _nothing(predicted)[1], active)
    first = score[jnp.argmax(jnp.where(known, value, -jnp.inf))]
    return jnp.where(jnp.any(active), first - jnp.mean(score, where=known), 0)


def _nothing(predicted: Array) -> tuple[Array, Array]:
    """Mask bool[N] of the rows taken and best scores float[S] of an empty portfolio."""
    rows, sources = predicted.shape
    lowest = jnp.full(sources, jnp.finfo(predicted.dtype).min, predicted.dtype)
    return jnp.zeros(rows, bool), lowest
