"""Weights of a prior's components and, within them, of the sources.

The components are the transferred and the flat prior. Weighting them by their evidence guards a
search against a past that misleads.
"""

import jax
import jax.numpy as jnp

from nmjax.knowledge.state import source_features
from nmjax.predictors import PoolPrior
from nmjax.types import Array


def mixture_log_weights(log_prior: Array, log_evidence: Array, fixed_share: Array) -> Array:
    """Posterior log-weights float[K] of components, none below `fixed_share` times its prior
    weight.

    Evidence under a wrong model collapses to 0 or 1; the fixed share (Herbster and Warmuth, 1998)
    lets a component come back.

    Args:
      log_prior: float[K], normalized.
      log_evidence: float[K], of the observations so far.
      fixed_share: float[], in [0, 1).
    """
    posterior = jax.nn.log_softmax(log_prior + log_evidence)
    return jnp.logaddexp(jnp.log1p(-fixed_share) + posterior, jnp.log(fixed_share) + log_prior)


@jax.jit
def prior_log_weights(wins: Array, number: Array) -> Array:
    """Log-weights float[2] of the transferred and the flat prior before any evaluation.

    The share of sources by which wins exceed losses, one more source of each counted: a past that
    explains as often as it misleads is worth next to nothing, and gets no more than one win would
    give it. However alike the past, the transferred prior gets no more than the benefit of the
    doubt: evidence is soon there for it, and a head start is costly where a task is unlike all.

    Args:
      wins: float[], sources on which the transferred prior was the better one.
      number: float[], of sources.
    """
    net = (2 * wins - number) / (number + 2)
    transferred = jnp.clip(net, 1 / (number + 2), 0.5)
    return jnp.log(jnp.stack([transferred, 1 - transferred]))


def weight_sources(prior: PoolPrior, weights: Array) -> PoolPrior:
    """The priors with the sums of the sources' mean weights and variances shared out anew.

    Args:
      prior: of K components, a constant and the S sources coming first among its features; a
        component that bars the sources stays as it is.
      share: float[S], of each source, which add up to 1; 0 bars one.
    """
    sources = source_features(weights.shape[0])

    def spread(leaf: Array) -> Array:
        total = jnp.sum(leaf[:, sources], axis=-1, keepdims=True)
        return leaf.at[:, sources].set(total * weights[None, :])

    return prior._replace(mean=spread(prior.mean), variance=spread(prior.variance))
