"""Task embeddings: the weights of the meta-trained network's last layer, fitted to a task."""

import jax
import jax.numpy as jnp

from nmjax.knowledge.features import network_features
from nmjax.knowledge.similarity.bayesian_bootstrap import (
    INTERVAL_LEVEL,
    bootstrap_weights,
    normalized,
    pairs_with_unseen,
    standardized,
)
from nmjax.meta import LastLayerParams
from nmjax.predictors.kernel import NOISE_FLOOR
from nmjax.stats import Interval, draws_interval
from nmjax.types import Array

_RESAMPLES = 100


def task_embedding(network: LastLayerParams, x: Array, y: Array, weights: Array) -> Array:
    """Posterior mean float[F + 1] of the last layer's weights, on weighted evaluations.

    In units of the prior, whose mean is subtracted: before any evaluation the embedding is 0.

    Args:
      network: Meta-trained network.
      x: float[n, D], standardized encodings.
      y: float[n], standardized scores, finite.
      weights: float[n], nonnegative numbers of times that each evaluation counts.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import task_embedding
      >>> from nmjax.knowledge.features import predictor_network
      >>> from nmjax.meta import init_last_layer
      >>> network = init_last_layer(predictor_network().init(jax.random.key(0), 2), size=32)
      >>> float(jnp.abs(task_embedding(network, jnp.eye(2), jnp.ones(2), jnp.zeros(2))).max())
      0.0
    """
    predicted, *loadings = jnp.split(network_features(network, x), (1,), axis=-1)
    (loading,) = loadings
    noise = jnp.exp(network.log_noise) + NOISE_FLOOR
    weighted = loading * weights[:, None] / noise
    precision = weighted.T @ loading + jnp.eye(loading.shape[-1])
    mean: Array = jnp.linalg.solve(precision, weighted.T @ (y - predicted[:, 0]))
    return mean


def embedding_similarity(
    key: Array, network: LastLayerParams, x: Array, predicted: Array, score: Array
) -> Interval:
    """Cosine similarity of the embeddings of the target and each source.

    All tasks are embedded on the target's architectures: the target by its scores, a source by its
    predictions there. The embedding of constant scores is subtracted, because it is common to all
    tasks. For pairs with an unseen evaluation, the cosine is uniform from -1 to 1.

    Args:
      key: Random key of the resamples.
      network: Meta-trained network.
      x: float[n, D], standardized encodings of the target's evaluations.
      predicted: float[n, S], scores that the sources predict there.
      score: float[n], the target's scores; NaN is ignored.

    Returns:
      Posterior means and 95% intervals, float[S] each.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import embedding_similarity
      >>> from nmjax.knowledge.features import predictor_network
      >>> from nmjax.meta import init_last_layer
      >>> network = init_last_layer(predictor_network().init(jax.random.key(0), 2), size=32)
      >>> score = jnp.array([0.1, 0.5])
      >>> predicted = jnp.stack([score, -score], axis=-1)
      >>> same, opposite = embedding_similarity(
      ...     jax.random.key(1), network, jnp.eye(2), predicted, score).estimate
      >>> bool(same > opposite)
      True
    """
    weight_key, unseen_key = jax.random.split(key)
    weights = bootstrap_weights(weight_key, ~jnp.isnan(score), resamples=_RESAMPLES)
    number = jnp.sum(~jnp.isnan(score)).astype(weights.dtype)
    tasks = jnp.concatenate([predicted.T, score[None], jnp.zeros_like(score)[None]])

    def cosines(weights: Array) -> Array:
        def embed(values: Array) -> Array:
            counts = weights * number
            return task_embedding(network, x, standardized(values, weights), counts)

        *embedded, constant = jax.vmap(embed)(tasks)
        centered = jnp.stack(embedded) - constant[None]
        unit = centered / jnp.maximum(jnp.linalg.norm(centered, axis=-1, keepdims=True), 1e-12)
        cosine: Array = unit[:-1] @ unit[-1]
        return cosine

    seen = jax.lax.map(cosines, normalized(weights))
    unseen = pairs_with_unseen(weights)[:, None]
    unknown = jax.random.uniform(unseen_key, seen.shape, seen.dtype, minval=-1)
    interval: Interval = draws_interval(
        (1 - unseen) * seen + unseen * unknown, level=INTERVAL_LEVEL
    )
    return interval
