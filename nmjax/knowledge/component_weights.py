"""Weights of a prior's components and, within them, of the sources.

Weighting the components that use the past and the flat one by their evidence protects a search from
misleading past tasks.
"""

import jax
import jax.numpy as jnp

from nmjax.knowledge.state import MetaKnowledge, source_features
from nmjax.predictors import PoolPrior
from nmjax.types import Array


def mixture_log_weights(log_prior: Array, log_evidence: Array, fixed_share: Array) -> Array:
    """Posterior log-weights float[K] of the components of a mixture.

    Each is at least `fixed_share` times the component's prior weight. Evidence under a wrong model
    collapses to 0 or 1, and the fixed share (Herbster and Warmuth, 1998) lets a component recover.

    Args:
      log_prior: float[K], normalized log-weights before the observations.
      log_evidence: float[K], log evidence of the observations under each component.
      fixed_share: float[], in [0, 1).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import mixture_log_weights
      >>> weights = mixture_log_weights(jnp.log(jnp.array([0.5, 0.5])), jnp.array([0.0, -99.0]),
      ...                               jnp.array(0.02))
      >>> [f"{weight:.2f}" for weight in jnp.exp(weights)]
      ['0.99', '0.01']
    """
    posterior = jax.nn.log_softmax(log_prior + log_evidence)
    return jnp.logaddexp(jnp.log1p(-fixed_share) + posterior, jnp.log(fixed_share) + log_prior)


@jax.jit
def prior_log_weights(wins: Array) -> Array:
    """Log-weights float[K] of the components before any evaluation; the flat one is the last.

    With W wins of the others on n sources, the others have the weight (2 W - n) / (n + 2) together,
    clipped to between 1 / (n + 2) and 1/2, and share it in proportion to their wins. If the past is
    related, evidence soon raises the weight; if it is not, a larger initial weight would be costly.

    Args:
      wins: float[K], expected number of sources on which each component is the best one.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge.component_weights import prior_log_weights
      >>> jnp.exp(prior_log_weights(jnp.array([3.0, 1.0, 0.0]))).tolist()
      [0.375, 0.125, 0.5]
    """
    number, informed = jnp.sum(wins), jnp.sum(wins[:-1])
    total = jnp.clip((2 * informed - number) / (number + 2), 1 / (number + 2), 0.5)
    first = jnp.zeros_like(wins[:-1]).at[0].set(1)
    share = jnp.where(informed > 0, wins[:-1] / jnp.where(informed > 0, informed, 1), first)
    return jnp.log(jnp.concatenate([total * share, (1 - total)[None]]))


def transfer_weight(log_weights: Array, prior: PoolPrior) -> Array:
    """Weight float[] of the components whose weights of features differ from the flat one's.

    Args:
      log_weights: float[K], normalized log-weights of the components.
      prior: The components, of which the last is flat.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import transfer_weight
      >>> from nmjax.predictors import PoolPrior
      >>> mean, one = jnp.array([[0.0, 1.0], [0.0, 0.0]]), jnp.ones(2)
      >>> prior = PoolPrior(mean, mean, one, one, one, one)
      >>> round(float(transfer_weight(jnp.log(jnp.array([0.75, 0.25])), prior)), 3)
      0.75
    """
    differs = (prior.mean != prior.mean[-1:]) | (prior.variance != prior.variance[-1:])
    return jnp.sum(jnp.where(jnp.any(differs, axis=-1), jnp.exp(log_weights), 0))


def without_network(knowledge: MetaKnowledge) -> MetaKnowledge:
    """Remove the network's component and features from knowledge.

    Args:
      knowledge: Knowledge of past tasks.

    Example:
      >>> from nmjax.knowledge import default_knowledge, without_network
      >>> from nmjax.spaces import Space
      >>> without_network(default_knowledge(Space(width=[8, 16]))).prior.mean.shape
      (2, 1)
    """
    if knowledge.params.network is None:
        return knowledge
    size = source_features(len(knowledge.sources.constant)).stop
    prior = jax.tree.map(lambda leaf: leaf[jnp.array([0, -1])], knowledge.prior)
    wins = knowledge.wins[jnp.array([0, -1])]
    return knowledge.replace(
        params=knowledge.params._replace(network=None),
        prior=prior._replace(mean=prior.mean[:, :size], variance=prior.variance[:, :size]),
        wins=wins,
        log_weights=prior_log_weights(wins),
    )


def without_wins(knowledge: MetaKnowledge) -> MetaKnowledge:
    """Give the components that use the past the smallest initial weight that wins can give them.

    The portfolio is not evaluated first.

    Args:
      knowledge: Knowledge whose replays do not tell how well the past predicts a new task.
    """
    number = jnp.sum(knowledge.wins)
    wins = jnp.zeros_like(knowledge.wins).at[-1].set(number)
    return knowledge.replace(
        wins=wins,
        log_weights=prior_log_weights(wins),
        portfolio_gain=jnp.zeros_like(knowledge.portfolio_gain),
    )


def weight_sources(prior: PoolPrior, weights: Array) -> PoolPrior:
    """Redistribute the sources' mean weights and variances; their sums stay the same.

    Args:
      prior: K components; the constant and the S sources come first among their features. A
        component that ignores the sources stays as it is.
      weights: float[S], share of each source, with sum 1; a source with share 0 is excluded.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import weight_sources
      >>> from nmjax.predictors import PoolPrior
      >>> one, weights = jnp.ones(1), jnp.array([[0.0, 1.0, 1.0]])
      >>> prior = PoolPrior(weights, weights, one, one, one, one)
      >>> weight_sources(prior, jnp.array([0.75, 0.25])).mean.tolist()
      [[0.0, 1.5, 0.5]]
    """
    sources = source_features(weights.shape[0])

    def spread(leaf: Array) -> Array:
        total = jnp.sum(leaf[:, sources], axis=-1, keepdims=True)
        return leaf.at[:, sources].set(total * weights[None, :])

    return prior._replace(mean=spread(prior.mean), variance=spread(prior.variance))
