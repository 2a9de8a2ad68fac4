"""Similarity of each source to the target, estimated from the target's evaluations.

Evaluations are resampled by the Bayesian bootstrap (Rubin, 1981) of a Dirichlet process (Ferguson,
1973) with concentration 1. Unseen evaluations have the weight of one evaluation, and their
similarity may take any value. Intervals are therefore wide with few evaluations, and span the whole
range of the measure without any. Estimates and ends are float[S], one per source; higher means more
similar. Intervals are designed to cover 95%.
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

    Pad evaluations to a fixed n with NaN to reuse one compiled program.

    Args:
      key: Random key of the resamples and draws.
      knowledge: Knowledge of S sources.
      encoding: float[n, D], encodings of the target's evaluations; any numbers in unused rows.
      score: float[n], higher is better; NaN for failed evaluations and unused rows.
      source_score: float[S, M], scores of the sources' evaluations; NaN is ignored. Only
        "distribution" uses it.
      context: float[S + 1, K], contexts of the sources and, last, the target. Only "context" uses
        it, and that measure ignores evaluations.
      measure: "rank" (`rank_similarity` of the sources' predictions), "evidence"
        (`evidence_similarity`), "rgpe" (`rgpe_similarity`), "distribution"
        (`distribution_similarity`), "embedding" (`embedding_similarity`) or "context"
        (`context_similarity`).

    Raises:
      NmjaxError: The measure is unknown, shapes do not fit, or the measure needs `source_score`,
        `context` or a network that is missing.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import compute_task_similarity, default_knowledge, with_capacity
      >>> from nmjax.spaces import Space
      >>> knowledge = with_capacity(default_knowledge(Space(width=[8, 16])), 3)
      >>> compute_task_similarity(
      ...     jax.random.key(0), knowledge, jnp.eye(2), jnp.array([0.1, 0.9])).estimate.shape
      (3,)
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
                f'for {sources} sources; "distribution" needs float[{sources}, M].'
            )
        return distribution_similarity(key, source_score, score)
    if measure == "context":
        if context is None or context.ndim != 2 or len(context) != sources + 1:
            raise NmjaxError(
                f"Got contexts {None if context is None else list(context.shape)} of {sources} "
                f'sources and a target; "context" needs float[{sources + 1}, K].'
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
                'Got knowledge without a network, which "embedding" needs; learn with '
                "LearnConfig(network=True), or choose another measure."
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

    Tied pairs count as neither concordant nor discordant (tau-a). For pairs with an unseen
    evaluation, the correlation is uniform from -1 to 1.

    Args:
      key: Random key of the resamples.
      predicted: float[n, S], scores that the sources predict.
      score: float[n], the target's scores; NaN is ignored.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import rank_similarity
      >>> score = jnp.arange(20.0)
      >>> similarity = rank_similarity(jax.random.key(0), jnp.stack([score, -score], -1), score)
      >>> bool(similarity.low[0] > 0), bool(similarity.high[1] < 0)
      (True, True)
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
    interval: Interval = draws_interval(correlation, level=INTERVAL_LEVEL)
    return interval


def single_source_priors(knowledge: MetaKnowledge) -> PoolPrior:
    """Flat priors centered at each source's predictions and, last, at 0, leaves [S + 1, ...].

    Args:
      knowledge: Knowledge of S sources.

    Example:
      >>> from nmjax.knowledge import default_knowledge, single_source_priors, with_capacity
      >>> from nmjax.spaces import Space
      >>> knowledge = with_capacity(default_knowledge(Space(width=[8, 16])), 2)
      >>> single_source_priors(knowledge).mean.tolist()
      [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    sources = len(knowledge.sources.constant)
    flat = jax.tree.map(lambda leaf: jnp.stack([leaf[-1]] * (sources + 1)), knowledge.prior)
    alone = jnp.eye(sources + 1, sources, dtype=flat.mean.dtype)
    priors: PoolPrior = flat._replace(mean=flat.mean.at[:, source_features(sources)].set(alone))
    return priors


def evidence_similarity(key: Array, prior: PoolPrior, pool: Pool, score: Array) -> Interval:
    """Posterior probabilities of the sources by marginal likelihood.

    The remaining probability is that of the flat prior. The interval resamples the contribution of
    each evaluation to the log evidence (as in pseudo-BMA+, Yao et al., 2018, section 3.4), with
    prior probabilities that are uniform on the simplex.

    Args:
      key: Random key of the resamples.
      prior: Priors of `single_source_priors`, leaves [S + 1, ...].
      pool: Features of the n evaluated architectures.
      score: float[n], transformed scores; NaN is ignored.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import (default_knowledge, evidence_similarity, pool_features,
      ...                              single_source_priors, with_capacity)
      >>> from nmjax.spaces import Space
      >>> knowledge = with_capacity(default_knowledge(Space(width=[8, 16])), 3)
      >>> pool = pool_features(knowledge, jnp.eye(2)).pool
      >>> evidence_similarity(jax.random.key(0), single_source_priors(knowledge), pool,
      ...                     jnp.array([-1.0, 1.0])).estimate.tolist()
      [0.25, 0.25, 0.25]
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
    """Weights of the sources in a ranking-weighted ensemble (RGPE).

    The remaining weight is that of the target's own model. The interval resamples pairs of
    evaluations; of pairs with an unseen evaluation, a uniform fraction is misranked.

    Args:
      key: Random key of the resamples.
      source_draws: float[R, S, n], draws from `sample_sources`.
      target_draws: float[R, n, n], draws from `sample_left_out`.
      score: float[n], the target's scores; NaN is ignored.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import rgpe_similarity
      >>> score = jnp.arange(4.0)
      >>> source_draws = jnp.stack([score, -score])[None]
      >>> rgpe_similarity(
      ...     jax.random.key(0), source_draws, jnp.zeros((1, 4, 4)), score).estimate.tolist()
      [1.0, 0.0]
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
    """Similarity exp(-d) of score distributions, which ignores the architectures.

    Here d is the Wasserstein-1 distance of standardized scores. With few evaluations the similarity
    is biased downwards, equally for all sources. With fewer than two the estimate is 0.5 and the
    interval is from 0 to 1.

    Args:
      key: Random key of the resamples.
      source_score: float[S, M], scores of the sources; NaN is ignored.
      score: float[n], the target's scores; NaN is ignored.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import distribution_similarity
      >>> score = jnp.array([0.1, 0.2, 0.4])
      >>> distribution_similarity(jax.random.key(0), score[None], score).estimate.tolist()
      [1.0]
    """
    source_key, target_key = jax.random.split(key)
    counts, source_counts = ~jnp.isnan(score), ~jnp.isnan(source_score)
    drawn = normalized(bootstrap_weights(target_key, counts))
    sources = source_score.shape[0]
    source_drawn = jax.vmap(lambda key, counts: normalized(bootstrap_weights(key, counts)))(
        jax.random.split(source_key, sources), source_counts
    )

    def similarity(source: Array, source_weight: Array, weight: Array) -> Array:
        source, target = standardized(source, source_weight), standardized(score, weight)
        return jnp.exp(-wasserstein(source, target, source_weight, weight))

    over_draws = jax.vmap(similarity, in_axes=(None, 0, 0))
    resampled = jax.vmap(over_draws, in_axes=(0, 0, None))(source_score, source_drawn, drawn)
    equal = normalized(counts.astype(drawn.dtype))
    source_equal = normalized(source_counts.astype(drawn.dtype))
    estimate = jax.vmap(similarity, in_axes=(0, 0, None))(source_score, source_equal, equal)
    low, high = central_range(resampled.T, level=INTERVAL_LEVEL)
    enough = jnp.sum(counts) > 1
    return Interval(
        jnp.where(enough, estimate, 0.5), jnp.where(enough, low, 0), jnp.where(enough, high, 1)
    )
