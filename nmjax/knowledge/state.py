"""What carries over from past tasks to a new one, as one pytree."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.predictors import KernelParams, PoolPrior
from nmjax.types import Array, Categorical, PyTree


class FeatureParams(NamedTuple):
    """How an encoding becomes features.

    Attributes:
      location: float[D], mean of each encoded feature over the past.
      scale: float[D], so that every group of features has unit variance in all.
      kernel: of the structure, with a relevance for each encoded feature.
      network: meta-trained parameters.
      network_location: float[h], mean of the network's features over the past.
      network_scale: float[h], their standard deviation, times sqrt(h).
    """

    location: Array
    scale: Array
    kernel: KernelParams
    network: PyTree
    network_location: Array
    network_scale: Array


class SourceModels(NamedTuple):
    """The posterior means of S sources, each a constant and a sum of kernels at its evaluations.

    Attributes:
      position: float[S, M, D], of the evaluations, between which distances are the kernel's.
      weights: float[S, M], 0 where failed or padded.
      constant: float[S].
      mask: bool[S, M], False where failed or padded; a source has one True at least.
    """

    position: Array
    weights: Array
    constant: Array
    mask: Array


class MetaKnowledge(NamedTuple):
    """What past tasks taught.

    A model of a new task has P = 1 + S + h features, in this order: a constant; the S sources'
    predicted scores (`source_features`); h features of the meta-trained network; and a process of
    the structure.

    Attributes:
      params: how an encoding becomes features and a position.
      prior: of a new task; leaves with a leading axis of K = 2, the transferred prior and the flat
        one, which bars the sources and the network.
      sources: what each source predicts.
      sampling: log-probabilities [C, O] of options among the sources' best architectures.
      bounds: int32[C, 2], the lowest and highest option among the sources' best architectures.
      wins: float[], on how many sources, as if they were new, the transferred prior was better.
      log_weights: float[K], log-weights of the components before any evaluation.
    """

    params: FeatureParams
    prior: PoolPrior
    sources: SourceModels
    sampling: Categorical
    bounds: Array
    wins: Array
    log_weights: Array


def flat_prior(prior: PoolPrior) -> PoolPrior:
    """The flat prior alone, the last component, leaves [1, ...]."""
    return jax.tree.map(lambda leaf: leaf[-1:], prior)


def is_source(sources: SourceModels) -> Array:
    """Which places hold a source, bool[S]; the others are room for more."""
    return jnp.any(sources.mask, axis=-1)


def source_features(sources: int) -> slice:
    """Where the scores that S sources predict are among a model's features."""
    return slice(1, 1 + sources)
