"""Replay past tasks as if they were new, to learn when transfer helps.

Each past task in turn is replayed with knowledge of the others. Features of a few random
evaluations measure how well the past fits the task, and two searches over its own evaluations, with
and without transfer, show whether transfer helped. A logistic regression from the features to the
outcome is fitted and applied to the new task. Past tasks that agree never show what a misleading
past looks like, so every task is also replayed with its scores negated; these replays count as one
task together.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.knowledge import MetaKnowledge, pool_features, source_features
from nmjax.optimize import maximize
from nmjax.predictors import Pool, PoolPrior, condition_pool, get_outcome_transform
from nmjax.search.algorithm import default_hyper
from nmjax.search.bayesian import BayesianSearch
from nmjax.search.loop import run_batch
from nmjax.search.problem import ModelProblem, with_flat_prior
from nmjax.stats import Interval, central_range, spearman
from nmjax.types import Array

MOST_EVALUATIONS = 10
"""Evaluations of a new task that advice reads, at most; a replay needs as many."""
_LEVEL = 0.9
_RESAMPLES = 200
_STEPS = 150


class TransferReplay(NamedTuple):
    """R replays of each of T tasks.

    Attributes:
      features: float[T, R, F], how well the past fits a few evaluations.
      saved: float[T, R], evaluations that transfer saved; negative where it cost some.
      weight: float[T], number of observations that a task counts as.
    """

    features: Array
    saved: Array
    weight: Array


def transfer_features(
    prior: PoolPrior, pool: Pool, past_mean: Array, score: Array, *, outcome_transform: str
) -> Array:
    """Return two features float[2] of how well the past fits some evaluations; 0 without any.

    The log evidence ratio of the transferred over the flat prior, as sign(x) log(1 + |x|) because
    it grows with the number of evaluations; and the rank correlation with the sources' mean.

    Args:
      prior: priors, the transferred one first and the flat one last.
      pool: the n evaluated architectures.
      past_mean: float[n], mean of the sources' predictions.
      score: float[n]; NaN is ignored.
      outcome_transform: name of the transform of the scores, as in `nmjax.predictors`.
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
    """Replay each past task, as it was and negated, as if it were new; T = 2S.

    The task's own source is masked, and so is the network, which may have been trained on it.

    Args:
      key: PRNG key of the draws.
      knowledge: learned from S sources.
      encoding: float[S, M, D], the sources' evaluations.
      score: float[S, M]; NaN is never drawn.
      number: int32[], number of evaluations that the features are computed from, at most 10.
      replays: R, replays of each task.
      pool_size: evaluations of a task that a replay searches.
      budget: evaluations of the search without transfer.
      outcome_transform: name of the transform of the scores, as in `nmjax.predictors`.
    """
    sources = score.shape[0]
    algorithm = BayesianSearch(capacity=2 * budget, outcome_transform=outcome_transform)
    hyper = default_hyper(2 * budget)

    def one(args: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        key, source, encoding, score = args
        draw_key, search_key = jax.random.split(key)
        noise = jnp.where(jnp.isnan(score), -jnp.inf, jax.random.gumbel(draw_key, score.shape))
        rows = jax.lax.top_k(noise, pool_size)[1]
        seen, score = pool_features(knowledge, encoding[rows]), score[rows]
        prior = without_source(knowledge.prior, source, sources=sources)
        predicted = seen.pool.features[:, source_features(sources)]
        past_mean = (jnp.sum(predicted, axis=-1) - predicted[:, source]) / (sources - 1)

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
        )

        def best_so_far(problem: ModelProblem) -> Array:
            # Both searches with the same draws.
            keys = jax.random.clone(search_key)[None]
            _, trace = run_batch(keys, problem, algorithm, hyper, steps=2 * budget)
            return jax.lax.cummax(trace.score[0])

        goal = best_so_far(with_flat_prior(problem))[budget - 1]
        return features, saved_evaluations(best_so_far(problem), goal)

    def of_task(args: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        keys, *rest = args
        return jax.vmap(lambda key: one((key, *rest)))(keys)

    keys = jax.random.split(key, (2 * sources, replays))
    twice = jnp.tile(jnp.arange(sources), 2)
    both = jnp.concatenate([score, -score])
    features, saved = jax.lax.map(of_task, (keys, twice, encoding[twice], both))
    weight = jnp.repeat(jnp.array([1, 1 / sources], score.dtype), sources)
    return TransferReplay(features, saved, weight)


def saved_evaluations(best_so_far: Array, goal: Array) -> Array:
    """Return how many fewer than b evaluations float[...] a search took to a goal; -b for never.

    Args:
      best_so_far: float[..., 2 b], incumbents of a search.
      goal: float[...], incumbents of another search after b evaluations.

    Example:
      >>> import jax.numpy as jnp
      >>> saved_evaluations(jnp.array([1.0, 3.0, 3.0, 4.0]), jnp.array(1.0))
      Array(1., dtype=float32)
    """
    length = best_so_far.shape[-1]
    reached = best_so_far >= goal[..., None]
    needed = jnp.where(jnp.any(reached, axis=-1), jnp.argmax(reached, axis=-1) + 1, length)
    return (length // 2 - needed).astype(best_so_far.dtype)


def without_source(prior: PoolPrior, source: Array, *, sources: int) -> PoolPrior:
    """Mask one source, whose weight goes to the others, and the network in the priors."""
    others = (jnp.arange(sources) != source).astype(prior.mean.dtype) * sources / (sources - 1)
    barred = jnp.zeros_like(prior.mean[0])
    kept = barred.at[0].set(1).at[source_features(sources)].set(others)
    return prior._replace(mean=prior.mean * kept[None], variance=prior.variance * kept[None])


def judge_by_replays(key: Array, replayed: TransferReplay, features: Array) -> Interval:
    """Return the probability that transfer helps a task with features float[F], from replays.

    A logistic regression on standardized features with a standard normal prior of the coefficients.
    The 90% interval refits it with random weights of the tasks (Bayesian bootstrap, Rubin, 1981)
    and with prior means drawn from the prior, so that few tasks leave it wide.

    Args:
      key: PRNG key of the resamples.
      replayed: R replays of each of T tasks.
      features: float[F], features of the new task.
    """
    size = replayed.features.shape[-1]
    known = replayed.features.reshape(-1, size)
    center, spread = jnp.mean(known, axis=0), jnp.maximum(jnp.std(known, axis=0), 1e-3)

    def design(features: Array) -> Array:
        return jnp.append(jnp.ones(1, features.dtype), (features - center) / spread)

    saved = replayed.saved
    inputs = jax.vmap(jax.vmap(design))(replayed.features)
    helped = (saved > 0).astype(saved.dtype) + 0.5 * (saved == 0).astype(saved.dtype)

    def fit(weight: Array, prior_mean: Array) -> Array:
        def objective(coefficients: Array) -> Array:
            logit = inputs @ coefficients
            log_likelihood = helped * jax.nn.log_sigmoid(logit)
            log_likelihood += (1 - helped) * jax.nn.log_sigmoid(-logit)
            fitted = jnp.sum(weight * jnp.mean(log_likelihood, axis=-1))
            return fitted - 0.5 * jnp.sum(jnp.square(coefficients - prior_mean))

        return maximize(objective, jnp.zeros(size + 1), steps=_STEPS)[0]

    weight_key, prior_key = jax.random.split(key)
    drawn = jax.random.exponential(weight_key, (_RESAMPLES, len(replayed.weight)))
    drawn = drawn * replayed.weight[None, :]
    drawn = drawn * jnp.sum(replayed.weight) / jnp.sum(drawn, axis=-1, keepdims=True)
    weights = jnp.concatenate([replayed.weight[None, :], drawn])
    means = jax.random.normal(prior_key, (_RESAMPLES, size + 1), features.dtype)
    means = jnp.concatenate([jnp.zeros_like(means[:1]), means])
    probability = jax.nn.sigmoid(jax.vmap(fit)(weights, means) @ design(features))
    return Interval(probability[0], *central_range(probability[1:], level=_LEVEL))
