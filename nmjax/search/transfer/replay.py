"""Replay past tasks as if they were new, to learn when transfer helps.

Each past task in turn is replayed with knowledge of the others. Features of a few random
evaluations measure how well the past fits the task, and two searches over its evaluations, with and
without transfer, show whether transfer helped. Past tasks that agree with one another never show
what a misleading past looks like, so every task is also replayed with its scores negated; these
replays together count as one task.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.knowledge import (
    MetaKnowledge,
    plan_portfolio,
    pool_features,
    select_portfolio,
    source_features,
    without_network,
)
from nmjax.predictors import Pool, PoolPrior, condition_pool, get_outcome_transform
from nmjax.search.algorithm import default_hyper
from nmjax.search.bayesian import BayesianSearch
from nmjax.search.loop import run_batch
from nmjax.search.problem import ModelProblem, with_flat_prior
from nmjax.stats import spearman
from nmjax.types import Array

MOST_EVALUATIONS = 10
"""Largest number of evaluations of a new task that advice reads, and smallest of a past task."""


class TransferReplay(NamedTuple):
    """R replays of each of T tasks.

    Attributes:
      features: float[T, R, F], how well the past fits a few evaluations.
      saved: float[T, R], number of evaluations that transfer saved; negative if it cost some.
      weight: float[T], number of observations that a task counts as.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search.transfer.replay import TransferReplay
      >>> TransferReplay(jnp.zeros((3, 8, 2)), jnp.ones((3, 8)), jnp.ones(3)).saved.mean()
      Array(1., dtype=float32)
    """

    features: Array
    saved: Array
    weight: Array


class _PastTask(NamedTuple):
    """A past task to replay: its source int32[], encodings float[M, D] and scores float[M]."""

    source: Array
    encoding: Array
    score: Array


def transfer_features(
    prior: PoolPrior, pool: Pool, past_mean: Array, score: Array, *, outcome_transform: str
) -> Array:
    """Return two features float[2] of how well the past fits some evaluations; 0 without any.

    The first is the log evidence ratio x of the transferred over the flat prior, as
    sign(x) log(1 + |x|) because it grows with the number of evaluations. The second is the rank
    correlation of the scores with the sources' mean.

    Args:
      prior: Priors, the transferred one first and the flat one last.
      pool: The n evaluated architectures.
      past_mean: float[n], mean of the sources' predictions.
      score: float[n]; NaN is ignored.
      outcome_transform: Name of the transform of the scores, as in `nmjax.predictors`.
    """
    state, _ = condition_pool(prior, pool, None, get_outcome_transform(outcome_transform)(score))
    ratio = state.log_evidence[0] - state.log_evidence[-1]
    return jnp.stack(
        [jnp.sign(ratio) * jnp.log1p(jnp.abs(ratio)), jnp.nan_to_num(spearman(past_mean, score))]
    )


@partial(jax.jit, static_argnames=("replays", "pool_size", "budget", "outcome_transform"))
def replay_transfer(
    key: Array,
    knowledge: MetaKnowledge,
    encoding: Array,
    score: Array,
    number: Array,
    *,
    replays: int,
    pool_size: int,
    budget: int,
    outcome_transform: str,
) -> TransferReplay:
    """Replay each past task, as observed and negated, as if it were new; T = 2S.

    The task's own source is masked, and the network, which was trained on it, is left out.

    Args:
      key: Random key.
      knowledge: Knowledge of S sources.
      encoding: float[S, M, D], the sources' evaluations.
      score: float[S, M]; NaN is never drawn.
      number: int32[], number of evaluations that the features are computed from, at most 10.
      replays: R, number of replays of each task.
      pool_size: Number of evaluations of a task that a replay searches.
      budget: Number of evaluations of the search without transfer.
      outcome_transform: Name of the transform of the scores, as in `nmjax.predictors`.
    """
    sources = score.shape[0]
    knowledge = without_network(knowledge)

    def of_task(args: tuple[Array, _PastTask]) -> tuple[Array, Array]:
        keys, task = args
        return jax.vmap(
            lambda key: _replay_once(
                key,
                knowledge,
                task,
                number,
                pool_size=pool_size,
                budget=budget,
                outcome_transform=outcome_transform,
            )
        )(keys)

    keys = jax.random.split(key, (2 * sources, replays))
    twice = jnp.tile(jnp.arange(sources), 2)
    both = jnp.concatenate([score, -score])
    features, saved = jax.lax.map(of_task, (keys, _PastTask(twice, encoding[twice], both)))
    weight = jnp.repeat(jnp.array([1, 1 / sources], score.dtype), sources)
    return TransferReplay(features, saved, weight)


def _replay_once(
    key: Array,
    knowledge: MetaKnowledge,
    task: _PastTask,
    number: Array,
    *,
    pool_size: int,
    budget: int,
    outcome_transform: str,
) -> tuple[Array, Array]:
    """Return the features float[F] of a task, and the evaluations float[] that transfer saved."""
    sources = len(knowledge.sources.constant)
    draw_key, search_key = jax.random.split(key)
    noise = jnp.where(
        jnp.isnan(task.score), -jnp.inf, jax.random.gumbel(draw_key, task.score.shape)
    )
    rows = jax.lax.top_k(noise, pool_size)[1]
    seen, score = pool_features(knowledge, task.encoding[rows]), task.score[rows]
    prior = without_source(knowledge.prior, task.source, sources=sources)
    predicted = seen.pool.features[:, source_features(sources)]
    others = jnp.arange(sources) != task.source
    portfolio = select_portfolio(predicted, others)
    past_mean = (jnp.sum(predicted, axis=-1) - predicted[:, task.source]) / (sources - 1)

    few = jnp.where(jnp.arange(MOST_EVALUATIONS) < number, score[:MOST_EVALUATIONS], jnp.nan)
    first = Pool(*(leaf[:MOST_EVALUATIONS] for leaf in seen.pool))
    features = transfer_features(
        prior, first, past_mean[:MOST_EVALUATIONS], few, outcome_transform=outcome_transform
    )

    problem = ModelProblem(
        score=score,
        pool=seen.pool,
        prior=prior,
        log_weights=knowledge.log_weights,
        cost=jnp.ones_like(score),
        portfolio=plan_portfolio(knowledge, portfolio, jnp.full_like(portfolio, -1)),
    )
    algorithm = BayesianSearch(capacity=2 * budget, outcome_transform=outcome_transform)
    hyper = default_hyper(2 * budget)

    def best_so_far(problem: ModelProblem) -> Array:
        # Both searches use the same draws.
        keys = jax.random.clone(search_key)[None]
        _, trace = run_batch(keys, problem, algorithm, hyper, steps=2 * budget)
        return jax.lax.cummax(trace.score[0])

    goal = best_so_far(with_flat_prior(problem))[budget - 1]
    return features, saved_evaluations(best_so_far(problem), goal)


def saved_evaluations(best_so_far: Array, goal: Array) -> Array:
    """Return how many fewer than b evaluations float[...] a search took to reach a goal.

    The result is -b if the search did not reach the goal.

    Args:
      best_so_far: float[..., 2 b], best scores so far of the search.
      goal: float[...], best score of another search after b evaluations.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search.transfer.replay import saved_evaluations
      >>> saved_evaluations(jnp.array([1.0, 3.0, 3.0, 4.0]), jnp.array(1.0))
      Array(1., dtype=float32)
    """
    length = best_so_far.shape[-1]
    reached = best_so_far >= goal[..., None]
    needed = jnp.where(jnp.any(reached, axis=-1), jnp.argmax(reached, axis=-1) + 1, length)
    return (length // 2 - needed).astype(best_so_far.dtype)


def without_source(prior: PoolPrior, source: Array, *, sources: int) -> PoolPrior:
    """Mask one source in the priors. The other sources take over its weight.

    Args:
      prior: Priors with the features of `pool_features`.
      source: int32[], the source to mask.
      sources: Number of sources, at least two.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import PoolPrior
      >>> from nmjax.search.transfer.replay import without_source
      >>> prior = PoolPrior(jnp.ones((1, 3)), jnp.ones((1, 3)), *jnp.ones((4, 1)))
      >>> without_source(prior, jnp.array(0), sources=2).mean.tolist()
      [[1.0, 0.0, 2.0]]
    """
    others = (jnp.arange(sources) != source).astype(prior.mean.dtype) * sources / (sources - 1)
    kept = jnp.ones_like(prior.mean[0]).at[source_features(sources)].set(others)
    return prior._replace(mean=prior.mean * kept[None], variance=prior.variance * kept[None])
