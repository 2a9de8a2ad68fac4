"""Predictions for a new task by several methods, and measures of their quality."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jax.scipy.stats import norm

from nmjax.knowledge import (
    MetaKnowledge,
    adapt_prior,
    flat_prior,
    mixture_log_weights,
    pool_features,
    rank_similarity,
    source_features,
    without_network,
)
from nmjax.knowledge.similarity.rgpe import (
    misranked_by_all,
    rgpe_weights,
    sample_left_out,
    sample_sources,
    source_variance,
)
from nmjax.predictors import (
    Pool,
    PoolPrior,
    PoolState,
    condition_pool,
    log_lower_tail,
    variance_scale,
)
from nmjax.stats import spearman, student_t_cdf, student_t_log_prob
from nmjax.types import Array

NUMBERS = (0, 5, 10, 20, 50)
DRAWS, FIXED_SHARE = 128, 0.02
FLAT = "flat prior"


class Prediction(NamedTuple):
    """Predictive distribution of N scores.

    Attributes:
      mean: float[N].
      log_density: float[N], at the true score.
      cdf: float[N], probability of a score below the true one.
    """

    mean: Array
    log_density: Array
    cdf: Array


class Quality(NamedTuple):
    """Quality of a prediction.

    Attributes:
      spearman: float[...].
      nll: float[...], nats a score.
      coverage: float[...], the share of scores inside the central 90% interval.
    """

    spearman: Array
    nll: Array
    coverage: Array


def student_ts(state: PoolState, prior: PoolPrior, score: Array) -> Prediction:
    """Predictions of K posteriors, leaves [K, N]."""
    variance = (state.variance + prior.noise[:, None]) * variance_scale(state)[:, None]
    parameters = 2 * state.shape[:, None], state.mean, jnp.sqrt(variance)
    with jax.numpy_rank_promotion("allow"):
        log_density = student_t_log_prob(score, *parameters)
        return Prediction(state.mean, log_density, student_t_cdf(score, *parameters))


def mix(log_weights: Array, components: Prediction) -> Prediction:
    """Prediction of a mixture of K components with leaves [K, N], by log-weights float[K]."""
    weights = jnp.exp(log_weights)
    log_density = logsumexp(log_weights[:, None] + components.log_density, axis=0)
    return Prediction(weights @ components.mean, log_density, weights @ components.cdf)


def normal(mean: Array, variance: Array, score: Array) -> Prediction:
    """Prediction of normal marginals."""
    std = jnp.sqrt(variance)
    return Prediction(mean, norm.logpdf(score, mean, std), norm.cdf(score, mean, std))


def mean_of_sources(past_mean: Array, rows: Array, seen: Array, score: Array) -> Prediction:
    """Normal around the mean of the sources, with the variance of the evaluations seen."""
    mean = (past_mean - jnp.mean(past_mean)) / jnp.std(past_mean)
    squares = jnp.nansum(jnp.square(seen - mean[rows]))
    variance = (1 + squares) / (1 + jnp.sum(~jnp.isnan(seen))).astype(mean.dtype)
    return normal(mean, jnp.full_like(mean, variance), score)


def ensemble(
    wrong: Array, means: Array, variances: Array, noise: Array, score: Array
) -> Prediction:
    """Predict by the ranking-weighted ensemble of S sources and the target's own model.

    Args:
      wrong: float[R, S + 1, n, n], result of `misranked_by_all`.
      means: float[S + 1, N], predictions of the models.
      variances: float[S + 1, N], their variances without noise.
      noise: float[], variance of the noise.
      score: float[N], true scores.
    """
    weights = rgpe_weights(jnp.sum(wrong, axis=(-2, -1)))
    return normal(weights @ means, jnp.square(weights) @ variances + noise, score)


def judge(prediction: Prediction, score: Array, stretch: Array, counts: Array) -> Quality:
    """Measure the quality of a prediction.

    Args:
      prediction: prediction of transformed scores.
      score: float[N], higher is better.
      stretch: float[N], log ratio of the unit of likelihoods to that of the prediction.
      counts: bool[N], scores that count.
    """
    number = jnp.sum(counts).astype(score.dtype)
    log_density = jnp.where(counts, prediction.log_density + stretch, 0)
    inside = (prediction.cdf > 0.05) & (prediction.cdf < 0.95)
    return Quality(
        # The correlation of a constant prediction is undefined.
        jnp.nan_to_num(spearman(prediction.mean, score, counts)),
        -jnp.sum(log_density) / number,
        jnp.sum(jnp.where(counts, inside.astype(score.dtype), 0)) / number,
    )


@jax.jit
def qualities(
    keys: Array, knowledge: MetaKnowledge, encoding: Array, score: Array
) -> dict[str, Quality]:
    """Quality by method after each of `NUMBERS` evaluations, leaves float[L, 5] over searches.

    Args:
      keys: key[L], one for each search.
      knowledge: knowledge of the sources, whose network is left out.
      encoding: float[N, D], encodings of the architectures.
      score: float[N], raw scores of the target; NaN is ignored.
    """
    knowledge = without_network(knowledge)
    features = pool_features(knowledge, encoding)
    pool, sources = features.pool, len(knowledge.sources.constant)
    predicted = pool.features[:, source_features(sources)]
    variances = source_variance(knowledge, pool.position)
    flat = flat_prior(knowledge.prior)

    def slope(reference: Array) -> Array:
        return jax.grad(lambda s: jnp.nansum(log_lower_tail(s, reference)))(score)

    def search(key: Array) -> dict[str, Quality]:
        row_key, source_key, model_key = jax.random.split(key, 3)
        rows = jax.random.permutation(row_key, len(score))[: max(NUMBERS)].astype(jnp.int32)
        counts = jnp.ones(score.shape, bool).at[rows].set(False) & ~jnp.isnan(score)
        at_rows = Pool(pool.features[rows], pool.position[rows])
        source_draws = sample_sources(source_key, knowledge, at_rows.position, draws=DRAWS)

        def after(number: Array) -> dict[str, Quality]:
            target_key, rank_key = jax.random.split(jax.random.fold_in(model_key, number))
            is_seen = jnp.arange(max(NUMBERS)) < number
            evaluated = jnp.where(is_seen, score[rows], jnp.nan)
            reference = jnp.where(
                number > 0, jnp.full_like(score, jnp.nan).at[rows].set(evaluated), score
            )
            transformed = log_lower_tail(score, reference)
            seen = jnp.where(is_seen, transformed[rows], jnp.nan)
            stretch = jnp.log(slope(reference)) - jnp.log(slope(score))

            similarity = rank_similarity(rank_key, predicted[rows], seen)
            adapted = adapt_prior(knowledge.prior, similarity)
            priors = jax.tree.map(
                lambda both, one: jnp.append(both, one[:1], axis=0), knowledge.prior, adapted
            )
            state, _ = condition_pool(priors, pool, rows, seen)
            components = student_ts(state, priors, transformed)

            def bayesian(*which: int) -> Prediction:
                of = jnp.array(which)
                log_prior = knowledge.log_weights if len(which) > 1 else jnp.zeros(1)
                log_weights = mixture_log_weights(
                    log_prior, state.log_evidence[of], jnp.array(FIXED_SHARE)
                )
                return mix(log_weights, Prediction(*(leaf[of] for leaf in components)))

            target_draws = sample_left_out(target_key, flat, at_rows, seen, draws=DRAWS)
            unit = variance_scale(state)[1]
            predictions = {
                FLAT: bayesian(1),
                "mean of sources": mean_of_sources(features.past_mean, rows, seen, transformed),
                "RGPE": ensemble(
                    misranked_by_all(source_draws, target_draws, seen),
                    jnp.append(predicted.T, state.mean[1:2], axis=0),
                    jnp.append(variances, state.variance[1:2] * unit, axis=0),
                    flat.noise[0] * unit,
                    transformed,
                ),
                "transferred prior": bayesian(0),
                "mixture": bayesian(0, 1),
                "adapted mixture": bayesian(2, 1),
            }
            return {name: judge(p, score, stretch, counts) for name, p in predictions.items()}

        return jax.lax.map(after, jnp.array(NUMBERS))

    return jax.lax.map(search, keys)
