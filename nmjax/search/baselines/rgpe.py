"""RGPE: Bayesian optimization under a ranking-weighted ensemble of past and target models."""

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
    init_pool,
    observe_pool,
    variance_scale,
)
from nmjax.search.acquisitions import most_improving
from nmjax.search.algorithm import SearchHyper, TransformedSearch
from nmjax.search.problem import Problem, with_flat_prior
from nmjax.search.problem.kinds import known_past
from nmjax.search.record import Record, SearchInfo, record_evaluation
from nmjax.setting_checks import check_sizes
from nmjax.types import Array, Gaussian


class RGPEState(NamedTuple):
    """State of an `RGPESearch`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      record: Evaluations so far.
      model: Posterior of the target model under the flat prior, leaves with a leading axis of 1.
      source_variance: float[S, N], variance of each source's predictions for the pool.
    """

    key: Array
    record: Record
    model: PoolState
    source_variance: Array


@dataclass(frozen=True, kw_only=True)
class RGPESearch(TransformedSearch[RGPEState, Problem]):
    """Expected improvement under the ranking-weighted Gaussian process ensemble (RGPE).

    Algorithm 1 of Feurer, Letham and Bakshy, 2018, "Scalable meta-learning for Bayesian
    optimization". The prediction is normal: means are averaged with the weights of the models, and
    variances with their squares. The source models are the posteriors in `knowledge.sources`, and
    the target model is the process under the flat prior. Each step draws from all models:
    O(S M^3 + R S B^2) for S sources of M evaluations.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      draws: R, number of draws from which the weights are computed.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: `capacity` or `draws` is not positive, or the outcome transform is unknown; during
        the search, the problem has no knowledge.

    Example:
      >>> from nmjax.search import RGPESearch
      >>> RGPESearch(capacity=16, draws=32).outcome_transform
      'log_lower_tail'
    """

    draws: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(draws=self.draws)

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
        """Return the weights float[S + 1] of the source models and, last, the target model."""
        seen, transformed = state.record.row, self.transform(state.record.score)
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
        """Return marginals float[N] of the noise-free score."""
        weights = self._weigh(state, problem)
        at_sources = source_features(len(state.source_variance))
        own = state.model.variance * variance_scale(state.model)[:, None]
        mean = jnp.append(problem.pool.features[:, at_sources].T, state.model.mean, axis=0)
        variance = jnp.append(state.source_variance, own, axis=0)
        return Gaussian(weights @ mean, jnp.sqrt(jnp.square(weights) @ variance))

    def suggest(self, state: RGPEState, problem: Problem, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        del hyper
        transformed = self.transform(state.record.score)
        return most_improving(self._ensemble(state, problem), transformed, state.record.evaluated)

    def update(
        self, state: RGPEState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[RGPEState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        newest = jnp.where(info.counted, record.step - 1, -1)
        prior, transformed = with_flat_prior(problem).prior, self.transform(record.score)
        model = observe_pool(state.model, prior, problem.pool, record.row, transformed, newest)
        return state._replace(record=record, model=model), info
