"""`MetaKnowledge`, the pytree that carries over from past tasks to a new one."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta import LastLayerParams, ProcessParams
from nmjax.predictors import FailureRates, KernelParams, PoolPrior
from nmjax.spaces import Space
from nmjax.types import Array, Categorical, Metric


class FeatureParams(NamedTuple):
    """Parameters that map an encoding to the features of the model.

    Attributes:
      location: float[D], mean of each encoded feature over the past.
      scale: float[D], divisor of each encoded feature, which gives every group of features unit
        total variance.
      kernel: Kernel of the structure, with a relevance for each encoded feature.
      network: Meta-trained network with a Bayesian last layer; None without a network.

    Example:
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import Space
      >>> params = default_knowledge(Space(width=[8, 16, 32])).params
      >>> params.location.shape, params.network
      ((3,), None)
    """

    location: Array
    scale: Array
    kernel: KernelParams
    network: LastLayerParams | None


class SourceModels(NamedTuple):
    """Posterior means of S sources, each a constant plus a weighted sum of kernels.

    Attributes:
      position: float[S, M, D], kernel positions of the evaluations.
      weights: float[S, M], weight of the kernel at each evaluation; 0 where failed or padded.
      constant: float[S], additive constant of each source.
      mask: bool[S, M], False where failed or padded; each source has at least one True.
    """

    position: Array
    weights: Array
    constant: Array
    mask: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False, repr=False)
class MetaKnowledge:
    """Knowledge that past tasks provide about a new one; a pytree with static metadata.

    The model of a new task is a mixture of K components. Each is linear in P = 1 + S + h features,
    in this order: a constant; the scores that the S sources predict (`source_features`); h features
    of the meta-trained network. Each adds a Gaussian process over the structure.

    - The transferred component uses the sources.
    - The network's component uses the network. Without a network there is none.
    - The flat component uses neither, and protects a search from a misleading past.

    Attributes:
      params: Parameters that map an encoding to features and a kernel position.
      prior: Priors of a new task, leaves with a leading axis of K: the transferred one first, the
        flat one last.
      sources: Posterior means of the sources.
      sampling: Log-probabilities [C, O] of options among the sources' best architectures.
      bounds: int32[C, 2], lowest and highest option among the sources' best architectures.
      wins: float[K], expected number of replayed sources on which each component has the highest
        evidence as new tasks; 0 for a network that replays left out.
      log_weights: float[K], log-weights of the components before any evaluation.
      portfolio_gain: float[], mean over replayed sources of `portfolio_gain` as new tasks; a search
        begins with the portfolio if it is positive.
      space: Space of the past tasks' architectures. Static.
      metric: Metric whose score was learned; None if the past has none. Static.
      outcome_transform: Name of the transform of scores in replays and searches. Static.
      failures: Failure rates of the parts of architectures (`spaces.encoded_parts`); None if
        nothing is known.
      own_sources: bool[S], sources of the space itself, which choose the portfolio; the others were
        mapped from other spaces. None if all are of the space itself.
      process: Neural process that was meta-trained on the sources, a further component of searches
        of a pool (`search.add_component`); None without one.

    Example:
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import Space
      >>> from nmjax.types import Metric
      >>> knowledge = default_knowledge(Space(width=[8, 16, 32]))
      >>> knowledge.replace(metric=Metric("accuracy")).metric.name
      'accuracy'
    """

    params: FeatureParams
    prior: PoolPrior
    sources: SourceModels
    sampling: Categorical
    bounds: Array
    wins: Array
    log_weights: Array
    portfolio_gain: Array
    space: Space = field(metadata={"static": True})
    metric: Metric | None = field(default=None, metadata={"static": True})
    outcome_transform: str = field(default="log_lower_tail", metadata={"static": True})
    failures: FailureRates | None = None
    own_sources: Array | None = None
    process: ProcessParams | None = None

    def __repr__(self) -> str:
        goal = "no metric" if self.metric is None else self.metric.goal
        number = self.sources.constant.shape[-1]
        return f"MetaKnowledge({self.space.name!r}, {number} past tasks, {goal})"

    def replace(self, **changes: Any) -> "MetaKnowledge":
        """Return a copy with some fields changed."""
        return replace(self, **changes)


def require_space(knowledge: MetaKnowledge, space: Space) -> None:
    """Check that knowledge applies to a space, that is, that architectures are encoded alike.

    The name of the space and its functions `valid` and `canonical` may differ.

    Args:
      knowledge: Knowledge of past tasks.
      space: Space of the new task.

    Raises:
      NmjaxError: The choices, their options, their order or the cell differ.

    Example:
      >>> from nmjax.knowledge import default_knowledge, require_space
      >>> from nmjax.spaces import Space
      >>> require_space(default_knowledge(Space(width=[8, 16])), Space("other", width=[8, 16]))
    """
    if encodes_alike(knowledge.space, space):
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
    """Check that a metric is the one that knowledge was learned for.

    Knowledge without a metric passes with any.

    Args:
      knowledge: Knowledge of past tasks.
      metric: Metric of the new task.

    Raises:
      NmjaxError: The knowledge has another metric.

    Example:
      >>> from nmjax.knowledge import default_knowledge, require_metric
      >>> from nmjax.spaces import Space
      >>> from nmjax.types import Metric
      >>> knowledge = default_knowledge(Space(width=[8, 16]), Metric("accuracy"))
      >>> require_metric(knowledge, Metric("accuracy"))
    """
    if knowledge.metric is not None and knowledge.metric != metric:
        raise NmjaxError(
            f"Got {metric} with knowledge of {knowledge.metric}; give the same metric, or learn "
            "from past searches with the other one."
        )


def encodes_alike(one: Space, other: Space) -> bool:
    """Whether two spaces encode architectures alike; names, `valid` and `canonical` may differ."""
    return _encoded(one) == _encoded(other)


def _encoded(space: Space) -> tuple[Any, ...]:
    """Parts of a space that determine the encoding of an architecture."""
    return space.choices, space.continuous, space.cell


def _choices(space: Space) -> tuple[Any, ...]:
    return (*space.choices, *space.continuous)


def flat_prior(prior: PoolPrior) -> PoolPrior:
    """The flat prior, which is the last component, leaves [1, ...].

    Args:
      prior: Components, leaves [K, ...].

    Example:
      >>> from nmjax.knowledge import default_knowledge, flat_prior
      >>> from nmjax.spaces import Space
      >>> flat_prior(default_knowledge(Space(width=[8, 16])).prior).mean.shape
      (1, 1)
    """
    flat: PoolPrior = jax.tree.map(lambda leaf: leaf[-1:], prior)
    return flat


def is_source(sources: SourceModels) -> Array:
    """Mask bool[S] of the places that hold a source; the others are unused capacity."""
    return jnp.any(sources.mask, axis=-1)


def is_portfolio_source(knowledge: MetaKnowledge) -> Array:
    """Mask bool[S] of the sources that choose the portfolio."""
    known = is_source(knowledge.sources)
    return known if knowledge.own_sources is None else known & knowledge.own_sources


def source_features(sources: int) -> slice:
    """Slice of a model's features that holds the predictions of S sources.

    Args:
      sources: Number S of sources, unused capacity included.

    Example:
      >>> from nmjax.knowledge import source_features
      >>> source_features(3)
      slice(1, 4, None)
    """
    return slice(1, 1 + sources)
