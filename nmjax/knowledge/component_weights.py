"""Weights of a prior's components and, within them, of the sources.

The components are the transferred and the flat prior. Weighting them by their evidence protects a
search from misleading past tasks.
"""

import jax
import jax.numpy as jnp

from nmjax.knowledge.state import source_features
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
def prior_log_weights(wins: Array, number: Array) -> Array:
    """Log-weights float[2] of the transferred and the flat prior before any evaluation.

    The weight of the transferred prior is (wins - losses) / (number + 2), clipped to between
    1 / (number + 2) and 1/2. If the past is related, evidence soon raises the weight; if it is not,
    a larger initial weight would be costly.

    Args:
      wins: float[], number of sources on which the transferred prior was the better one.
      number: float[], number of sources.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge.component_weights import prior_log_weights
      >>> jnp.exp(prior_log_weights(jnp.array(4.0), jnp.array(4.0))).tolist()
      [0.5, 0.5]
    """
    net = (2 * wins - number) / (number + 2)
    transferred = jnp.clip(net, 1 / (number + 2), 0.5)
    return jnp.log(jnp.stack([transferred, 1 - transferred]))


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
