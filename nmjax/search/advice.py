"""Will the past help with a new task? Asked of the past, which knows how it went.

Each past task in turn is rehearsed as if it were new, out of what the others taught: a few random
evaluations of it say how far the past is to be believed, and two searches over its own
evaluations, with transfer and without, say whether it helped. How the one tells the other is
fitted by two small regressions and asked about the new task. As a past that agrees with itself
never shows what it looks like to be misled, all tasks with their scores negated are rehearsed too,
and count as one task together.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge import MetaKnowledge, pool_features, source_features
from nmjax.knowledge.evidence import maximise
from nmjax.predictors import Pool, PoolPrior, condition_pool, get_warp
from nmjax.search.loop import bayesian_search, default_hyper, search_lanes
from nmjax.search.problem import Problem, without_transfer
from nmjax.stats import Interval, central_range, spearman
from nmjax.types import Array

MOST_EVALUATIONS = 10
_LEVEL = 0.9
_RESAMPLES = 200
_STEPS = 150


class Rehearsal(NamedTuple):
    """R rehearsals of each of T tasks.

    Attributes:
      signs: float[T, R, F], what a few evaluations say of the past.
      saved: float[T, R], evaluations that transfer saved; negative where it cost some.
      weight: float[T], how many observations a task counts as.
    """

    signs: Array
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
    rehearsals: int = 8,
    pool_size: int = 200,
    budget: int = 20,
    warp: str = "compress",
) -> Advice:
    """Whether what past tasks taught will help with a new one, from at most 10 evaluations of it.

    The evaluations should be as rehearsals draw them, uniform over the pool. A past task counts as
    one observation however often it is rehearsed, and intervals resample past tasks: few of them
    make wide intervals and probabilities near one half.

    Args:
      key: of the rehearsals and resamples.
      knowledge: of S sources; its few numbers were fitted on all of them, which makes rehearsals
        slightly too good.
      encoding: float[n, D], of the new task's evaluations; any numbers where there is none.
      score: float[n], at most 10; NaN where there is none or the evaluation failed.
      source_encoding: float[S, M, D], of the sources' evaluations.
      source_score: float[S, M], higher is better; NaN where failed or padded.
      rehearsals: R, of each past task.
      pool_size: of its evaluations that a rehearsal searches, 10 or more, and more than twice the
        budget.
      budget: of the searches without transfer; those with it may take twice as many.
      warp: of the scores, as the search's, a name of `predictors.normalise`.

    Raises:
      NmjaxError: more than 10 evaluations, shapes that do not fit, fewer than two sources, a pool
        that is too small, or a source with fewer evaluations than a rehearsal takes.
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
            f"Got rehearsals over {pool_size} evaluations by searches of up to {2 * budget}, and "
            f"past tasks of {fewest} or more; {remedy}."
        )
    rehearse_key, resample_key = jax.random.split(key)
    rehearsed = rehearse_transfer(
        rehearse_key,
        knowledge,
        source_encoding,
        source_score,
        jnp.sum(~jnp.isnan(score)),
        rehearsals=rehearsals,
        pool_size=pool_size,
        budget=budget,
        warp=warp,
    )
    features = pool_features(knowledge, encoding)
    signs = read_signs(knowledge.prior, features.pool, features.past_mean, score, warp=warp)
    return judge_by_rehearsals(resample_key, rehearsed, signs, jnp.asarray(float(budget)))


def read_signs(prior: PoolPrior, pool: Pool, past_mean: Array, score: Array, *, warp: str) -> Array:
    """What evaluations say of the past, float[2]; 0 without any.

    The evidence for the transferred prior over the flat one, log(1 + x) of its size as it grows
    with the number of evaluations, and the rank correlation with the sources' mean.

    Args:
      prior: the transferred one and, last, the flat one.
      pool: the n evaluated architectures.
      past_mean: float[n], mean of the sources' predictions.
      score: float[n]; NaN does not count.
      warp: of the scores, a name of `predictors.normalise`.
    """
    state, _ = condition_pool(prior, pool, None, get_warp(warp)(score))
    ratio = state.log_evidence[0] - state.log_evidence[-1]
    return jnp.stack(
        [jnp.sign(ratio) * jnp.log1p(jnp.abs(ratio)), jnp.nan_to_num(spearman(past_mean, score))]
    )


@partial(jax.jit, static_argnames=("rehearsals", "pool_size", "budget", "warp"))
def rehearse_transfer(
    key: Array,
    knowledge: MetaKnowledge,
    encoding: Array,
    score: Array,
    number: Array,
    *,
    rehearsals: int,
    pool_size: int,
    budget: int,
    warp: str,
) -> Rehearsal:
    """Each past task, as it was and negated, as if it were new; T = 2S.

    Its own source is barred, and so is the network, which may have been trained on it.

    Args:
      key: of the draws.
      knowledge: of S sources.
      encoding: float[S, M, D], of their evaluations.
      score: float[S, M]; NaN does not count, and no rehearsal draws it.
      number: int32[], evaluations, at most 10, that the signs are read from.
      rehearsals: R, of each task.
      pool_size: evaluations of a task that a rehearsal searches.
      budget: of the search without transfer.
      warp: of the scores, a name of `predictors.normalise`.
    """
    sources = score.shape[0]
    algorithm = bayesian_search(capacity=2 * budget, warp=warp)
    hyper = default_hyper(2 * budget)

    def one(args: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        key, source, encoding, score = args
        draw_key, search_key = jax.random.split(key)
        noise = jnp.where(jnp.isnan(score), -jnp.inf, jax.random.gumbel(draw_key, score.shape))
        rows = jax.lax.top_k(noise, pool_size)[1]
        features, score = pool_features(knowledge, encoding[rows]), score[rows]
        prior = without_source(knowledge.prior, source, sources=sources)
        predicted = features.pool.features[:, source_features(sources)]
        past_mean = (jnp.sum(predicted, axis=-1) - predicted[:, source]) / (sources - 1)

        few = jnp.where(jnp.arange(MOST_EVALUATIONS) < number, score[:MOST_EVALUATIONS], jnp.nan)
        first = Pool(*(leaf[:MOST_EVALUATIONS] for leaf in features.pool))
        signs = read_signs(prior, first, past_mean[:MOST_EVALUATIONS], few, warp=warp)

        problem = Problem(
            score=score,
            pool=features.pool,
            prior=prior,
            log_weights=knowledge.confidence,
            past_mean=past_mean,
            cost=jnp.ones_like(score),
            neighbours=jnp.zeros((pool_size, 0), jnp.int32),
        )

        def best_so_far(problem: Problem) -> Array:
            # Both searches with the same draws.
            keys = jax.random.clone(search_key)[None]
            _, trace = search_lanes(keys, problem, hyper, algorithm=algorithm, length=2 * budget)
            return jax.lax.cummax(trace.score[0])

        goal = best_so_far(without_transfer(problem))[budget - 1]
        return signs, saved_evaluations(best_so_far(problem), goal)

    def of_task(args: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        keys, *rest = args
        return jax.vmap(lambda key: one((key, *rest)))(keys)

    keys = jax.random.split(key, (2 * sources, rehearsals))
    twice = jnp.tile(jnp.arange(sources), 2)
    both = jnp.concatenate([score, -score])
    signs, saved = jax.lax.map(of_task, (keys, twice, encoding[twice], both))
    weight = jnp.repeat(jnp.array([1, 1 / sources], score.dtype), sources)
    return Rehearsal(signs, saved, weight)


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


def judge_by_rehearsals(key: Array, rehearsed: Rehearsal, signs: Array, budget: Array) -> Advice:
    """What rehearsals say of a task with signs float[F].

    A logistic and a linear regression on standardised signs, under standard normal priors of the
    coefficients; refitted with tasks weighted anew (the Bayesian bootstrap, Rubin, 1981) for the
    intervals.

    Args:
      key: of the resamples.
      rehearsed: T tasks, R times each.
      signs: float[F], of the new task.
      budget: float[], of the searches without transfer, the unit of what is saved.
    """
    size = rehearsed.signs.shape[-1]
    known = rehearsed.signs.reshape(-1, size)
    centre, spread = jnp.mean(known, axis=0), jnp.maximum(jnp.std(known, axis=0), 1e-3)

    def design(signs: Array) -> Array:
        return jnp.append(jnp.ones(1, signs.dtype), (signs - centre) / spread)

    saved = rehearsed.saved / budget
    inputs = jax.vmap(jax.vmap(design))(rehearsed.signs)
    helped = (saved > 0).astype(saved.dtype) + 0.5 * (saved == 0).astype(saved.dtype)

    def fit(weight: Array) -> Array:
        def objective(coefficients: Array) -> Array:
            logit, expected = jnp.einsum("cf,srf->csr", coefficients, inputs)
            log_likelihood = helped * jax.nn.log_sigmoid(logit)
            log_likelihood += (1 - helped) * jax.nn.log_sigmoid(-logit)
            log_likelihood -= 0.5 * jnp.square(saved - expected)
            fitted = jnp.sum(weight * jnp.mean(log_likelihood, axis=-1))
            return fitted - 0.5 * jnp.sum(jnp.square(coefficients))

        return maximise(objective, jnp.zeros((2, size + 1)), steps=_STEPS)[0]

    drawn = jax.random.exponential(key, (_RESAMPLES, len(rehearsed.weight)))
    drawn = drawn * rehearsed.weight[None, :]
    drawn = drawn * jnp.sum(rehearsed.weight) / jnp.sum(drawn, axis=-1, keepdims=True)
    weights = jnp.concatenate([rehearsed.weight[None, :], drawn])
    coefficients = jax.vmap(fit)(weights)
    logit, expected = jnp.moveaxis(coefficients @ design(signs), -1, 0)

    def interval(values: Array) -> Interval:
        return Interval(values[0], *central_range(values[1:], level=_LEVEL))

    return Advice(interval(jax.nn.sigmoid(logit)), interval(budget * expected))
