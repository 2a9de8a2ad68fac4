"""What carries over from past tasks to a new one, as one pytree."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.predictors import KernelParams, PoolPrior
from nmjax.spaces import Space
from nmjax.types import Array, Categorical, Metric, PyTree


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


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class MetaKnowledge:
    """What past tasks teach about a new one: a pytree that knows its space and its metric.

    A model of a new task has P = 1 + S + h features, in this order: a constant; the S sources'
    predicted scores (`source_features`); h features of the meta-trained network. A Gaussian process
    over the structure is added to them.

    Attributes:
      params: how an encoding becomes features and a position.
      prior: of a new task; leaves with a leading axis of K = 2, the transferred prior and the flat
        one, which bars the sources and the network.
      sources: what each source predicts.
      sampling: log-probabilities [C, O] of options among the sources' best architectures.
      bounds: int32[C, 2], the lowest and highest option among the sources' best architectures.
      wins: float[], on how many sources, as if they were new, the transferred prior was better.
      log_weights: float[K], log-weights of the components before any evaluation.
      space: the space of the past tasks' architectures; static.
      metric: the metric whose score was learned; None if the past has none. Static.
      outcome_transform: name of the transform that replays applied to scores, as a search will;
        static.
    """

    params: FeatureParams
    prior: PoolPrior
    sources: SourceModels
    sampling: Categorical
    bounds: Array
    wins: Array
    log_weights: Array
    space: Space = field(metadata={"static": True})
    metric: Metric | None = field(default=None, metadata={"static": True})
    outcome_transform: str = field(default="log_lower_tail", metadata={"static": True})

    def replace(self, **changes: Any) -> "MetaKnowledge":
        """A copy with some fields changed."""
        return replace(self, **changes)


def require_space(knowledge: MetaKnowledge, space: Space) -> None:
    """Check that architectures of a space are encoded as those that were learned from.

    The name of the space and its functions `valid` and `canonical` may differ.

    Raises:
      NmjaxError: choices, options, their order or the cell differ.
    """
    if _encoded(knowledge.space) == _encoded(space):
        return
    pairs = zip(_choices(knowledge.space), _choices(space), strict=False)
    differing = [f"{ours} became {theirs}" for ours, theirs in pairs if ours != theirs]
    numbers = len(_choices(knowledge.space)), len(_choices(space))
    if not differing:
        what = "{} choices became {}".format(*numbers) if numbers[0] != numbers[1] else "the cell"
        differing = [what]
    raise NmjaxError(
        f"Got knowledge of space {knowledge.space.name!r} for space {space.name!r}, which differs: "
        f"{differing[0]}. Learn from past searches of the same space, or map them to it with "
        "map_history."
    )


def require_metric(knowledge: MetaKnowledge, metric: Metric) -> None:
    """Check that a metric is the one whose score was learned.

    Raises:
      NmjaxError: it is another one.
    """
    if knowledge.metric is not None and knowledge.metric != metric:
        raise NmjaxError(
            f"Got {metric} with knowledge of {knowledge.metric}; give the same metric, or learn "
            "from the other one."
        )


def _encoded(space: Space) -> tuple[Any, ...]:
    """What an architecture's encoding depends on."""
    return space.choices, space.continuous, space.cell


def _choices(space: Space) -> tuple[Any, ...]:
    return (*space.choices, *space.continuous)


def flat_prior(prior: PoolPrior) -> PoolPrior:
    """The flat prior alone, the last component, leaves [1, ...]."""
    return jax.tree.map(lambda leaf: leaf[-1:], prior)


def is_source(sources: SourceModels) -> Array:
    """Which places hold a source, bool[S]; the others are room for more."""
    return jnp.any(sources.mask, axis=-1)


def source_features(sources: int) -> slice:
    """Where the scores that S sources predict are among a model's features."""
    return slice(1, 1 + sources)
