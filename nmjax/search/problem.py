"""What a search reads and never changes."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge import MetaKnowledge, PoolFeatures, flat_prior, pool_features, require_space
from nmjax.predictors import Pool, PoolPrior
from nmjax.spaces import (
    Space,
    canonicalize_mixed,
    encode,
    encode_paths,
    has_flat_index,
    is_valid,
    pool_neighbors,
    within_bounds,
)
from nmjax.tasks.metrics import failed_unless_finite
from nmjax.types import Array, PyTree


class HasScores(Protocol):
    """A problem of a pool whose size is that of its scores float[N]."""

    @property
    def score(self) -> Array:
        """What evaluations return, NaN where they fail or are not known."""


class HasNeighbors(HasScores, Protocol):
    """A problem of a pool with rows int32[N, J] that are one choice away from each."""

    @property
    def neighbors(self) -> Array | None:
        """The neighbors, or None where the space has none."""


class HasModel(HasNeighbors, Protocol):
    """A problem of a pool with K priors of the score."""

    @property
    def pool(self) -> Pool:
        """Features and positions of the architectures."""

    @property
    def prior(self) -> PoolPrior:
        """Priors of the score over the pool."""

    @property
    def log_weights(self) -> Array:
        """Prior log-probabilities float[K] of the priors."""

    @property
    def cost(self) -> Array:
        """Expected cost float[N] of each evaluation."""


class ScoreTable(NamedTuple):
    """A pool of which nothing but the scores is read, for searches without a model.

    Attributes:
      score: float[N], what an evaluation returns; NaN and infinities fail.
      neighbors: int32[N, J], rows one choice away, as in `Problem`; None for searches that read
        none.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.search import RandomSearch, ScoreTable, run_batch
      >>> keys = jax.random.split(jax.random.key(0), 2)
      >>> run_batch(keys, ScoreTable(jnp.arange(4.0)), RandomSearch(), steps=4)[1].score.max(1)
      Array([3., 3.], dtype=float32)
    """

    score: Array
    neighbors: Array | None = None


class ModelProblem(NamedTuple):
    """A pool with priors of its scores, for searches that do not ask what the past was.

    Attributes:
      score: float[N], what an evaluation returns; NaN and infinities fail.
      pool: Features and position of each architecture.
      prior: Priors of the score over the pool, leaves with a leading axis of K components.
      log_weights: float[K], prior log-probabilities of the components.
      cost: float[N], positive, expected cost of each evaluation in any unit.
      neighbors: int32[N, J], as in `Problem`; None for acquisitions that read none.
    """

    score: Array
    pool: Pool
    prior: PoolPrior
    log_weights: Array
    cost: Array
    neighbors: Array | None = None


class Problem(NamedTuple):
    """A pool to search with everything that is known beforehand, as `make_problem` makes it.

    Attributes:
      score: float[N], what an evaluation returns; NaN and infinities fail. Reading an entry
        counts as an evaluation. All are NaN if scores are not known yet, as in a `Study`.
      pool: features and position of each architecture.
      prior: of the score over the pool, leaves with a leading axis of K components.
      log_weights: float[K], prior log-probabilities of the components.
      past_mean: float[N], mean over sources of their predicted scores.
      cost: float[N], positive, what an evaluation is expected to cost, in any unit.
      neighbors: int32[N, J], rows one choice away; a row's own index where there are fewer. None
        for spaces with real-valued choices or without flat indices (`has_flat_index`).
      knowledge: what the above was made of, for searches that weigh the past in ways of their own.
      paths: bool[N, Q], the paths through each architecture's cell, as `encode_paths` makes them;
        None where there are real-valued choices.
    """

    score: Array
    pool: Pool
    prior: PoolPrior
    log_weights: Array
    past_mean: Array
    cost: Array
    neighbors: Array | None
    knowledge: MetaKnowledge | None = None
    paths: Array | None = None


class SpaceProblem(NamedTuple):
    """A space to search that need not be listed, and what is known beforehand.

    Attributes:
      prior: of the score over the space, leaves with a leading axis of K components.
      log_weights: float[K], prior log-probabilities of the components.
      knowledge: what the prior was made of, and where the past was best.
      target: what evaluations read, any pytree; None where they happen elsewhere.
    """

    prior: PoolPrior
    log_weights: Array
    knowledge: MetaKnowledge
    target: PyTree = None


AnyProblem = TypeVar("AnyProblem", Problem, ModelProblem, SpaceProblem)


def make_problem(
    space: Space,
    pool: Array,
    score: Array | None,
    knowledge: MetaKnowledge,
    *,
    continuous: Array | None = None,
    cost: Array | None = None,
) -> Problem:
    """The problem of finding the best of a pool with what is known from past tasks.

    Args:
      space: what the architectures are.
      pool: int32[N, C], canonical; no two are the same in all choices.
      score: float[N], higher is better, NaN or infinite for failures, which become NaN; None where
        none is known.
      knowledge: learned on the same space.
      continuous: float32[N, R], the pool's real-valued choices, if the space has some.
      cost: float[N], positive, what an evaluation is expected to cost; the same for all by default.

    Raises:
      NmjaxError: the knowledge is of another space, shapes do not fit, the pool is empty, has
        options or values out of range, architectures that are not allowed or the same twice, no
        score is finite, or a cost is not positive.
    """
    pool = _checked_pool(space, pool)
    numbers = np.zeros((len(pool), 0)) if continuous is None else np.asarray(continuous)
    if (
        numbers.shape != (len(pool), space.num_continuous)
        or not within_bounds(space, numbers).all()
    ):
        raise NmjaxError(
            f"Got continuous {list(numbers.shape)} for {len(pool)} architectures of space "
            f"{space.name!r}; give continuous=float32[N, "
            f"{space.num_continuous}], each within its bounds."
        )
    known = np.full(len(pool), np.nan) if score is None else np.asarray(score)
    if known.shape != (len(pool),) or (score is not None and not np.isfinite(known).any()):
        raise NmjaxError(
            f"Got scores {list(known.shape)} for {len(pool)} architectures; "
            "give one number each, NaN for failures, at least one finite."
        )
    cost = jnp.ones(len(pool)) if cost is None else jnp.asarray(cost)
    if cost.shape != (len(pool),) or not np.all(np.asarray(cost) > 0):
        raise NmjaxError(
            f"Got costs {list(cost.shape)} for {len(pool)} architectures; "
            "give one positive number each."
        )
    _check_distinct(space, pool, numbers)
    require_space(knowledge, space)
    features = _features(knowledge, pool, jnp.asarray(numbers, jnp.float32), space=space)
    dtype = features.pool.features.dtype
    return Problem(
        score=failed_unless_finite(jnp.asarray(known, dtype)),
        pool=features.pool,
        prior=knowledge.prior,
        log_weights=knowledge.log_weights,
        past_mean=features.past_mean,
        cost=cost.astype(dtype),
        neighbors=pool_neighbors(space, pool) if has_flat_index(space) else None,
        knowledge=knowledge,
        paths=None if space.continuous else encode_paths(space, pool),
    )


def _checked_pool(space: Space, pool: Array) -> Array:
    """The pool as int32[N, C], each of which is an architecture of the space."""
    given = np.asarray(pool)
    if given.ndim != 2 or not len(given) or given.shape[1] != space.num_choices:
        raise NmjaxError(
            f"Got a pool {list(given.shape)} for space {space.name!r}; "
            f"give one or more architectures as int32[N, {space.num_choices}]."
        )
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise NmjaxError(
            f"Got a pool of {given.dtype} for space {space.name!r}; give option indices as int32."
        )
    wrong = np.argwhere((given < 0) | (given >= np.array(space.num_options, int)[None, :]))
    if len(wrong):
        row, place = wrong[0]
        choice = space.choices[place]
        raise NmjaxError(
            f"Row {row} of the pool has option {given[row, place]} of choice {choice.name!r}, "
            f"which has {len(choice.options)}; give indices from 0 to {len(choice.options) - 1}."
        )
    checked = jnp.asarray(given, jnp.int32)
    invalid = np.flatnonzero(~np.asarray(is_valid(space, checked)))
    if len(invalid):
        raise NmjaxError(
            f"Row {invalid[0]} of the pool, {given[invalid[0]].tolist()}, is not allowed in space "
            f"{space.name!r}; leave it out."
        )
    return checked


def _check_distinct(space: Space, pool: Array, continuous: np.ndarray) -> None:
    """Refuse architectures of a pool that are the same or isomorphic."""
    numbers = jnp.asarray(continuous, jnp.float32)
    canonical = (np.asarray(leaf) for leaf in canonicalize_mixed(space, pool, numbers))
    rows = np.concatenate([leaf.astype(np.float64) for leaf in canonical], axis=1)
    _, first, copies = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    repeated = np.flatnonzero(first[copies.ravel()] != np.arange(len(rows)))
    if len(repeated):
        row = repeated[0]
        raise NmjaxError(
            f"Rows {first[copies.ravel()[row]]} and {row} of the pool are the same or isomorphic "
            "architectures; give each once."
        )


def make_space_problem(
    space: Space, knowledge: MetaKnowledge, target: PyTree = None
) -> SpaceProblem:
    """The problem of finding the best of a space of any size with what is known from past tasks.

    Args:
      space: of any size, of discrete, real-valued and conditional choices.
      knowledge: learned on the same space.
      target: what evaluations read, any pytree.

    Raises:
      NmjaxError: the knowledge is of another space.
    """
    require_space(knowledge, space)
    return SpaceProblem(knowledge.prior, knowledge.log_weights, knowledge, target)


def with_unevaluated_changed(problem: Problem, evaluated: Array) -> Iterator[Problem]:
    """The problem with far lower, then far higher scores of the rows not in evaluated bool[N].

    Their order is reversed, and none is NaN. A search that reads only what it evaluated suggests
    the same rows as without the change.
    """
    for change in (-1000, 1000):
        other = change - jnp.nan_to_num(problem.score)
        yield problem._replace(score=jnp.where(evaluated, problem.score, other))


@partial(jax.jit, static_argnames="space")
def _features(
    knowledge: MetaKnowledge, pool: Array, continuous: Array, *, space: Space
) -> PoolFeatures:
    return pool_features(knowledge, encode(space, pool, continuous))


def known_past(problem: Problem) -> MetaKnowledge:
    """The knowledge that a problem was made of.

    Raises:
      NmjaxError: the problem has none.
    """
    if problem.knowledge is None:
        raise NmjaxError(
            "Got a problem without the knowledge whose sources the search learns from; make it by "
            "make_problem."
        )
    return problem.knowledge


def known_neighbors(problem: HasNeighbors) -> Array:
    """The rows int32[N, J] of a problem that are one choice away from each.

    Raises:
      NmjaxError: the problem has none.
    """
    if problem.neighbors is None:
        raise NmjaxError(
            "Got a problem of real-valued choices, which have no neighbors, for a search by "
            "neighbors; use BayesianSearch, or make them ordinal choices."
        )
    return problem.neighbors


def with_flat_prior(problem: AnyProblem) -> AnyProblem:
    """The same problem under the flat prior alone, the last component."""
    return problem._replace(
        prior=flat_prior(problem.prior), log_weights=jnp.zeros_like(problem.log_weights[-1:])
    )
