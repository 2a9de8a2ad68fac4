"""How alike each source is to the target, as far as the target's few evaluations tell.

Evaluations are resampled by the Bayesian bootstrap (Rubin, 1981) of a Dirichlet process
(Ferguson, 1973) of concentration 1: what was not evaluated has the weight of one evaluation more,
and nothing is known of it. So intervals are wide where there are few evaluations, as wide as can
be where there are none, and a handful that all agree does not pass for certainty. Estimates and
ends are float[S], of each source, higher being more alike; intervals are to hold 95%.
"""

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, unknown_name
from nmjax.knowledge.features import pool_features, standardize_encoding
from nmjax.knowledge.similarity.bayesian_bootstrap import (
    INTERVAL_LEVEL,
    bootstrap_weights,
    normalized,
    pairs_with_unseen,
    standardized,
)
from nmjax.knowledge.similarity.context import context_similarity, source_correlations
from nmjax.knowledge.similarity.embedding import embedding_similarity
from nmjax.knowledge.similarity.rgpe import (
    misranked_by_all,
    rgpe_weights,
    sample_left_out,
    sample_sources,
)
from nmjax.knowledge.state import MetaKnowledge, flat_prior, source_features
from nmjax.predictors import Pool, PoolPrior, condition_pool, get_outcome_transform
from nmjax.stats import Interval, central_range, draws_interval, wasserstein
from nmjax.types import Array

MEASURES = ("rank", "evidence", "rgpe", "distribution", "embedding", "context")
_DRAWS = 128


def compute_task_similarity(
    key: Array,
    knowledge: MetaKnowledge,
    encoding: Array,
    score: Array,
    source_score: Array | None = None,
    context: Array | None = None,
    *,
    measure: str = "rank",
) -> Interval:
    """Similarity of each source to the target, with 95% intervals.

    Whatever the number of evaluations up to n, one trace serves.

    Args:
      key: of the resamples and draws.
      knowledge: of S sources.
      encoding: float[n, D], of the target's evaluations; any numbers where there is none.
      score: float[n], higher is better; NaN where there is none or the evaluation failed.
      source_score: float[S, M], of the sources' evaluations, NaN not counting; what
        "distribution" reads, and no other measure.
      context: float[S + 1, K], of the sources and, last, the target; what "context" reads, and no
        other measure, while it reads no evaluation.
      measure: "rank", `rank_similarity` of what the sources predict; "evidence",
        `evidence_similarity`; "rgpe", `rgpe_similarity`; "distribution",
        `distribution_similarity`; "embedding", `embedding_similarity`; "context",
        `context_similarity`.

    Raises:
      NmjaxError: no measure has that name, shapes do not fit, "distribution" without the sources'
        scores, or "context" without contexts.
    """
    sources = len(knowledge.sources.constant)
    if measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    if score.ndim != 1 or encoding.shape[:1] != score.shape:
        raise NmjaxError(
            f"Got encodings {list(encoding.shape)} and scores {list(score.shape)} of a target; "
            "give float[n, D] and float[n], NaN where there is no score."
        )
    if measure == "distribution":
        if source_score is None or len(source_score) != sources:
            raise NmjaxError(
                f"Got source scores {None if source_score is None else list(source_score.shape)} "
                f"for {sources} sources; to compare distributions give float[{sources}, M]."
            )
        return distribution_similarity(key, source_score, score)
    if measure == "context":
        if context is None or context.ndim != 2 or len(context) != sources + 1:
            raise NmjaxError(
                f"Got contexts {None if context is None else list(context.shape)} of {sources} "
                f"sources and a target; to compare contexts give float[{sources + 1}, K]."
            )
        return context_similarity(key, context, source_correlations(knowledge.sources))
    pool = pool_features(knowledge, encoding).pool
    predicted = pool.features[:, source_features(sources)]
    if measure == "rank":
        return rank_similarity(key, predicted, score)
    if measure == "embedding":
        params = knowledge.params
        if params.network is None:
            raise NmjaxError(
                "Got knowledge without a network, whose embeddings are to be compared; learn with "
                "LearnConfig(network=True), or compare by another measure."
            )
        x = standardize_encoding(params.location, params.scale, encoding)
        return embedding_similarity(key, params.network, x, predicted, score)
    transformed = get_outcome_transform(knowledge.outcome_transform)(score)
    if measure == "evidence":
        return evidence_similarity(key, single_source_priors(knowledge), pool, transformed)
    source_key, target_key, resample_key = jax.random.split(key, 3)
    return rgpe_similarity(
        resample_key,
        sample_sources(source_key, knowledge, pool.position, draws=_DRAWS),
        sample_left_out(target_key, flat_prior(knowledge.prior), pool, transformed, draws=_DRAWS),
        score,
    )


def rank_similarity(key: Array, predicted: Array, score: Array) -> Interval:
    """Kendall's rank correlation of predictions and scores, posterior mean and interval.

    Pairs that tie count as neither concordant nor discordant (tau-a). Of pairs with what was not
    evaluated, every share from none to all may be concordant.

    Args:
      key: of the resamples.
      predicted: float[n, S], by each source.
      score: float[n]; NaN does not count.
    """
    weight_key, unseen_key = jax.random.split(key)
    weights = bootstrap_weights(weight_key, ~jnp.isnan(score))
    order = jnp.nan_to_num(jnp.sign(score[:, None] - score[None, :]))
    agrees = jnp.sign(predicted[:, None] - predicted[None, :]) * order[..., None]
    seen = jnp.einsum("bi,bj,ijs->bs", weights, weights, agrees)
    unseen = pairs_with_unseen(weights)[:, None]
    unknown = jax.random.uniform(unseen_key, unseen.shape, seen.dtype, minval=-1)
    pairs = 1 - jnp.sum(jnp.square(weights), axis=-1, keepdims=True)
    correlation = (seen + unseen * unknown) / pairs
    return draws_interval(correlation, level=INTERVAL_LEVEL)


def single_source_priors(knowledge: MetaKnowledge) -> PoolPrior:
    """The flat prior around what each source alone predicts, and itself, leaves [S + 1, ...]."""
    sources = len(knowledge.sources.constant)
    flat = jax.tree.map(lambda leaf: jnp.stack([leaf[-1]] * (sources + 1)), knowledge.prior)
    alone = jnp.eye(sources + 1, sources, dtype=flat.mean.dtype)
    return flat._replace(mean=flat.mean.at[:, source_features(sources)].set(alone))


def evidence_similarity(key: Array, prior: PoolPrior, pool: Pool, score: Array) -> Interval:
    """Probabilities of the sources by the evidence for each; the rest is the flat prior's.

    The interval resamples what each evaluation adds to the evidence (as pseudo-BMA+ does, Yao et
    al., 2018, section 3.4) under prior probabilities that may be anything, uniform on the simplex.

    Args:
      key: of the resamples.
      prior: around each of S sources and, last, around none.
      pool: the n evaluated architectures.
      score: float[n], transformed; NaN does not count.
    """
    weight_key, prior_key = jax.random.split(key)
    _, so_far = condition_pool(prior, pool, None, score)
    added = jnp.diff(so_far, axis=0, prepend=jnp.zeros_like(so_far[:1]))
    counts = ~jnp.isnan(score)
    weights = normalized(bootstrap_weights(weight_key, counts))
    resampled = jnp.sum(counts).astype(added.dtype) * (weights @ added)
    prior_shape = (resampled.shape[0], added.shape[1])
    log_prior = jnp.log(jax.random.exponential(prior_key, prior_shape, added.dtype))
    probability = jax.nn.softmax(log_prior + resampled)[:, :-1]
    return Interval(
        jax.nn.softmax(so_far[-1])[:-1], *central_range(probability, level=INTERVAL_LEVEL)
    )


def rgpe_similarity(key: Array, source_draws: Array, target_draws: Array, score: Array) -> Interval:
    """The weights of a ranking-weighted ensemble; the rest is that of the target's own model.

    The interval resamples pairs of evaluations. Of pairs with what was not evaluated, every share
    from none to all may be misranked.

    Args:
      key: of the resamples.
      source_draws: float[R, S, n], of `sample_sources`.
      target_draws: float[R, n, n], of `sample_left_out`.
      score: float[n]; NaN does not count.
    """
    weight_key, unseen_key = jax.random.split(key)
    wrong = misranked_by_all(source_draws, target_draws, score)
    weights = bootstrap_weights(weight_key, ~jnp.isnan(score))
    unseen = pairs_with_unseen(weights)
    unknown = jax.random.uniform(unseen_key, (len(weights), 1, wrong.shape[1]), wrong.dtype)
    loss = jnp.einsum("bi,bj,rmij->brm", weights, weights, wrong)
    resampled = rgpe_weights(loss + unseen[:, None, None] * unknown)
    estimate = rgpe_weights(jnp.sum(wrong, axis=(-2, -1)))
    return Interval(estimate[:-1], *central_range(resampled[:, :-1], level=INTERVAL_LEVEL))


def distribution_similarity(key: Array, source_score: Array, score: Array) -> Interval:
    """exp(-d), d the Wasserstein-1 distance of standardized scores; architectures play no part.

    Few evaluations are far from any distribution, so it is biased downwards, for all sources alike.
    With fewer than two it is 0.5, of an interval from 0 to 1.

    Args:
      key: of the resamples, of both sides.
      source_score: float[S, M]; NaN does not count.
      score: float[n]; NaN does not count.
    """
    source_key, target_key = jax.random.split(key)
    counts, source_counts = ~jnp.isnan(score), ~jnp.isnan(source_score)
    drawn = normalized(bootstrap_weights(target_key, counts))
    sources = source_score.shape[0]
    source_drawn = jax.vmap(lambda key, counts: normalized(bootstrap_weights(key, counts)))(
        jax.random.split(source_key, sources), source_counts
    )

    def alike(source: Array, source_weight: Array, weight: Array) -> Array:
        source, target = standardized(source, source_weight), standardized(score, weight)
        return jnp.exp(-wasserstein(source, target, source_weight, weight))

    over_draws = jax.vmap(alike, in_axes=(None, 0, 0))
    resampled = jax.vmap(over_draws, in_axes=(0, 0, None))(source_score, source_drawn, drawn)
    equal = normalized(counts.astype(drawn.dtype))
    source_equal = normalized(source_counts.astype(drawn.dtype))
    estimate = jax.vmap(alike, in_axes=(0, 0, None))(source_score, source_equal, equal)
    low, high = central_range(resampled.T, level=INTERVAL_LEVEL)
    enough = jnp.sum(counts) > 1
    return Interval(
        jnp.where(enough, estimate, 0.5), jnp.where(enough, low, 0), jnp.where(enough, high, 1)
    )
