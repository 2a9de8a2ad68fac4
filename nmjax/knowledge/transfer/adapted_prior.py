"""Knowledge adapted to a target by its similarity to the sources."""

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
    """Adapt knowledge to a few evaluations of the target, before a search begins.

    The sources' shares of the prior follow their similarity to the target, as in `adapt_prior`, and
    the components are reweighted by the evidence of the evaluations. The prior is not conditioned
    on them.

    Do not give the same evaluations to the search again, because it would use them twice. If it
    must have them, pass it `result.replace(log_weights=knowledge.log_weights)`, in which only the
    sources' shares depend on them, or `knowledge` itself. The measure "distribution" ignores which
    architecture had which score, so its overlap with the search is small.

    Args:
      key: Random key of the measure.
      knowledge: Knowledge of S sources.
      encoding: float[n, D], encodings of the target's evaluations; any numbers in unused rows.
      score: float[n], higher is better; NaN for failed evaluations and unused rows. Without any
        score, the prior and the weights stay as they were, up to rounding, except with "context".
      source_score: float[S, M], required by "distribution".
      context: float[S + 1, K], required by "context".
      measure: Name of a measure of `compute_task_similarity`.
      fixed_share: Smallest share of its prior weight that a component keeps, in (0, 1).

    Raises:
      NmjaxError: As in `compute_task_similarity`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge, transfer_knowledge, with_capacity
      >>> from nmjax.spaces import Space
      >>> knowledge = with_capacity(default_knowledge(Space(width=[8, 16])), 2)
      >>> transfer_knowledge(
      ...     jax.random.key(0), knowledge, jnp.eye(2), jnp.array([0.1, 0.9])).log_weights.shape
      (2,)
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
    """Shift the sources' mean weights towards the sources that are similar to the target.

    A source's share is proportional to the expectation of the positive part of its similarity,
    under a normal distribution with the estimate and the interval given. Without evaluations all
    shares are equal; a source that is certainly dissimilar gets none. The sum of the sources' mean
    weights stays the same. Variances stay too, so that later evaluations can correct the shares.

    Args:
      prior: K components; the constant and the S sources come first among their features. A
        component that ignores the sources stays as it is.
      similarity: Estimates and 95% intervals float[S], as `compute_task_similarity` returns them.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import adapt_prior
      >>> from nmjax.predictors import PoolPrior
      >>> from nmjax.stats import Interval
      >>> one = jnp.ones(1)
      >>> prior = PoolPrior(jnp.array([[0.0, 0.5, 0.5]]), jnp.ones((1, 3)), one, one, one, one)
      >>> similarity = Interval(*(jnp.array([0.9, -0.9]) for _ in range(3)))
      >>> adapt_prior(prior, similarity).mean.tolist()
      [[0.0, 1.0, 0.0]]
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
