"""Task embeddings: the change of meta-trained parameters when adapting to a task."""

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
    """Change of all network parameters in the inner loop, float[E], on weighted evaluations.

    The inner loop has the default settings of `LearnConfig`.

    Args:
      network: Meta-trained parameters.
      x: float[n, D], standardized encodings.
      y: float[n], standardized scores, finite.
      weights: float[n], weights with sum 1, or all 0, which gives a zero embedding.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import task_embedding
      >>> from nmjax.knowledge.features import predictor_network
      >>> network = predictor_network().init(jax.random.key(0), 2)
      >>> float(jnp.abs(task_embedding(network, jnp.eye(2), jnp.ones(2), jnp.zeros(2))).max())
      0.0
    """

    def loss(params: PyTree, weights: Array) -> Array:
        return weights @ jnp.square(predictor_network().apply(params, x) - y)

    rate = jnp.asarray(LearnConfig.inner_rate, y.dtype)
    adapted = adapt(network, weights, rate, loss_fn=loss, steps=LearnConfig.inner_steps)
    return ravel_pytree(adapted.params)[0] - ravel_pytree(network)[0]


def embedding_similarity(
    key: Array, network: PyTree, x: Array, predicted: Array, score: Array
) -> Interval:
    """Cosine similarity of the embeddings of the target and each source.

    All tasks adapt on the target's architectures: the target to its scores, a source to its
    predictions there. The embedding of constant scores is subtracted, because it is common to all
    tasks. For pairs with an unseen evaluation, the cosine is uniform from -1 to 1.

    Args:
      key: Random key of the resamples.
      network: Meta-trained parameters.
      x: float[n, D], standardized encodings of the target's evaluations.
      predicted: float[n, S], scores that the sources predict there.
      score: float[n], the target's scores; NaN is ignored.

    Returns:
      Posterior means and 95% intervals, float[S] each.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import embedding_similarity
      >>> from nmjax.knowledge.features import predictor_network
      >>> network = predictor_network().init(jax.random.key(0), 2)
      >>> score = jnp.array([0.1, 0.5])
      >>> predicted = jnp.stack([score, -score], axis=-1)
      >>> same, opposite = embedding_similarity(
      ...     jax.random.key(1), network, jnp.eye(2), predicted, score).estimate
      >>> bool(same > opposite)
      True
    """
    weight_key, unseen_key = jax.random.split(key)
    weights = bootstrap_weights(weight_key, ~jnp.isnan(score), resamples=_RESAMPLES)
    tasks = jnp.concatenate([predicted.T, score[None], jnp.zeros_like(score)[None]])

    def cosines(weights: Array) -> Array:
        def embed(values: Array) -> Array:
            return task_embedding(network, x, standardized(values, weights), weights)

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
