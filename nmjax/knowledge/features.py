"""Features and kernel positions of encodings, with the predictions of the sources."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.knowledge.state import MetaKnowledge, SourceModels
from nmjax.meta import LastLayerParams, last_layer_features
from nmjax.predictors import (
    Network,
    Pool,
    kernel_noise,
    kernel_position,
    unit_matern,
)
from nmjax.spaces import Space, encoding_groups
from nmjax.types import Array


class PoolFeatures(NamedTuple):
    """Features of a pool in the model of a new task.

    Attributes:
      pool: Features and kernel positions.
      past_mean: float[N], mean over sources of their predicted scores.
      standardized: float[N, D], standardized encodings.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge, pool_features
      >>> from nmjax.spaces import Space
      >>> pool_features(default_knowledge(Space(width=[8, 16])), jnp.eye(2)).past_mean.tolist()
      [0.0, 0.0]
    """

    pool: Pool
    past_mean: Array
    standardized: Array


_NETWORK = Network((64, 32), activation="tanh")


def predictor_network() -> Network:
    """The network that is meta-trained, with hidden layers of 64 and 32 units."""
    return _NETWORK


def group_index(space: Space) -> tuple[int, ...]:
    """Group index of each of D encoded features, from 0 in order of first appearance."""
    groups = encoding_groups(space)
    order = list(dict.fromkeys(groups))
    return tuple(order.index(group) for group in groups)


def standardize_encoding(location: Array, scale: Array, encoding: Array) -> Array:
    """Standardize encodings float[N, D] by the location float[D] and scale float[D] of the past."""
    return (encoding - location[None, :]) / scale[None, :]


def predict_sources(sources: SourceModels, position: Array) -> Array:
    """Scores float[N, S] that the sources predict at positions float[N, D]."""

    def one(source: SourceModels) -> Array:
        return source.constant + unit_matern(position, source.position) @ source.weights

    predicted: Array = jax.lax.map(one, sources).T
    return predicted


def source_scores(knowledge: MetaKnowledge) -> Array:
    """Recover the normal scores float[S, M] that the sources were fitted on.

    The residual of a posterior mean at an evaluation is the noise variance times its weight, so the
    scores follow from the weights. They are NaN where failed or padded.

    Args:
      knowledge: Knowledge of S sources.

    Example:
      >>> from nmjax.knowledge import default_knowledge, source_scores
      >>> from nmjax.spaces import Space
      >>> source_scores(default_knowledge(Space(width=[8, 16]))).shape
      (0, 1)
    """
    kernel, sources = knowledge.params.kernel, knowledge.sources
    noise = kernel_noise(kernel) / jnp.exp(kernel.log_amplitude)

    def one(source: SourceModels) -> Array:
        fitted = unit_matern(source.position, source.position) @ source.weights
        score = source.constant + fitted + noise * source.weights
        return jnp.where(source.mask, score, jnp.nan)

    scores: Array = jax.lax.map(one, sources)
    return scores


_embed = last_layer_features(_NETWORK.features)


def num_network_features(network: LastLayerParams | None) -> int:
    """Number h of features of a meta-trained network; 0 without one."""
    return 0 if network is None else 1 + network.mean.shape[-1]


def network_features(network: LastLayerParams | None, standardized: Array) -> Array:
    """Features float[N, h] of the meta-trained network, from standardized encodings float[N, D].

    The first is its prediction for a new task before any evaluation, and the weights of the others
    are standard normal around 0.
    """
    if network is None:
        return jnp.zeros((len(standardized), 0), standardized.dtype)
    embedded = _embed(network, standardized)
    return jnp.concatenate([embedded @ network.mean[:, None], embedded], axis=-1)


def pool_features(knowledge: MetaKnowledge, encoding: Array) -> PoolFeatures:
    """Features and positions of encodings in the model of a new task.

    Args:
      knowledge: Knowledge of past tasks.
      encoding: float[N, D], encodings of a pool.

    Example:
      >>> from nmjax.knowledge import default_knowledge, pool_features
      >>> from nmjax.spaces import Space, encode, enumerate_architectures
      >>> space = Space(width=[8, 16, 32])
      >>> encoding = encode(space, enumerate_architectures(space))
      >>> pool_features(default_knowledge(space), encoding).pool.features.shape
      (3, 1)
    """
    params = knowledge.params
    standardized = standardize_encoding(params.location, params.scale, encoding)
    position = kernel_position(params.kernel, standardized)
    predicted = predict_sources(knowledge.sources, position)
    network = network_features(params.network, standardized)
    constant = jnp.ones((len(predicted), 1), predicted.dtype)
    features = jnp.concatenate([constant, predicted, network], axis=-1)
    return PoolFeatures(Pool(features, position), _mean_over_sources(predicted), standardized)


def _mean_over_sources(predicted: Array) -> Array:
    """Mean float[N] over sources of predictions float[N, S]; 0 without a source."""
    if predicted.shape[-1] == 0:
        return jnp.zeros(len(predicted), predicted.dtype)
    return jnp.mean(predicted, axis=-1)
