"""State of a search of a space, and its slots as a pool."""

from typing import NamedTuple

import jax.numpy as jnp

from nmjax.predictors import Pool, PoolState, extend_pool, init_pool
from nmjax.search.maximizers.points import empty_points, split
from nmjax.search.problem import ModelProblem, SpaceProblem
from nmjax.search.record import Record
from nmjax.spaces import Space, encoding_size
from nmjax.types import Array


class SpaceState(NamedTuple):
    """State of a `SpaceSearch`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      record: Evaluations so far; its rows are slots.
      initial: Points [4, C + R], the initial design and the alternative to its third point.
      model: Posteriors of the components over the slots, leaves with a leading axis of K.
      log_weights: float[K], posterior log-probabilities of the components.
      point: Points [B, C + R] in the slots, canonical; -1 where empty. A point is int32[C] if all
        choices are discrete; otherwise it is float32[C + R], the option indices followed by the
        real values.
      pool: Features and positions of the slots.
      proposal: Point [C + R] to evaluate next.
      log_ei: float[], logarithm of the proposal's expected improvement; inf if the search must not
        end yet, -inf if nothing is left to evaluate.

    Example:
      >>> import jax
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import SpaceSearch, default_hyper, make_space_problem
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["a", "b", "c"], act=["relu", "tanh"])
      >>> problem = make_space_problem(space, default_knowledge(space))
      >>> arguments = jax.random.key(0), problem, default_hyper(4)
      >>> jax.eval_shape(SpaceSearch(space, capacity=4).init, *arguments).point.shape
      (4, 2)
    """

    key: Array
    record: Record
    initial: Array
    model: PoolState
    log_weights: Array
    point: Array
    pool: Pool
    proposal: Array
    log_ei: Array


class Candidate(NamedTuple):
    """Architecture of a space with real-valued choices.

    Attributes:
      architecture: int32[C], an option index for each discrete choice.
      continuous: float32[R], the real values.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import Candidate
      >>> from nmjax.spaces import Real, Space
      >>> space = Space(op=["conv", "skip"], rate=Real(0, 1))
      >>> space.to_config(*Candidate(jnp.array([1]), jnp.array([0.5])))
      {'op': 'skip', 'rate': 0.5}
    """

    architecture: Array
    continuous: Array


Proposal = Array | Candidate


def empty_state(
    key: Array, problem: SpaceProblem, record: Record, initial: Array, *, space: Space
) -> SpaceState:
    """Return a state with empty slots.

    Args:
      key: Random key of the search.
      problem: Problem to search.
      record: Empty record with room for B evaluations.
      initial: Points [4, C + R], the initial design.
      space: Space of the architectures.
    """
    capacity, dtype = len(record.row), problem.log_weights.dtype
    pool = Pool(
        jnp.zeros((capacity, problem.prior.mean.shape[-1]), dtype),
        jnp.zeros((capacity, encoding_size(space)), dtype),
    )
    return SpaceState(
        key=key,
        record=record,
        initial=initial,
        model=init_pool(problem.prior, pool, capacity=capacity),
        log_weights=problem.log_weights,
        point=empty_points(space, capacity),
        pool=pool,
        proposal=jnp.zeros_like(empty_points(space, 1)[0]),
        log_ei=jnp.full((), jnp.inf, dtype),
    )


def to_proposal(space: Space, points: Array) -> Proposal:
    """Return points [..., C + R] as int32[..., C], or as a `Candidate` of a mixed space."""
    return Candidate(*split(space, points)) if space.num_continuous else points


def extend_slots(
    state: SpaceState, problem: SpaceProblem, more: Pool
) -> tuple[SpaceState, ModelProblem]:
    """Return the state and the problem of a pool of the slots and more architectures [n, ...]."""
    model, pool = extend_pool(state.model, problem.prior, state.pool, state.record.row, more)
    others = jnp.zeros((len(more.features),), bool)
    record = state.record._replace(evaluated=jnp.append(state.record.evaluated, others))
    return state._replace(model=model, record=record), as_pool_problem(problem, pool)


def as_pool_problem(problem: SpaceProblem, pool: Pool) -> ModelProblem:
    """Return a problem over a pool of architectures of the space, with unknown scores."""
    size, dtype = len(pool.features), pool.features.dtype
    return ModelProblem(
        score=jnp.full((size,), jnp.nan, dtype),
        pool=pool,
        prior=problem.prior,
        log_weights=problem.log_weights,
        cost=jnp.ones((size,), dtype),
        neighbors=jnp.arange(size, dtype=jnp.int32)[:, None],
    )
