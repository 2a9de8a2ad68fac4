"""Problems: the data that a search reads and never changes."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeVar

import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.knowledge import MetaKnowledge, flat_prior
from nmjax.predictors import FailureRates, Pool, PoolPrior, flat_component
from nmjax.search.problem.components import LearnedComponent
from nmjax.types import Array, PyTree


class HasScores(Protocol):
    """Problem over a pool of N rows, as read by searches without a model.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import HasScores, ScoreTable
      >>> problem: HasScores = ScoreTable(jnp.arange(4.0))
    """

    @property
    def score(self) -> Array:
        """Scores float[N] that evaluations return; NaN where failed or unknown."""


class HasNeighbors(HasScores, Protocol):
    """Problem over a pool with the neighbors of each row, as read by local searches.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import HasNeighbors, ScoreTable
      >>> problem: HasNeighbors = ScoreTable(jnp.arange(2.0), jnp.array([[1], [0]]))
    """

    @property
    def neighbors(self) -> Array | None:
        """Rows int32[N, J] one choice away from each row; None if the space has none."""


class HasModel(HasNeighbors, Protocol):
    """Problem over a pool with K priors of the score, as read by Bayesian searches.

    Example:
      >>> from nmjax.search import HasModel, Problem
      >>> def number_of_components(problem: HasModel) -> int:
      ...     return len(problem.log_weights)
    """

    @property
    def pool(self) -> Pool:
        """Features and positions of the architectures."""

    @property
    def prior(self) -> PoolPrior:
        """Priors of the score over the pool."""

    @property
    def log_weights(self) -> Array:
        """Prior log-probabilities float[K] of the components."""

    @property
    def cost(self) -> Array:
        """Expected cost float[N] of each evaluation."""

    @property
    def parts(self) -> Array | None:
        """Parts float[N, F] of each architecture, to which failures are attributed."""

    @property
    def failures(self) -> FailureRates | None:
        """Failure rates of the parts; None if failures are ignored."""

    @property
    def portfolio(self) -> Array | None:
        """Rows int32[2] of the first and third evaluation; None if both are uniform."""

    @property
    def feasibility(self) -> Array | None:
        """Probability float[N] that each row meets known limits; None without limits."""

    @property
    def learned(self) -> tuple[LearnedComponent, ...]:
        """Meta-trained components of the model."""


class ScoreTable(NamedTuple):
    """Pool with scores only, for searches without a model.

    Attributes:
      score: float[N], scores that evaluations return; NaN and infinities fail.
      neighbors: int32[N, J], as in `Problem`; None for searches that do not read them.

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
    """Pool with priors of its scores, for searches that do not read the past itself.

    Attributes:
      score: float[N], scores that evaluations return; NaN and infinities fail.
      pool: Features and position of each architecture.
      prior: Priors of the score over the pool, leaves with a leading axis of K components.
      log_weights: float[K], prior log-probabilities of the components.
      cost: float[N], positive, expected cost of each evaluation in any unit.
      neighbors: int32[N, J], as in `Problem`; None for acquisitions that do not read them.
      parts: float[N, F], as in `Problem`; None if failures are ignored.
      failures: Failure rates of the parts; None if failures are ignored.
      portfolio: int32[2], as in `Problem`.
      feasibility: float[N], as in `Problem`; None without limits.
      learned: Meta-trained components of the model.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.predictors import Pool, PoolPrior
      >>> from nmjax.search import ModelProblem
      >>> prior = PoolPrior(jnp.zeros((1, 2)), jnp.ones((1, 2)), *jnp.ones((4, 1)))
      >>> pool, score = Pool(jnp.eye(5, 2), jnp.eye(5, 3)), jnp.arange(5.0)
      >>> ModelProblem(score, pool, prior, jnp.zeros(1), cost=jnp.ones(5)).score.shape
      (5,)
    """

    score: Array
    pool: Pool
    prior: PoolPrior
    log_weights: Array
    cost: Array
    neighbors: Array | None = None
    parts: Array | None = None
    failures: FailureRates | None = None
    portfolio: Array | None = None
    feasibility: Array | None = None
    learned: tuple[LearnedComponent, ...] = ()


class Problem(NamedTuple):
    """Pool to search, with priors from past tasks, as returned by `make_problem`.

    Attributes:
      score: float[N], scores that evaluations return; NaN and infinities fail. A search reads an
        entry only to evaluate it. All are NaN if evaluations happen elsewhere, as in a `Study`.
      pool: Features and position of each architecture.
      prior: Priors of the score over the pool, leaves with a leading axis of K components.
      log_weights: float[K], prior log-probabilities of the components.
      past_mean: float[N], mean over sources of their predicted scores.
      cost: float[N], positive, expected cost of each evaluation in any unit.
      neighbors: int32[N, J], rows one choice away, padded with the row's own index. None for spaces
        with real-valued choices or without flat indices (`has_flat_index`).
      knowledge: Knowledge that the problem was made from, for searches with a transfer of their
        own.
      paths: bool[N, Q], paths through the cell of each architecture, as in `encode_paths`; None if
        the space has real-valued choices.
      parts: float[N, F], parts that each architecture contains (`spaces.encoded_parts`).
      failures: Failure rates of the parts, from past tasks; None if failures are ignored.
      portfolio: int32[2], rows of the first and third evaluation, chosen by past tasks; -1 for a
        uniform row. None if both are uniform.
      feasibility: float[N], probability that each architecture meets known limits, such as one on
        latency. `BayesianSearch` multiplies the acquisition by it, and never suggests a row with
        probability 0. None without limits.
      learned: Meta-trained components of the model, as added by `add_component`.

    Example:
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import make_problem
      >>> from nmjax.spaces import Space, enumerate_architectures
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> problem = make_problem(
      ...     space, enumerate_architectures(space), None, default_knowledge(space))
      >>> problem.score.shape, problem.neighbors.shape
      ((6,), (6, 3))
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
    parts: Array | None = None
    failures: FailureRates | None = None
    portfolio: Array | None = None
    feasibility: Array | None = None
    learned: tuple[LearnedComponent, ...] = ()


class SpaceProblem(NamedTuple):
    """Space to search without enumerating it, as returned by `make_space_problem`.

    Attributes:
      prior: Priors of the score over the space, leaves with a leading axis of K components.
      log_weights: float[K], prior log-probabilities of the components.
      knowledge: Knowledge that the prior was made from.
      target: Data that evaluations read, any pytree; None if evaluations happen elsewhere.
      failures: Failure rates of the parts of architectures; None if failures are ignored.

    Example:
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import make_space_problem
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> make_space_problem(space, default_knowledge(space)).log_weights.shape
      (2,)
    """

    prior: PoolPrior
    log_weights: Array
    knowledge: MetaKnowledge
    target: PyTree = None
    failures: FailureRates | None = None


AnyProblem = TypeVar("AnyProblem", Problem, ModelProblem, SpaceProblem)


def with_flat_prior(problem: AnyProblem) -> AnyProblem:
    """Return the problem under its flat prior alone, which disables transfer.

    The flat prior is the last process. Meta-trained components are removed. Failures of past tasks
    are ignored too, and so is their portfolio, as in all problems with one process.

    Example:
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import make_space_problem, with_flat_prior
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> with_flat_prior(make_space_problem(space, default_knowledge(space))).log_weights
      Array([0.], dtype=float32)
    """
    flat = problem._replace(
        prior=flat_prior(problem.prior),
        log_weights=jnp.zeros_like(problem.log_weights[-1:]),
        failures=None if problem.failures is None else flat_component(problem.failures),
    )
    return flat if isinstance(flat, SpaceProblem) else flat._replace(learned=())


def with_unevaluated_changed(problem: Problem, evaluated: Array) -> Iterator[Problem]:
    """Yield the problem with far lower, then far higher scores of unevaluated rows.

    Their order is reversed, and none is NaN. A search that reads only evaluated scores suggests the
    same rows for each of these problems.

    Args:
      problem: Problem with scores.
      evaluated: bool[N], rows whose scores stay the same.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import ScoreTable
      >>> from nmjax.search.problem import with_unevaluated_changed
      >>> table, evaluated = ScoreTable(jnp.array([1.0, 2.0])), jnp.array([True, False])
      >>> [changed.score.tolist() for changed in with_unevaluated_changed(table, evaluated)]
      [[1.0, -1002.0], [1.0, 998.0]]
    """
    for change in (-1000, 1000):
        other = change - jnp.nan_to_num(problem.score)
        yield problem._replace(score=jnp.where(evaluated, problem.score, other))


def known_past(problem: Problem) -> MetaKnowledge:
    """Return the knowledge that a problem was made from.

    Raises:
      NmjaxError: The problem has none.
    """
    if problem.knowledge is None:
        raise NmjaxError(
            "Got a problem without knowledge, but the search learns from its sources; use "
            "make_problem."
        )
    return problem.knowledge


def known_neighbors(problem: HasNeighbors) -> Array:
    """Return the neighbors int32[N, J] of the rows of a problem.

    Raises:
      NmjaxError: The problem has none.
    """
    if problem.neighbors is None:
        raise NmjaxError(
            "Got a problem whose rows have no neighbors, because the space has real-valued choices "
            "or no flat indices, for a search by neighbors; use BayesianSearch, or ordinal choices."
        )
    return problem.neighbors


def known_paths(problem: Problem) -> Array:
    """Return the paths float[N, Q] through the cells of a problem's architectures.

    Raises:
      NmjaxError: The problem has none.
    """
    if problem.paths is None:
        raise NmjaxError(
            "Got a problem without paths, but the networks of the search are trained on them; use "
            "make_problem with a space of discrete choices."
        )
    return problem.paths.astype(problem.score.dtype)
