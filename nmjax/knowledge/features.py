"""Encodings as features of the head, and what each source makes of them."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.knowledge.state import FeatureParams, MetaKnowledge
from nmjax.predictors import Network, make_network, nystrom_features
from nmjax.spaces import Space, encoding_groups
from nmjax.types import Array


class PoolFeatures(NamedTuple):
    """A pool as the head sees it.

    Attributes:
      head: float[N, F].
      past_mean: float[N], mean over sources of their predicted scores.
    """

    head: Array
    past_mean: Array


def predictor_network() -> Network:
    """The network whose initialisation is meta-trained: two hidden layers of 64."""
    return make_network((64, 64), activation="tanh")


def group_index(space: Space) -> np.ndarray:
    """int32[D], the number of each encoded feature's group, in order of first appearance."""
    groups = encoding_groups(space)
    order = list(dict.fromkeys(groups))
    return np.array([order.index(group) for group in groups], np.int32)


def standardise_encoding(location: Array, scale: Array, encoding: Array) -> Array:
    """Encodings float[N, D] of zero mean, and of unit variance in each group, over the past."""
    return (encoding - location[None, :]) / scale[None, :]


def structural_features(params: FeatureParams, standardised: Array) -> Array:
    """A constant and the kernel's features, float[N, 1 + m], of encodings float[N, D]."""
    kernel = nystrom_features(params.kernel, params.groups, params.landmarks, standardised)
    return jnp.concatenate([jnp.ones_like(kernel[:, :1]), kernel], axis=-1)


def network_features(params: FeatureParams, standardised: Array) -> Array:
    """The meta-trained network's last activations, float[N, h], standardised over the past."""
    raw = predictor_network().features(params.network, standardised)
    return (raw - params.network_location[None, :]) / params.network_scale[None, :]


def pool_features(knowledge: MetaKnowledge, encoding: Array) -> PoolFeatures:
    """The head's features of encodings float[N, D]."""
    params = knowledge.params
    standardised = standardise_encoding(params.location, params.scale, encoding)
    structure = structural_features(params, standardised)
    predicted = structure @ knowledge.sources.T
    network = network_features(params, standardised)
    head = jnp.concatenate([structure[:, :1], predicted, network, structure[:, 1:]], axis=-1)
    return PoolFeatures(head, jnp.mean(predicted, axis=-1))
