"""Tasks as what adapting to them changes in the network that past tasks have trained."""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from nmjax.knowledge.config import LearnConfig
from nmjax.knowledge.features import predictor_network
from nmjax.knowledge.similarity.bayesian_bootstrap import (
    INTERVAL_LEVEL,
    bootstrap_weights,
    normalized,
    pairs_with_unseen,
    standardized,
)
from nmjax.meta import adapt
from nmjax.stats import Interval, draws_interval
from nmjax.types import Array, PyTree

_RESAMPLES = 100


def task_embedding(network: PyTree, x: Array, y: Array, weights: Array) -> Array:
    """What the inner loop changes in all parameters, float[E], by weighted evaluations.

    The loop is the one that `LearnConfig` meta-trains for by default.

    Args:
      network: meta-trained parameters.
      x: float[n, D], standardized encodings.
      y: float[n], standardized scores, finite.
      weights: float[n], of sum 1, or all 0: then nothing changes.
    """

    def loss(params: PyTree, weights: Array) -> Array:
        return weights @ jnp.square(predictor_network().apply(params, x) - y)

    rate = jnp.asarray(LearnConfig.inner_rate, y.dtype)
    adapted = adapt(network, weights, rate, loss_fn=loss, steps=LearnConfig.inner_steps)
    return ravel_pytree(adapted.params)[0] - ravel_pytree(network)[0]


def embedding_similarity(
    key: Array, network: PyTree, x: Array, predicted: Array, score: Array
) -> Interval:
    """Cosine of the embeddings of the target and of each source, posterior mean and interval.

    Both adapt to the same architectures, the target's, one to its scores and one to what the source
    predicts there, so that embeddings do not differ by what was evaluated. They are taken apart
    from that of scores that are all the same, which changes what the network expects of any task.
    With what was not evaluated they may agree to any degree.

    Args:
      key: of the resamples.
      network: meta-trained parameters.
      x: float[n, D], standardized encodings of the target's evaluations.
      predicted: float[n, S], by each source.
      score: float[n]; NaN does not count.
    """
    weight_key, unseen_key = jax.random.split(key)
    weights = bootstrap_weights(weight_key, ~jnp.isnan(score), resamples=_RESAMPLES)
    tasks = jnp.concatenate([predicted.T, score[None], jnp.zeros_like(score)[None]])

    def cosines(weights: Array) -> Array:
        def embed(values: Array) -> Array:
            return task_embedding(network, x, standardized(values, weights), weights)

        *embedded, constant = jax.vmap(embed)(tasks)
        apart = jnp.stack(embedded) - constant[None]
        unit = apart / jnp.maximum(jnp.linalg.norm(apart, axis=-1, keepdims=True), 1e-12)
        return unit[:-1] @ unit[-1]

    seen = jax.lax.map(cosines, normalized(weights))
    unseen = pairs_with_unseen(weights)[:, None]
    unknown = jax.random.uniform(unseen_key, seen.shape, seen.dtype, minval=-1)
    return draws_interval((1 - unseen) * seen + unseen * unknown, level=INTERVAL_LEVEL)
