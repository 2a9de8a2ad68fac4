"""Encodings as features and positions of a model, with the predictions of the sources."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.knowledge.state import FeatureParams, MetaKnowledge, SourceModels
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
    """A pool as a model sees it.

    Attributes:
      pool: its features and positions.
      past_mean: float[N], mean over sources of their predicted scores.
    """

    pool: Pool
    past_mean: Array


_NETWORK = Network((64, 64), activation="tanh")


def predictor_network() -> Network:
    """The network whose initialization is meta-trained: two hidden layers of 64."""
    return _NETWORK


def group_index(space: Space) -> tuple[int, ...]:
    """The number of each of D encoded features' group, from 0 in order of first appearance."""
    groups = encoding_groups(space)
    order = list(dict.fromkeys(groups))
    return tuple(order.index(group) for group in groups)


def standardize_encoding(location: Array, scale: Array, encoding: Array) -> Array:
    """Encodings float[N, D] of zero mean, and of unit variance in each group, over the past."""
    return (encoding - location[None, :]) / scale[None, :]


def predict_sources(sources: SourceModels, position: Array) -> Array:
    """The scores float[N, S] that the sources predict at positions float[N, D]."""

    def one(source: SourceModels) -> Array:
        return source.constant + unit_matern(position, source.position) @ source.weights

    return jax.lax.map(one, sources).T


def source_scores(knowledge: MetaKnowledge) -> Array:
    """The normal scores float[S, M] that the sources were fitted on; NaN where failed or padded.

    A posterior mean remembers them: it misses each by the noise's share of its weight.
    """
    kernel, sources = knowledge.params.kernel, knowledge.sources
    missed = kernel_noise(kernel) / jnp.exp(kernel.log_amplitude)

    def one(source: SourceModels) -> Array:
        fitted = unit_matern(source.position, source.position) @ source.weights
        score = source.constant + fitted + missed * source.weights
        return jnp.where(source.mask, score, jnp.nan)

    return jax.lax.map(one, sources)


def network_features(params: FeatureParams, standardized: Array) -> Array:
    """The meta-trained network's last activations, float[N, h], standardized over the past.

    Without a network there are none, h = 0.
    """
    if params.network is None:
        return jnp.zeros((len(standardized), 0), standardized.dtype)
    raw = predictor_network().features(params.network, standardized)
    return (raw - params.network_location[None, :]) / params.network_scale[None, :]


def pool_features(knowledge: MetaKnowledge, encoding: Array) -> PoolFeatures:
    """Features and positions of encodings float[N, D] in the model of a new task.

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
    network = network_features(params, standardized)
    constant = jnp.ones((len(predicted), 1), predicted.dtype)
    features = jnp.concatenate([constant, predicted, network], axis=-1)
    return PoolFeatures(Pool(features, position), _mean_over_sources(predicted))


def _mean_over_sources(predicted: Array) -> Array:
    """The mean float[N] of predictions float[N, S]; 0 without a source."""
    if predicted.shape[-1] == 0:
        return jnp.zeros(len(predicted), predicted.dtype)
    return jnp.mean(predicted, axis=-1)
