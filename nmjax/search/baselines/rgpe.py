"""Bayesian optimisation by the ranking-weighted ensemble of past tasks' models and its own."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.knowledge import source_features
from nmjax.knowledge.rgpe import (
    misranked_by_all,
    rgpe_weights,
    sample_left_out,
    sample_sources,
    source_variance,
)
from nmjax.knowledge.state import is_source
from nmjax.memoised import memoised
from nmjax.predictors import Pool, PoolState, get_warp, init_pool, observe_pool, scale
from nmjax.search.acquisitions import most_improving
from nmjax.search.loop import SearchAlgorithm, SearchHyper, make_algorithm
from nmjax.search.problem import Problem, known_past, without_transfer
from nmjax.search.record import Record, SearchInfo, empty_record, pay
from nmjax.search.sizes import check_sizes
from nmjax.types import Array, Gaussian


class RGPEState(NamedTuple):
    """What a search by the ranking-weighted ensemble carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far.
      model: the target's own posterior, under the flat prior; leaves with a leading axis of 1.
      source_variance: float[S, N], of what each source says of the pool.
    """

    key: Array
    record: Record
    model: PoolState
    source_variance: Array


@memoised
def rgpe_search(*, capacity: int = 128, draws: int = 64, warp: str = "compress") -> SearchAlgorithm:
    """Expected improvement under RGPE (Feurer, Letham and Bakshy, 2018, algorithm 1).

    The ensemble is normal: means are averaged by the models' weights, variances by their squares.
    Sources are the posteriors of `knowledge.sources`, and the target's own model is the one of the
    search without transfer. A step draws from all of them anew: O(S M^3 + R S B^2) for S sources of
    M evaluations.

    Args:
      capacity: B, the largest budget.
      draws: R, by which models are weighted.
      warp: what is done to the scores so far, a name of `predictors.normalise`.

    Raises:
      NmjaxError: capacity or draws are not positive, or no warp has that name; of its functions, a
        problem without knowledge.
    """
    check_sizes(capacity=capacity, draws=draws)
    apply_warp = get_warp(warp)

    def init(key: Array, problem: Problem, hyper: SearchHyper) -> RGPEState:
        del hyper
        return RGPEState(
            key,
            empty_record(problem.score, capacity=capacity),
            init_pool(without_transfer(problem).prior, problem.pool, capacity=capacity),
            source_variance(known_past(problem), problem.pool.position),
        )

    def weigh(state: RGPEState, problem: Problem) -> Array:
        """Weights float[S + 1] of the sources and, last, the target's own model."""
        seen, warped = state.record.row, apply_warp(state.record.score)
        at_seen = Pool(problem.pool.features[seen], problem.pool.position[seen])
        source_key, target_key = jax.random.split(jax.random.fold_in(state.key, state.record.step))
        wrong = misranked_by_all(
            sample_sources(source_key, known_past(problem), at_seen.position, draws=draws),
            sample_left_out(
                target_key, without_transfer(problem).prior, at_seen, warped, draws=draws
            ),
            warped,
        )
        known = is_source(known_past(problem).sources)
        return rgpe_weights(jnp.sum(wrong, axis=(-2, -1)), known)

    def ensemble(state: RGPEState, problem: Problem) -> Gaussian:
        """Marginals float[N] of the score, without noise."""
        weights = weigh(state, problem)
        at_sources = source_features(len(state.source_variance))
        own = state.model.variance * scale(state.model)[:, None]
        mean = jnp.append(problem.pool.features[:, at_sources].T, state.model.mean, axis=0)
        variance = jnp.append(state.source_variance, own, axis=0)
        return Gaussian(weights @ mean, jnp.sqrt(jnp.square(weights) @ variance))

    def suggest(state: RGPEState, problem: Problem, hyper: SearchHyper) -> Array:
        del hyper
        warped = apply_warp(state.record.score)
        return most_improving(ensemble(state, problem), warped, state.record.evaluated)

    def observe(
        state: RGPEState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[RGPEState, SearchInfo]:
        record, info = pay(state.record, hyper.budget, index, score)
        newest = jnp.where(info.counted, record.step - 1, -1)
        prior, warped = without_transfer(problem).prior, apply_warp(record.score)
        model = observe_pool(state.model, prior, problem.pool, record.row, warped, newest)
        return state._replace(record=record, model=model), info

    return make_algorithm(init, suggest, observe)
