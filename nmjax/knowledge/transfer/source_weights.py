"""What the priors give to the sources together, and to each."""

import jax.numpy as jnp

from nmjax.knowledge.state import source_features
from nmjax.predictors import PoolPrior
from nmjax.types import Array


def share_among_sources(prior: PoolPrior, share: Array) -> PoolPrior:
    """The priors with the sums of the sources' mean weights and variances shared out anew.

    Args:
      prior: of K components, a constant and the S sources coming first among its features; a
        component that bars the sources stays as it is.
      share: float[S], of each source, which add up to 1; 0 bars one.
    """
    sources = source_features(share.shape[0])

    def spread(leaf: Array) -> Array:
        total = jnp.sum(leaf[:, sources], axis=-1, keepdims=True)
        return leaf.at[:, sources].set(total * share[None, :])

    return prior._replace(mean=spread(prior.mean), variance=spread(prior.variance))
