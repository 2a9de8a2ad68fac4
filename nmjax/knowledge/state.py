"""What carries over from past tasks to a new one, as one pytree."""

from typing import NamedTuple

from nmjax.predictors import KernelParams, LinearPrior
from nmjax.types import Array, Categorical, PyTree


class FeatureParams(NamedTuple):
    """How an encoding becomes features.

    Attributes:
      location: float[D], mean of each encoded feature over the past.
      scale: float[D], so that every group of features has unit variance in all.
      groups: int32[D], the group of each encoded feature.
      kernel: of the structure, fitted by evidence on past tasks.
      landmarks: float[m, D], standardised encodings that span the structural features.
      network: meta-trained parameters.
      network_location: float[h], mean of the network's features over the past.
      network_scale: float[h], their standard deviation, times sqrt(h).
    """

    location: Array
    scale: Array
    groups: Array
    kernel: KernelParams
    landmarks: Array
    network: PyTree
    network_location: Array
    network_scale: Array


class MetaKnowledge(NamedTuple):
    """What past tasks taught.

    The head's F features are, in this order: a constant; the S sources' predicted scores; h
    features of the meta-trained network; m structural features. F = 1 + S + h + m.

    Attributes:
      params: how an encoding becomes features.
      prior: of the head's weights; leaves with a leading axis of K = 2, the transferred prior and
        the flat one, which bars the sources and the network.
      sources: float[S, 1 + m], mean weights of each source over a constant and the structure.
      sampling: probabilities [C, O] of options among the sources' best architectures.
      bounds: int32[C, 2], the lowest and highest option among the sources' best architectures.
      confidence: float[K], log-weights of the components before any evaluation.
    """

    params: FeatureParams
    prior: LinearPrior
    sources: Array
    sampling: Categorical
    bounds: Array
    confidence: Array
