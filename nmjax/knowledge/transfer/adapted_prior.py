"""What carries over, bent toward the sources that are like the target."""

from statistics import NormalDist

import jax.numpy as jnp
from jax.scipy.stats import norm
from jax.typing import ArrayLike

from nmjax.knowledge.component_weights import mixture_log_weights
from nmjax.knowledge.features import pool_features
from nmjax.knowledge.similarity.bayesian_bootstrap import INTERVAL_LEVEL
from nmjax.knowledge.similarity.measures import compute_task_similarity
from nmjax.knowledge.state import MetaKnowledge, source_features
from nmjax.predictors import PoolPrior, condition_pool, get_outcome_transform
from nmjax.stats import Interval
from nmjax.types import Array

_NORMAL_WIDTH = 2 * NormalDist().inv_cdf(0.5 * (1 + INTERVAL_LEVEL))


def transfer_knowledge(
    key: Array,
    knowledge: MetaKnowledge,
    encoding: Array,
    score: Array,
    source_score: Array | None = None,
    context: Array | None = None,
    *,
    measure: str = "rank",
    fixed_share: ArrayLike = 0.02,
) -> MetaKnowledge:
    """What is known of a target after a few evaluations of it, to begin a search with.

    Its prior is that of `adapt_prior`, by a measure of similarity; its log_weights is the
    log-weights of the components after the evaluations, by the evidence of the prior as it was
    before it was adapted. So the log_weights counts each evaluation once. The prior is not
    conditioned on them: they move the shares of the sources and nothing else.

    A search that is given the same evaluations again counts them twice in its log_weights, and
    those that moved the shares in its predictions. For such a one take
    `result.replace(log_weights=knowledge.log_weights)`, where the shares alone are counted twice,
    or `knowledge` as it is, where nothing is. Similarities by "distribution" do not read which
    architecture had which score, so that next to nothing is counted twice in them.

    Args:
      key: of the measure.
      knowledge: of S sources.
      encoding: float[n, D], of the target's evaluations; any numbers where there is none.
      score: float[n], higher is better; NaN where there is none or the evaluation failed. With
        none at all, prior and log_weights stay as they were, up to rounding and but for "context".
      source_score: float[S, M], what "distribution" reads.
      context: float[S + 1, K], what "context" reads.
      measure: of similarity, a name that `compute_task_similarity` knows.
      fixed_share: the least share of its weight that a component keeps, in (0, 1).

    Raises:
      NmjaxError: those of `compute_task_similarity`.
    """
    similarity = compute_task_similarity(
        key,
        knowledge,
        encoding,
        score,
        source_score,
        context,
        measure=measure,
    )
    pool = pool_features(knowledge, encoding).pool
    state, _ = condition_pool(
        knowledge.prior, pool, None, get_outcome_transform(knowledge.outcome_transform)(score)
    )
    fixed_share = jnp.asarray(fixed_share, state.log_evidence.dtype)
    return knowledge.replace(
        prior=adapt_prior(knowledge.prior, similarity),
        log_weights=mixture_log_weights(knowledge.log_weights, state.log_evidence, fixed_share),
    )


def adapt_prior(prior: PoolPrior, similarity: Interval) -> PoolPrior:
    """The prior of a target whose expected scores follow the sources by their similarity.

    Each source's share is that of what all are expected to have above 0, under normals with the
    estimates and intervals: where little is known they share alike, and those that are surely
    unlike the target get nothing. By the size of the sum of the sources' mean weights, shares above
    an equal one add to a mean weight and those below take from it; so a positive sum is dealt out
    by shares. Variances stay: what evaluations say later may still correct the shares. A prior that
    is then conditioned on the evaluations behind the similarity counts them twice.

    Args:
      prior: of K components, a constant and the S sources coming first among its features; a
        component that bars the sources stays as it is.
      similarity: of the S sources, as of `compute_task_similarity`: estimates and 95% intervals,
        float[S].
    """
    spread = (similarity.high - similarity.low) / _NORMAL_WIDTH
    unsure = spread > 0
    unit = similarity.estimate / jnp.where(unsure, spread, 1)
    expected = spread * norm.pdf(unit) + similarity.estimate * norm.cdf(unit)
    worth = jnp.where(unsure, expected, jnp.maximum(similarity.estimate, 0))
    total = jnp.sum(worth)
    equal = 1 / worth.shape[0]
    share = jnp.where(total > 0, worth / jnp.where(total > 0, total, 1), equal)
    at_sources = source_features(worth.shape[0])
    size = jnp.abs(jnp.sum(prior.mean[:, at_sources], axis=-1, keepdims=True))
    return prior._replace(mean=prior.mean.at[:, at_sources].add(size * (share - equal)[None, :]))
