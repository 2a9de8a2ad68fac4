"""Bayesian optimization by the ranking-weighted ensemble of past tasks' models and its own."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.knowledge import source_features
from nmjax.knowledge.similarity.rgpe import (
    misranked_by_all,
    rgpe_weights,
    sample_left_out,
    sample_sources,
    source_variance,
)
from nmjax.knowledge.state import is_source
from nmjax.predictors import (
    Pool,
    PoolState,
    get_outcome_transform,
    init_pool,
    observe_pool,
    variance_scale,
)
from nmjax.search.acquisitions import most_improving
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper, check_sizes
from nmjax.search.problem import Problem, known_past, with_flat_prior
from nmjax.search.record import Record, SearchInfo, record_evaluation
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


@dataclass(frozen=True, kw_only=True)
class RGPESearch(SearchAlgorithm[RGPEState, Problem]):
    """Expected improvement under RGPE (Feurer, Letham and Bakshy, 2018, algorithm 1).

    The ensemble is normal: means are averaged by the models' weights, variances by their squares.
    Sources are the posteriors of `knowledge.sources`, and the target's own model is the one of the
    search without transfer. A step draws from all of them anew: O(S M^3 + R S B^2) for S sources of
    M evaluations.

    Attributes:
      capacity: B, the largest budget.
      evaluate: as in `SearchAlgorithm`.
      draws: R, number of draws by which models are weighted.
      outcome_transform: name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: capacity or draws are not positive, or no outcome transform has that name; when
        searching, the problem has no knowledge.
    """

    draws: int = 64
    outcome_transform: str = "log_lower_tail"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(draws=self.draws)
        get_outcome_transform(self.outcome_transform)

    def init(self, key: Array, problem: Problem, hyper: SearchHyper) -> RGPEState:
        """Return the state before the first evaluation."""
        del hyper
        return RGPEState(
            key,
            self.empty_record(problem.score),
            init_pool(with_flat_prior(problem).prior, problem.pool, capacity=self.capacity),
            source_variance(known_past(problem), problem.pool.position),
        )

    def _weigh(self, state: RGPEState, problem: Problem) -> Array:
        """Weights float[S + 1] of the sources and, last, the target's own model."""
        seen, transformed = (
            state.record.row,
            get_outcome_transform(self.outcome_transform)(state.record.score),
        )
        at_seen = Pool(problem.pool.features[seen], problem.pool.position[seen])
        source_key, target_key = jax.random.split(jax.random.fold_in(state.key, state.record.step))
        wrong = misranked_by_all(
            sample_sources(source_key, known_past(problem), at_seen.position, draws=self.draws),
            sample_left_out(
                target_key, with_flat_prior(problem).prior, at_seen, transformed, draws=self.draws
            ),
            transformed,
        )
        known = is_source(known_past(problem).sources)
        return rgpe_weights(jnp.sum(wrong, axis=(-2, -1)), known)

    def _ensemble(self, state: RGPEState, problem: Problem) -> Gaussian:
        """Marginals float[N] of the score, without noise."""
        weights = self._weigh(state, problem)
        at_sources = source_features(len(state.source_variance))
        own = state.model.variance * variance_scale(state.model)[:, None]
        mean = jnp.append(problem.pool.features[:, at_sources].T, state.model.mean, axis=0)
        variance = jnp.append(state.source_variance, own, axis=0)
        return Gaussian(weights @ mean, jnp.sqrt(jnp.square(weights) @ variance))

    def suggest(self, state: RGPEState, problem: Problem, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        del hyper
        transformed = get_outcome_transform(self.outcome_transform)(state.record.score)
        return most_improving(self._ensemble(state, problem), transformed, state.record.evaluated)

    def update(
        self, state: RGPEState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[RGPEState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        newest = jnp.where(info.counted, record.step - 1, -1)
        prior, transformed = (
            with_flat_prior(problem).prior,
            get_outcome_transform(self.outcome_transform)(record.score),
        )
        model = observe_pool(state.model, prior, problem.pool, record.row, transformed, newest)
        return state._replace(record=record, model=model), info
