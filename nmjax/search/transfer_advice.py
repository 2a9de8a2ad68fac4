"""Will the past help with a new task? Asked of the past, which knows how it went.

Each past task in turn is replayed as if it were new, out of what the others taught: a few random
evaluations of it say how far the past is to be believed, and two searches over its own
evaluations, with transfer and without, say whether it helped. How the one tells the other is
fitted by two small regressions and asked about the new task. As a past that agrees with itself
never shows what it looks like to be misled, all tasks with their scores negated are replayed too,
and count as one task together.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge import MetaKnowledge, pool_features, source_features
from nmjax.optimize import maximize
from nmjax.predictors import Pool, PoolPrior, condition_pool, get_outcome_transform
from nmjax.search.algorithm import default_hyper
from nmjax.search.bayesian import BayesianSearch
from nmjax.search.loop import run_batch
from nmjax.search.problem import Problem, with_flat_prior
from nmjax.stats import Interval, central_range, spearman
from nmjax.types import Array

MOST_EVALUATIONS = 10
_LEVEL = 0.9
_RESAMPLES = 200
_STEPS = 150


class TransferReplay(NamedTuple):
    """R replays of each of T tasks.

    Attributes:
      features: float[T, R, F], what a few evaluations say of the past.
      saved: float[T, R], evaluations that transfer saved; negative where it cost some.
      weight: float[T], how many observations a task counts as.
    """

    features: Array
    saved: Array
    weight: Array


class Advice(NamedTuple):
    """Whether transfer will help, float[] each, with 90% intervals over past tasks.

    Attributes:
      probability: that a search with transfer needs fewer evaluations for what one without it has
        found at its budget.
      saved: evaluations that it is expected to save, of that budget; negative where it costs some.
    """

    probability: Interval
    saved: Interval


def advise(
    key: Array,
    knowledge: MetaKnowledge,
    encoding: Array,
    score: Array,
    source_encoding: Array,
    source_score: Array,
    *,
    replays: int = 8,
    pool_size: int = 200,
    budget: int = 20,
    outcome_transform: str = "log_lower_tail",
) -> Advice:
    """Whether what past tasks taught will help with a new one, from at most 10 evaluations of it.

    The evaluations should be as replays draw them, uniform over the pool. A past task counts as
    one observation however often it is replayed, and intervals resample past tasks: few of them
    make wide intervals and probabilities near one half.

    Args:
      key: of the replays and resamples.
      knowledge: of S sources; its few numbers were fitted on all of them, which makes replays
        slightly too good.
      encoding: float[n, D], of the new task's evaluations; any numbers where there is none.
      score: float[n], at most 10; NaN where there is none or the evaluation failed.
      source_encoding: float[S, M, D], of the sources' evaluations.
      source_score: float[S, M], higher is better; NaN where failed or padded.
      replays: R, of each past task.
      pool_size: of its evaluations that a replay searches, 10 or more, and more than twice the
        budget.
      budget: of the searches without transfer; those with it may take twice as many.
      outcome_transform: of the scores, as the search's, a name of `predictors.normalize`.

    Raises:
      NmjaxError: more than 10 evaluations, shapes that do not fit, fewer than two sources, a pool
        that is too small, or a source with fewer evaluations than a replay takes.
    """
    sources = len(knowledge.sources.constant)
    if score.ndim != 1 or encoding.shape[:1] != score.shape or len(score) > MOST_EVALUATIONS:
        raise NmjaxError(
            f"Got encodings {list(encoding.shape)} and scores {list(score.shape)} of a new task; "
            f"give float[n, D] and float[n], n at most {MOST_EVALUATIONS}."
        )
    if sources < 2 or source_score.shape[:1] != (sources,):
        raise NmjaxError(
            f"Got the scores {list(source_score.shape)} of the past for knowledge of {sources} "
            "sources; give those of the same two or more tasks."
        )
    fewest = int(np.sum(~np.isnan(np.asarray(source_score)), axis=-1).min())
    least = max(2 * budget + 1, MOST_EVALUATIONS)
    if not least <= pool_size <= fewest:
        remedy = "lower the budget, or leave the shortest past tasks out"
        if least <= fewest:
            remedy = f"give a pool_size from {least} to {fewest}"
        raise NmjaxError(
            f"Got replays over {pool_size} evaluations by searches of up to {2 * budget}, and "
            f"past tasks of {fewest} or more; {remedy}."
        )
    rehearse_key, resample_key = jax.random.split(key)
    replayed = replay_transfer(
        rehearse_key,
        knowledge,
        source_encoding,
        source_score,
        jnp.sum(~jnp.isnan(score)),
        replays=replays,
        pool_size=pool_size,
        budget=budget,
        outcome_transform=outcome_transform,
    )
    seen = pool_features(knowledge, encoding)
    features = transfer_features(
        knowledge.prior,
        seen.pool,
        seen.past_mean,
        score,
        outcome_transform=outcome_transform,
    )
    return judge_by_replays(resample_key, replayed, features, jnp.asarray(float(budget)))


def transfer_features(
    prior: PoolPrior, pool: Pool, past_mean: Array, score: Array, *, outcome_transform: str
) -> Array:
    """What evaluations say of the past, float[2]; 0 without any.

    The evidence for the transferred prior over the flat one, log(1 + x) of its size as it grows
    with the number of evaluations, and the rank correlation with the sources' mean.

    Args:
      prior: the transferred one and, last, the flat one.
      pool: the n evaluated architectures.
      past_mean: float[n], mean of the sources' predictions.
      score: float[n]; NaN does not count.
      outcome_transform: of the scores, a name of `predictors.normalize`.
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
    """Each past task, as it was and negated, as if it were new; T = 2S.

    Its own source is barred, and so is the network, which may have been trained on it.

    Args:
      key: of the draws.
      knowledge: of S sources.
      encoding: float[S, M, D], of their evaluations.
      score: float[S, M]; NaN does not count, and no replay draws it.
      number: int32[], evaluations, at most 10, that the features are read from.
      replays: R, of each task.
      pool_size: evaluations of a task that a replay searches.
      budget: of the search without transfer.
      outcome_transform: of the scores, a name of `predictors.normalize`.
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

        problem = Problem(
            score=score,
            pool=seen.pool,
            prior=prior,
            log_weights=knowledge.log_weights,
            past_mean=past_mean,
            cost=jnp.ones_like(score),
            neighbors=jnp.zeros((pool_size, 0), jnp.int32),
        )

        def best_so_far(problem: Problem) -> Array:
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
    """How many fewer than b evaluations float[...] a search took to reach a goal; -b for never.

    Args:
      best_so_far: float[..., 2 b], of a search.
      goal: float[...], what another has after b evaluations.
    """
    length = best_so_far.shape[-1]
    reached = best_so_far >= goal[..., None]
    needed = jnp.where(jnp.any(reached, axis=-1), jnp.argmax(reached, axis=-1) + 1, length)
    return (length // 2 - needed).astype(best_so_far.dtype)


def without_source(prior: PoolPrior, source: Array, *, sources: int) -> PoolPrior:
    """Priors that bar one source, whose share goes to the others, and the network."""
    others = (jnp.arange(sources) != source).astype(prior.mean.dtype) * sources / (sources - 1)
    barred = jnp.zeros_like(prior.mean[0])
    kept = barred.at[0].set(1).at[source_features(sources)].set(others)
    return prior._replace(mean=prior.mean * kept[None], variance=prior.variance * kept[None])


def judge_by_replays(
    key: Array, replayed: TransferReplay, features: Array, budget: Array
) -> Advice:
    """What replays say of a task with features float[F].

    A logistic and a linear regression on standardized features, under standard normal priors of the
    coefficients; refitted with tasks weighted anew (the Bayesian bootstrap, Rubin, 1981) for the
    intervals.

    Args:
      key: of the resamples.
      replayed: T tasks, R times each.
      features: float[F], of the new task.
      budget: float[], of the searches without transfer, the unit of what is saved.
    """
    size = replayed.features.shape[-1]
    known = replayed.features.reshape(-1, size)
    center, spread = jnp.mean(known, axis=0), jnp.maximum(jnp.std(known, axis=0), 1e-3)

    def design(features: Array) -> Array:
        return jnp.append(jnp.ones(1, features.dtype), (features - center) / spread)

    saved = replayed.saved / budget
    inputs = jax.vmap(jax.vmap(design))(replayed.features)
    helped = (saved > 0).astype(saved.dtype) + 0.5 * (saved == 0).astype(saved.dtype)

    def fit(weight: Array) -> Array:
        def objective(coefficients: Array) -> Array:
            logit, expected = jnp.einsum("cf,srf->csr", coefficients, inputs)
            log_likelihood = helped * jax.nn.log_sigmoid(logit)
            log_likelihood += (1 - helped) * jax.nn.log_sigmoid(-logit)
            log_likelihood -= 0.5 * jnp.square(saved - expected)
            fitted = jnp.sum(weight * jnp.mean(log_likelihood, axis=-1))
            return fitted - 0.5 * jnp.sum(jnp.square(coefficients))

        return maximize(objective, jnp.zeros((2, size + 1)), steps=_STEPS)[0]

    drawn = jax.random.exponential(key, (_RESAMPLES, len(replayed.weight)))
    drawn = drawn * replayed.weight[None, :]
    drawn = drawn * jnp.sum(replayed.weight) / jnp.sum(drawn, axis=-1, keepdims=True)
    weights = jnp.concatenate([replayed.weight[None, :], drawn])
    coefficients = jax.vmap(fit)(weights)
    logit, expected = jnp.moveaxis(coefficients @ design(features), -1, 0)

    def interval(values: Array) -> Interval:
        return Interval(values[0], *central_range(values[1:], level=_LEVEL))

    return Advice(interval(jax.nn.sigmoid(logit)), interval(budget * expected))
