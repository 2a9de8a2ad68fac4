"""What carries over, bent towards the sources that are like the target."""

import jax.numpy as jnp

from nmjax.knowledge.similarity import Similarity
from nmjax.predictors import PoolPrior


def adapt_prior(prior: PoolPrior, similarity: Similarity) -> PoolPrior:
    """The prior of a target whose expected scores follow the sources by their similarity.

    Of the sum of the sources' mean weights, each gets the share that its estimate has of all
    positive ones; where none is positive, all get the same. Variances stay: what evaluations say
    later may still correct the shares. A prior that is then conditioned on the evaluations behind
    the similarity counts them twice.

    Args:
      prior: of K components, a constant and the S sources coming first among its features; a
        component that bars the sources stays as it is.
      similarity: of the S sources.
    """
    worth = jnp.maximum(similarity.estimate, 0)
    total = jnp.sum(worth)
    share = jnp.where(total > 0, worth / jnp.where(total > 0, total, 1), 1 / worth.shape[0])
    at_sources = slice(1, 1 + worth.shape[0])
    together = jnp.sum(prior.mean[:, at_sources], axis=-1, keepdims=True)
    return prior._replace(mean=prior.mean.at[:, at_sources].set(together * share[None, :]))
